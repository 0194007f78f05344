import numpy as np
from fake_line import FakeLine, picture

from packsight.imaging.decode import read_rgb
from packsight.ledger.ledger import Ledger
from packsight.receivers.annotation import HEIGHT, STRIP, Annotations, annotated


def test_both_cameras_stand_side_by_side_below_the_decision(tmp_path):
    files = {camera: tmp_path / f"1_{camera}.png" for camera in ("top", "side")}
    for file in files.values():
        file.write_bytes(picture(50, (270, 480)))
    verdict = FakeLine().decide("1", files)
    frames = {camera: read_rgb(file) for camera, file in files.items()}
    drawn = annotated(verdict, frames)
    assert drawn.shape == (STRIP + HEIGHT, 2 * HEIGHT * 480 // 270, 3)
    red, green, _ = drawn[2, -2]  # of the strip: a package that is rejected
    assert red > 2 * int(green)
    body = drawn[STRIP:]
    changed = np.abs(body.astype(int) - 50).max(axis=2) > 40
    # The outline of the window goes through its corners, turned by its angle, and not elsewhere.
    window = verdict.images[0].window
    matrix = window.matrix((round(window.height), round(window.width)))
    x, y = np.linalg.solve(matrix[:, :2], -matrix[:, 2]) * HEIGHT / 270
    assert changed[round(y) - 3 : round(y) + 4, round(x) - 3 : round(x) + 4].any()
    assert not changed[200:300, 400:500].any()


def test_an_image_that_cannot_be_read_leaves_its_place(tmp_path):
    file = tmp_path / "1_top.png"
    file.write_bytes(picture(50, (270, 480)))
    files = {"top": file, "side": tmp_path / "none.png"}
    drawn = annotated(FakeLine().decide("1", files), {"top": read_rgb(file)})
    assert drawn.shape[1] == 2 * HEIGHT * 480 // 270


def test_what_was_not_accepted_is_drawn(tmp_path):
    ledger, line = Ledger(tmp_path / "ledger.sqlite"), FakeLine(["top"])
    for serial, brightness in (("1", 10), ("2", 250)):
        file = tmp_path / f"{serial}_top.png"
        file.write_bytes(picture(brightness))
        ledger.decide(line.decide(serial, {"top": file}), [])
    annotations = Annotations(tmp_path / "annotated", ["reject", "inspect"])
    annotations.begin(ledger)
    assert [*annotations.deliver(ledger.after(0, 10))] == [1, 2]
    assert [file.name for file in (tmp_path / "annotated").rglob("*.jpg")] == ["1_1_reject.jpg"]
