"""When an image was taken: as its layout says, as EXIF does, or as its file was changed."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from PIL import ExifTags, Image

from packsight.domain import SplitBy
from packsight.errors import UserError
from packsight.preparation.scan import UsableImage

# Seconds of a number of so many digits; of others it cannot be known what they count.
_COUNTED = {10: 1.0, 13: 1e-3, 16: 1e-6, 19: 1e-9}
_FORMS = (
    r"(?P<year>\d{4})[-/.:]?(?P<month>\d\d)[-/.:]?(?P<day>\d\d)",
    r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})",  # with points the day stands first
)
_CLOCK = (
    r"(?:[T _-]*(?P<hour>\d\d)[:.h-]?(?P<minute>\d\d)(?:[:.m-]?(?P<second>\d\d)"
    r"(?:[.,_](?P<part>\d{1,9}))?)?)?"
)
_ZONE = r" ?(?P<zone>Z|UTC|[+-]\d\d:?\d\d)?"
_TIMES = [re.compile(form + _CLOCK + _ZONE, re.IGNORECASE) for form in _FORMS]


def parse_time(text: str) -> float | None:
    """Seconds since 1970 of a date, with or without a time of day; None for what is none.

    2024-05-17T08:15:30.25+02:00, 20240517_081530, 17.05.2024 08:15, or Unix time in seconds to
    nanoseconds. Without a zone it is taken to be UTC. 05/06/2024 is none: it may be May or June.
    """
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) in _COUNTED:
        return int(text) * _COUNTED[len(text)]
    found = next(filter(None, (form.fullmatch(text) for form in _TIMES)), None)
    if found is None:
        return None
    said = found.groupdict()
    year, month, day, hour, minute, second = (
        int(said[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second")
    )
    try:
        seconds = datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:  # the 31st of June
        return None
    zone = (said["zone"] or "").upper().replace(":", "")
    if zone not in ("", "Z", "UTC"):
        sign = 1 if zone[0] == "+" else -1
        seconds -= sign * (3600 * int(zone[1:3]) + 60 * int(zone[3:]))
    return seconds + (float(f"0.{said['part']}") if said["part"] else 0.0)


def exif_time(file: Path) -> float | None:
    """When EXIF says that an image was taken (DateTimeOriginal); None where it does not."""
    try:
        with Image.open(file) as image:
            tags = image.getexif().get_ifd(ExifTags.IFD.Exif)
    except (OSError, ValueError, SyntaxError):  # of tags that are damaged
        return None
    said = str(tags.get(ExifTags.Base.DateTimeOriginal, "")).strip("\0 ")
    part = str(tags.get(ExifTags.Base.SubsecTimeOriginal, "")).strip("\0 ")
    zone = str(tags.get(ExifTags.Base.OffsetTimeOriginal, "")).strip("\0 ")
    exact = parse_time(f"{said}.{part}{zone}") if part.isdigit() else parse_time(f"{said}{zone}")
    return parse_time(said) if exact is None else exact


def package_times(images: Sequence[UsableImage], root: Path, split: SplitBy) -> pd.Series:
    """The newest time of each package's images, seconds by serial.

    By the layout; where it tells of no image, by EXIF; the file's own only where `split` says so.
    Raises UserError where a package has none.
    """
    told = [image for image in images if image.time]
    times: list[float | None]
    if split == SplitBy.BY_FILE_TIME:
        times = [(root / image.path).stat().st_mtime for image in images]
    elif told:
        times = [parse_time(image.time) for image in images]
    else:
        times = [exif_time(root / image.path) for image in images]
    table = pd.DataFrame({"serial": [image.serial for image in images], "time": times})
    newest = table.astype({"time": float}).groupby("serial")["time"].max()
    lacking = newest.index[newest.isna()]
    if len(lacking):
        said = next((f", with the time {i.time!r}" for i in told if i.serial == lacking[0]), "")
        raise UserError(
            f"data.split={split} needs a time of every package, and {len(lacking)} of "
            f"{len(newest)} have none that can be read (such as {lacking[0]}{said}); tell it as "
            "2024-05-17 08:15:30, by a table's column or {time} in a pattern, or use "
            "data.split=random."
        )
    return newest


def shown(seconds: float) -> str:
    """A time as text, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
