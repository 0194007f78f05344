"""When an image was taken."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from packsight.domain import SplitBy
from packsight.errors import UserError
from packsight.preparation.scan import UsableImage
from packsight.preparation.times import exif_time, package_times, parse_time

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2024-05-17T12:00:00", NOON),
        ("2024-05-17 12:00", NOON),
        ("2024-05-17 12:00:00.250000", NOON + 0.25),
        ("2024-05-17T12:00:00,5Z", NOON + 0.5),
        ("2024-05-17 14:00:00+02:00", NOON),
        ("2024-05-17T08:30-0330", NOON),
        ("20240517_120000", NOON),
        ("20240517120000", NOON),
        ("2024-05-17-12-00-00", NOON),
        ("2024:05:17 12:00:00", NOON),
        ("17.05.2024 12:00", NOON),
        ("20240517", NOON - 12 * 3600),
        ("2024/05/17", NOON - 12 * 3600),
        (f"{NOON:.0f}", NOON),
        (f"{NOON * 1e3:.0f}", NOON),
    ],
)
def test_times_are_read_as_people_and_machines_write_them(text, seconds):
    assert parse_time(text) == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(
    "text",
    ["", "now", "05/06/2024", "17", "2024-13-01", "31.06.2024", "2024-05-17 25:00", "²" * 10],
)
def test_what_is_no_time_or_could_be_two_is_none(text):
    assert parse_time(text) is None


def image(root: Path, name: str, time: str = "", exif: str = "", age: float = 0.0) -> UsableImage:
    tags = Image.Exif()
    if exif:
        tags.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = exif
    picture = Image.fromarray(np.zeros((4, 4, 3), np.uint8))
    picture.save(root / name, exif=tags)
    os.utime(root / name, (NOON - age, NOON - age))
    return UsableImage(
        path=name, serial=name[0], perspective="top", label="intact", part="", time=time,
        file=root / name, suffix=".jpg", width=4, height=4, sha256=name, package_box=[],
        damage_boxes=[], mask=None,
    )  # fmt: skip


def test_a_package_is_as_new_as_its_newest_image_by_the_layout(tmp_path):
    images = [
        image(tmp_path, "a1.jpg", "2024-05-17", "2030:01:01 00:00:00"),
        image(tmp_path, "a2.jpg", "2024-05-18"),
        image(tmp_path, "a3.jpg", ""),
        image(tmp_path, "b.jpg", "2024-05-16"),
    ]
    times = package_times(images, tmp_path, SplitBy.BY_TIME)
    day = timedelta(days=1).total_seconds()
    assert times.to_dict() == {"a": NOON + day / 2, "b": NOON - 1.5 * day}


def test_exif_tells_where_the_layout_tells_of_no_image(tmp_path):
    images = [image(tmp_path, "a.jpg", exif="2024:05:17 12:00:00", age=99)]
    assert package_times(images, tmp_path, SplitBy.BY_TIME).to_dict() == {"a": NOON}
    (tmp_path / "none.jpg").write_bytes(b"no image")
    assert exif_time(tmp_path / "none.jpg") is None


def test_a_files_own_time_counts_only_where_that_is_asked_for(tmp_path):
    images = [image(tmp_path, "a.jpg", age=5), image(tmp_path, "b.jpg", "2024-05-17")]
    found = package_times(images, tmp_path, SplitBy.BY_FILE_TIME)
    assert found.to_dict() == {"a": NOON - 5, "b": NOON}
    with pytest.raises(UserError, match=r"1 of 2 have none that can be read \(such as a\)"):
        package_times(images, tmp_path, SplitBy.BY_TIME)


def test_a_time_that_cannot_be_read_is_shown(tmp_path):
    images = [image(tmp_path, "a.jpg", "05/06/2024")]
    with pytest.raises(UserError, match=r"\(such as a, with the time '05/06/2024'\); tell it as"):
        package_times(images, tmp_path, SplitBy.BY_TIME)
