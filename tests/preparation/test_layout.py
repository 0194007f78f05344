"""What a file is, told from its path alone, and every file found or named."""

import os
from pathlib import Path

import pytest

from packsight.preparation.layout import (
    Candidate,
    Name,
    Rejected,
    by_role,
    is_image,
    walk,
)
from packsight.preparation.layout_standard import StandardLayout, parse_name
from packsight.preparation.vocabulary import Vocabulary

read = StandardLayout().reader(Path(), []).read

A = "0000000000017"


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        (f"{A}_top", (A, "top")),
        (f"{A}_SIDE", (A, "side")),
        (f"{A}_Top", (A, "top")),
        (f"{A}_later_top", (A, "top")),
        (f"{A}0_top", (f"{A}0", "top")),
        ("pkg_001_von_oben", ("pkg_001", "top")),
        ("größe 1_Lateral", ("größe 1", "side")),
        (f"{A}", (A, None)),
        (f"{A}_top_2", (A, "top", 2)),
        ("a_b_von_oben_007", ("a_b", "top", 7)),
        ("7_2", (None, None)),
        (f"{A}_desktop", (A, None)),
        ("camera_side", ("camera", "side")),
        ("", (None, None)),
    ],
)
def test_a_name_tells_serial_and_camera_whatever_its_case(stem, name):
    assert parse_name(stem, Vocabulary()) == Name(*name)


@pytest.mark.parametrize(
    "path",
    [f"damaged/top/{A}_top.png", f"Damaged/TOP/{A}_TOP.PNG", f"x/DAMAGED/Top/{A}_tOp.JpEg"],
)
def test_labels_cameras_and_suffixes_are_read_whatever_their_case(path):
    assert read(path) == Candidate(path, A, "top", "damaged", "")
    assert is_image(path)


@pytest.mark.parametrize(
    "name", [f"{A}_later_top", f"{A}_later_top_2", f"{A}top", "_top", "nan_top"]
)
def test_prepare_wants_serial_and_camera_alone(name):
    fits = read(f"damaged/top/{name}.png")
    assert isinstance(fits, Rejected)
    assert fits.reason in ("name is not <serial>_<perspective>", "no serial")


def test_masks_are_not_images_whatever_the_case_of_their_folder():
    assert is_image(Path("a/b.WEBP"))
    assert not is_image("a/b.gif")
    assert not is_image("masks/b.png")
    assert not is_image("a/Masks/top/b.png")


def test_a_second_annotation_or_mask_of_an_image_is_told():
    paths = [f"damaged/top/{A}_TOP.XML", f"damaged/top/{A}_top.xml", "damaged/top/other.xml",
             f"masks/damaged/top/{A}_TOP.png", f"masks/damaged/top/{A}_top.png"]  # fmt: skip
    masks, annotations, others, rejected = by_role(paths, read)
    assert list(masks.values()) == [paths[3]]
    assert list(annotations.values()) == [paths[0], paths[2]]
    assert others == []
    assert [item.path for item in rejected] == [paths[1], paths[4]]
    assert all("the first is" in item.detail for item in rejected)


def touch(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def test_files_come_sorted_without_hidden_ones(tmp_path):
    touch(tmp_path, "b/2.png", "b/10.png", "a.png", ".x/c.png", "b/.y.png", "__MACOSX/d.png")
    assert walk(tmp_path) == (["a.png", "b/10.png", "b/2.png"], [])


def test_links_to_files_and_folders_are_followed(tmp_path):
    touch(tmp_path, "store/1.png", "store/inner/2.png")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "top").symlink_to(tmp_path / "store")
    (tmp_path / "source" / "3.png").symlink_to(tmp_path / "store" / "1.png")
    assert walk(tmp_path / "source") == (["3.png", "top/1.png", "top/inner/2.png"], [])


def test_links_in_a_circle_are_followed_once_and_told(tmp_path):
    touch(tmp_path, "source/a/1.png", "source/b/2.png")
    (tmp_path / "source/a/up").symlink_to(tmp_path / "source")
    (tmp_path / "source/a/outside").symlink_to(tmp_path)
    (tmp_path / "source/b/other").symlink_to(tmp_path / "source/a")
    files, rejected = walk(tmp_path / "source")
    assert {"a/1.png", "b/2.png", "b/other/1.png"} <= set(files)
    assert len(files) < 12
    assert Rejected("a/up", "link to a folder that it lies in") in rejected
    assert {item.reason for item in rejected} == {"link to a folder that it lies in"}


def test_what_cannot_be_read_is_told(tmp_path, monkeypatch):
    touch(tmp_path, "good.png", "closed/1.png")
    (tmp_path / "lost.png").symlink_to(tmp_path / "absent.png")
    (tmp_path / "self.png").symlink_to("self.png")
    os.mkfifo(tmp_path / "pipe.png")
    listed = os.scandir

    def refuse(folder: Path):
        if Path(folder).name == "closed":
            raise PermissionError(13, "Permission denied")
        return listed(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    assert walk(tmp_path) == (
        ["good.png"],
        [
            Rejected("closed", "unreadable folder", "Permission denied"),
            Rejected("lost.png", "broken link"),
            Rejected("pipe.png", "no plain file"),
            Rejected("self.png", "broken link"),
        ],
    )


def test_a_name_that_is_not_utf8_is_told(tmp_path):
    odd = os.fsencode(tmp_path) + b"/gr\xfc\xdfe"
    try:
        os.mkdir(odd)  # noqa: PTH102
    except OSError:
        pytest.skip("this file system has UTF-8 names alone")
    with open(odd + b"/1.png", "wb"):  # noqa: PTH123
        pass
    touch(tmp_path, "größe.png")
    files, rejected = walk(tmp_path)
    assert files == ["größe.png"]
    assert rejected == [Rejected("gr\\xfc\\xdfe/1.png", "name is not UTF-8", "rename it")]
