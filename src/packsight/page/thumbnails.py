"""Images of packages for the page, small, and only those that the ledger names."""

from collections import OrderedDict
from pathlib import Path
from threading import Lock

import cv2

from packsight.imaging.decode import UnusableImageError, read_rgb
from packsight.page.overview import Ledger

WIDTHS = (480, 1280)  # pixels of a small and a large one
QUALITY = 80  # of their JPEG
KEPT = 200  # small ones, some 20 KB each


class Thumbnails:
    """Decodes an image once, whoever asks."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, str], bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, ledger: Ledger, id: int, camera: str, large: bool = False) -> bytes | None:
        """A JPEG of a camera's image of a package; None if there is none that can be read.

        The file's path comes from the ledger and from nowhere else.
        """
        with self._lock:
            if not large and (id, camera) in self._kept:
                self._kept.move_to_end((id, camera))
                return self._kept[id, camera]
        entries = ledger.after(id - 1, 1)
        if not entries or entries[0].id != id or camera not in entries[0].files:
            return None
        content = _jpeg(Path(entries[0].files[camera]), WIDTHS[large])
        if content and not large:
            with self._lock:
                self._kept[id, camera] = content
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
        return content


def _jpeg(path: Path, width: int) -> bytes | None:
    try:
        image = read_rgb(path)
    except UnusableImageError:
        return None
    if image.shape[1] > width:
        height = max(1, round(image.shape[0] * width / image.shape[1]))
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    written, content = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return content.tobytes() if written else None
