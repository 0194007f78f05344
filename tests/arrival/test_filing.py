from packsight.arrival.filing import place_for, put


def test_files_go_below_the_day_and_never_over_another(tmp_path):
    (tmp_path / "top").mkdir()
    path = tmp_path / "top" / "1.png"
    path.write_bytes(b"first")
    first = place_for(path, tmp_path, "done")
    assert first.parts[-4] == "done"
    assert first.parts[-2:] == ("top", "1.png")
    put(path, first)
    path.write_bytes(b"other")
    second = place_for(path, tmp_path, "done")
    assert second.name == "1~2.png"
    put(path, second)
    path.write_bytes(b"first")
    assert place_for(path, tmp_path, "done") == first
    assert (first.read_bytes(), second.read_bytes()) == (b"first", b"other")
