"""Packages of a line without images, and a ledger of packages with some."""

from pathlib import Path

import cv2
import numpy as np

from packsight.arrival.arrivals import Arrived
from packsight.arrival.pairing import Image
from packsight.imaging.window import Window
from packsight.ledger.ledger import Ledger
from packsight.line.profile import COLUMNS, ROWS
from packsight.line.reference import Reference
from packsight.line.verdict import ImageSeen, Verdict
from packsight.preparation.layout import Name

SIZE = (540, 960)


SHARE = 0.02  # of damaged packages on the line


class Stream:
    """Draws verdicts that are independent of each other; `top` is the camera that changes."""

    def __init__(self, seed: int = 0, cameras: tuple[str, ...] = ("top", "side")) -> None:
        self.draw, self.cameras, self.count = np.random.default_rng(seed), cameras, 0

    def reference(self, packages: int = 36) -> Reference:
        """Of validation: half of its packages are damaged."""
        kinds = {place: place % 2 == 1 for place in range(packages)}
        found = [self.package(damaged=damaged) for damaged in kinds.values()]
        serials = [verdict.serial for verdict in found]
        return Reference.measure(found, dict(zip(serials, kinds.values(), strict=True)), SHARE)

    def package(
        self, *, light: float = 1.0, blur: float = 1.0, down: float = 0.0, lost: float = 0.0,
        missing: float = 0.0, scores: float = 0.0, rejects: float = SHARE,
        damaged: bool | None = None,
    ) -> Verdict:  # fmt: skip
        """`rejects` is of intact packages; `scores` raises those of intact ones."""
        self.count += 1
        if damaged is None:
            damaged = bool(self.draw.random() < SHARE)
        images = [
            self._image(
                camera, damaged, *((light, blur, down, lost, scores) if camera == "top" else ())
            )
            for camera in self.cameras
            if camera != "top" or self.draw.random() >= missing
        ]
        score = float(np.mean([image.score for image in images if image.score is not None]))
        kind = self.draw.random()
        decision = "reject" if kind < rejects else "inspect" if kind > 0.95 else "accept"
        cameras = "+".join(image.camera for image in images)
        serial = f"{self.count:013d}"
        decision = "reject" if damaged else decision
        return Verdict(serial, decision, "score", score, score, cameras, tuple(images))

    def _image(
        self, camera: str, damaged: bool, light: float = 1.0, blur: float = 1.0,
        down: float = 0.0, lost: float = 0.0, scores: float = 0.0,
    ) -> ImageSeen:  # fmt: skip
        draw = self.draw
        brightness = draw.normal(110, 4) * light
        sharpness = draw.lognormal(5, 0.2) * (brightness / 110) ** 2 * blur
        window = Window(draw.normal(480, 20), draw.normal(270, 10) + down, draw.normal(300, 12),
                        draw.normal(200, 9), draw.normal(0, 2))  # fmt: skip
        crop = "frame" if draw.random() < lost else "auto"
        score = float(draw.beta(6, 0.5)) if damaged else float(draw.beta(0.3, 6)) + scores
        return ImageSeen(
            camera, "", "", min(score, 1.0), crop, window, SIZE, brightness, sharpness,
            self._profile(down),
        )  # fmt: skip

    def _profile(self, down: float) -> str:
        """A rail and a belt's edge that stand still, and bars of a belt that runs past them."""
        rows = 110 + 12 * np.sin(np.arange(ROWS) / 1.5 + self.draw.uniform(0, 2 * np.pi))
        columns = 110 + self.draw.normal(0, 3, COLUMNS)
        rows += self.draw.normal(0, 3, ROWS)
        rail = 5 + round(down * ROWS / SIZE[0])
        rows[rail : rail + 3] -= 60
        columns[10:13] += 50
        return np.concatenate([rows, columns]).clip(0, 255).astype(np.uint8).tobytes().hex()


def record(ledger: Ledger, folder: Path, verdict: Verdict) -> dict[str, Path]:
    """Put a package of a stream into a ledger, with an image of each camera in the folder."""
    images, files = [], {}
    for place, seen in enumerate(verdict.images):
        file = folder / f"{verdict.serial}_{seen.camera}.png"
        level = 60 + 60 * place
        frame = np.full((*SIZE, 3), level, np.uint8)
        if seen.window is not None:
            x, y, width, height, _ = seen.window
            corner = round(x - 0.4 * width), round(y - 0.4 * height)
            other = round(x + 0.4 * width), round(y + 0.4 * height)
            cv2.rectangle(frame, corner, other, (40, 120, 200), -1)
        cv2.putText(frame, verdict.serial, (20, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (0, 0, 0), 3)
        cv2.imwrite(str(file), frame)
        found = file.stat()
        name = Name(verdict.serial, seen.camera)
        arrived = Arrived(file, file.name, name, found.st_size, found.st_mtime_ns, found.st_ino)
        images.append(Image(arrived, verdict.serial, seen.camera, f"{verdict.serial}{place}"))
        files[seen.camera] = file
    ledger.decide(verdict, images)
    return files
