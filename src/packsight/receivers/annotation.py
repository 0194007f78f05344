"""Pictures of packages that were not accepted: both cameras side by side, with what was scored."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from packsight.decision.terms import Action
from packsight.imaging.decode import UnusableImageError, read_rgb
from packsight.imaging.encode import write_image
from packsight.ledger.ledger import Ledger
from packsight.ledger.ledger_entries import Entry
from packsight.line.verdict import ImageSeen, Verdict
from packsight.receivers.receiver import Receiver
from packsight.system.files import replacing

HEIGHT = 540  # pixels of a frame in the picture
STRIP, BAND = 44, 42  # pixels of the line of text above, and of a camera's own
WHITE = (255, 255, 255)
COLOURS = {
    Action.ACCEPT: (40, 160, 70),
    Action.REJECT: (215, 48, 39),
    Action.INSPECT: (176, 104, 0),
}
MOVING_S, PAUSE_S = 2.0, 0.05  # while a new verdict's files are being moved


class Annotations(Receiver):
    """Takes verdicts as a receiver does, so that a full disk stops no other part."""

    name = "annotated images"

    def __init__(self, folder: Path, decisions: Sequence[str]) -> None:
        self._folder, self._decisions = folder, decisions

    def begin(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def deliver(self, entries: Sequence[Entry]) -> Iterator[int]:
        for entry in entries:
            if entry.verdict.decision in self._decisions:
                day = time.strftime("%Y-%m-%d", time.localtime(entry.at))
                name = f"{entry.verdict.serial}_{entry.id}_{entry.verdict.decision}.jpg"
                picture = annotated(entry.verdict, self._frames(entry))
                with replacing(self._folder / day / name) as temporary:
                    write_image(temporary, picture)
            yield entry.id

    def _frames(self, entry: Entry) -> dict[str, np.ndarray]:
        """The package's images that can be read, by camera."""
        while time.time() - entry.at < MOVING_S:
            if all(Path(path).is_file() for path in entry.files.values()):
                break
            time.sleep(PAUSE_S)
            entry = self._ledger.after(entry.id - 1, 1)[0]
        frames = {}
        for camera, path in entry.files.items():
            try:
                frames[camera] = read_rgb(Path(path))
            except UnusableImageError:
                continue
        return frames


def annotated(verdict: Verdict, frames: dict[str, np.ndarray]) -> np.ndarray:
    """RGB uint8 [H, W, 3] of a package's frames [H, W, 3], by camera."""
    panels = [_panel(seen, frames.get(seen.camera)) for seen in verdict.images]
    body = np.hstack(panels) if panels else np.zeros((HEIGHT, HEIGHT, 3), np.uint8)
    colour = COLOURS[Action(verdict.decision)]
    strip = np.full((STRIP, body.shape[1], 3), colour, np.uint8)
    told = f"{verdict.serial}  {verdict.decision.upper()}"
    if verdict.probability is not None:
        told += f"  damaged {verdict.probability:.1%}"
    if verdict.reason != "score":
        told += f"  ({verdict.reason.replace('_', ' ')})"
    _write(strip, told, (10, 30), 0.8)
    return np.vstack([strip, body])


def _panel(seen: ImageSeen, frame: np.ndarray | None) -> np.ndarray:
    """One camera's frame, with the window that was scored."""
    panel: np.ndarray
    if frame is None:
        panel = np.full((HEIGHT, HEIGHT * 16 // 9, 3), 60, np.uint8)
        _write(panel, f"{seen.camera}: no image", (14, 30), 0.7)
        _write(panel, seen.error[:70], (14, 60), 0.5)
        return panel
    scale = HEIGHT / frame.shape[0]
    size = max(1, round(frame.shape[1] * scale)), HEIGHT
    panel = cv2.resize(frame, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    if seen.window:
        width, height = seen.window.width, seen.window.height
        back = cv2.invertAffineTransform(seen.window.matrix((round(height), round(width))))
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
        places = (corners @ back[:, :2].T + back[:, 2]) * scale
        line = [np.round(places).astype(np.int32)]
        cv2.polylines(panel, line, isClosed=True, color=WHITE, thickness=4)
        cv2.polylines(panel, line, isClosed=True, color=(20, 90, 220), thickness=2)
    panel[:BAND] = panel[:BAND] // 3
    told = seen.camera if seen.score is None else f"{seen.camera}  score {seen.score:.3f}"
    _write(panel, told, (14, 30), 0.7)
    return panel


def _write(image: np.ndarray, text: str, place: tuple[int, int], size: float) -> None:
    plain = text.encode("ascii", "replace").decode()
    cv2.putText(image, plain, place, cv2.FONT_HERSHEY_SIMPLEX, size, WHITE, 1, cv2.LINE_AA)
