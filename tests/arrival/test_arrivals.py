import os
import threading
import time

from fake_line import picture, write

from packsight.arrival.arrivals import DEEP_S, Arrivals
from packsight.preparation.layout import Name
from packsight.preparation.layout_standard import parse_name
from packsight.preparation.vocabulary import Vocabulary

WORDS = Vocabulary()


def name(path: str) -> Name:
    return parse_name(path.rpartition("/")[2].partition(".")[0], WORDS)


def names(arrived) -> list[str]:
    return [each.path.name for each in arrived]


def test_a_whole_image_is_handed_out_at_the_second_look_and_once(tmp_path):
    arrivals = Arrivals([tmp_path], name, settle=10)
    write(tmp_path, "1_top.png", picture(100))
    assert not arrivals.look(0.0)
    assert arrivals.coming["1", "top"] == 1
    [arrived] = arrivals.look(0.1)
    assert arrived.name == Name("1", "top")
    assert arrived.place == f"{tmp_path.name}/1_top.png"
    arrivals.taken(arrived)
    assert not arrivals.coming
    assert not any(arrivals.look(float(second)) for second in range(1, 100))


def test_an_image_without_its_end_is_handed_out_once_it_has_settled(tmp_path):
    arrivals = Arrivals([tmp_path], name, settle=10)
    (tmp_path / "1_top.png").write_bytes(picture(100)[:-1])
    (tmp_path / "2_top.tif").write_bytes(b"what shows no end")
    assert not any(arrivals.look(second) for second in (0.0, 1.0, 9.9))
    assert names(arrivals.look(10.0)) == ["1_top.png", "2_top.tif"]


def test_every_growth_begins_the_time_anew(tmp_path):
    arrivals = Arrivals([tmp_path], name, settle=10)
    file = tmp_path / "1_top.png"
    content = picture(100)
    for second in range(0, 60, 9):
        file.write_bytes(content[: second + 1])
        assert not arrivals.look(float(second))
    file.write_bytes(content)
    assert not arrivals.look(61.0)
    assert names(arrivals.look(61.1)) == ["1_top.png"]


def test_a_writer_that_takes_two_seconds_for_a_file_is_never_read_early(tmp_path):
    content = picture(100, mark=3)

    def write_slowly() -> None:
        for number in range(2):
            with (tmp_path / f"{number}_top.png").open("wb") as file:
                for part in range(5):  # pauses that are longer than many looks
                    file.write(content[part * len(content) // 5 : (part + 1) * len(content) // 5])
                    file.flush()
                    time.sleep(0.4)

    arrivals = Arrivals([tmp_path], name, settle=1.5)
    writer = threading.Thread(target=write_slowly)
    writer.start()
    found, end = [], time.monotonic() + 9
    while time.monotonic() < end and len(found) < 2:
        for arrived in arrivals.look(time.monotonic()):
            assert arrived.path.read_bytes() == content
            found.append(arrived.path.name)
        time.sleep(0.02)
    writer.join()
    assert found == ["0_top.png", "1_top.png"]


def test_new_content_under_an_old_name_is_handed_out_again(tmp_path):
    arrivals = Arrivals([tmp_path], name, settle=10)
    write(tmp_path, "1_top.png", picture(100))
    arrivals.look(0.0)
    assert arrivals.look(0.1)
    write(tmp_path, "1_top.png", picture(200))
    arrivals.look(DEEP_S + 1)
    assert names(arrivals.look(DEEP_S + 2)) == ["1_top.png"]


def test_what_is_known_hidden_or_no_image_is_left_alone(tmp_path):
    told = []
    (tmp_path / "done").mkdir()
    (tmp_path / "day" / "shift").mkdir(parents=True)
    for place in ("old_top.png", ".hidden_top.png", "done/2_top.png", "day/shift/3_top.png"):
        (tmp_path / place).write_bytes(picture(100))
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "more.txt").write_text("")
    arrivals = Arrivals(
        [tmp_path], name, settle=10, skip=[tmp_path / "done"], told=told.append,
        known=lambda path, size, changed: path.name.startswith("old"),
    )  # fmt: skip
    arrivals.look(0.0)
    assert names(arrivals.look(0.1)) == ["3_top.png"]
    assert told == ["files ending in .txt are left alone: they are no images"]


def test_a_file_that_goes_before_it_is_complete_is_awaited_no_more(tmp_path):
    arrivals = Arrivals([tmp_path], name, settle=10)
    (tmp_path / "1_top.png").write_bytes(b"begun")
    arrivals.look(0.0)
    (tmp_path / "1_top.png").unlink()
    assert not arrivals.look(0.1)
    assert not arrivals.coming


def test_many_files_that_stay_cost_little_once_they_are_known(tmp_path):
    content = picture(100)
    for number in range(2000):
        (tmp_path / f"{number}_top.png").write_bytes(content)
    os.utime(tmp_path, (time.time() - 60, time.time() - 60))
    arrivals = Arrivals([tmp_path], name, settle=10)
    arrivals.look(0.0)
    started = time.perf_counter()
    assert len(arrivals.look(0.1)) == 2000
    first = time.perf_counter() - started
    started = time.perf_counter()
    for look in range(20):  # of files that did not change, in a folder that did not
        assert not arrivals.look(0.2 + look / 10)
    assert (time.perf_counter() - started) / 20 < first / 10
