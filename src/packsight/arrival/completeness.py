"""Whether an image file shows its end, told from a few of its bytes."""

from pathlib import Path
from typing import BinaryIO

_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"\x00\x00\x00\x00IEND\xaeB`\x82"
_JPEG, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_SCAN = 0xDA  # the segment after which a JPEG's pixels come
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers that have no length


def ends(path: Path) -> bool:
    """Whether the last byte of an image is written. False also where its format does not tell.

    An end that could be of something within the file, such as its thumbnail's, is none. Raises
    OSError where the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(12)
        size = file.seek(0, 2)
        if head.startswith(_PNG):
            return _last(file, size, 12) == _PNG_END
        if head.startswith(_JPEG):
            return _last(file, size, 2) == _JPEG_END and _has_scan(file, size - 2)
        if head.startswith(b"RIFF") and head[8:] == b"WEBP":
            return size >= 8 + int.from_bytes(head[4:8], "little") > 8
        if head.startswith(b"BM"):
            return size >= int.from_bytes(head[2:6], "little") > 14
    return False


def _last(file: BinaryIO, size: int, count: int) -> bytes:
    file.seek(max(size - count, 0))
    return file.read(count)


def _has_scan(file: BinaryIO, size: int) -> bool:
    """Whether a JPEG's segments lead to its pixels before `size`: each but the last is passed over,
    and with them what they hold, such as a thumbnail that is a JPEG itself."""
    place = 2
    while place + 4 <= size:
        file.seek(place)
        head = file.read(4)
        if head[0] != 0xFF:
            return False
        if head[1] == 0xFF:  # fills up
            place += 1
        elif head[1] in _ALONE:
            place += 2
        else:
            place += 2 + int.from_bytes(head[2:4])
            if head[1] == _SCAN:
                return place <= size
    return False
