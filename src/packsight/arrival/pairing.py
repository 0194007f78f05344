"""The images of one package, brought together by its serial."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from packsight.arrival.arrivals import Arrived


class Image(NamedTuple):
    """A complete image that waits for its package's decision."""

    arrived: Arrived
    serial: str
    camera: str
    sha256: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.serial, self.camera, self.sha256


@dataclass(eq=False)
class Package:
    """Images of one package; `copies` are further files with the same content."""

    serial: str
    since: float  # when its first image was complete
    images: dict[str, Image] = field(default_factory=dict)  # by camera
    copies: list[Image] = field(default_factory=list)


class Pairing:
    """Packages that wait for a camera.

    The images of one serial are paired in the order in which they come: a second, other image of
    the same camera belongs to the next package of that serial.
    """

    def __init__(self, cameras: Sequence[str], wait: float) -> None:
        self._cameras, self._wait = cameras, wait
        self._open: dict[str, deque[Package]] = {}

    def __len__(self) -> int:
        """How many serials wait."""
        return len(self._open)

    def has(self, serial: str) -> bool:
        """Whether a package of this serial waits."""
        return serial in self._open

    def add(self, image: Image, now: float) -> Package | None:
        """The package that this image makes complete; None if a camera is still missing."""
        packages = self._open.setdefault(image.serial, deque())
        for package in packages:
            same = package.images.get(image.camera)
            if same and same.sha256 == image.sha256:
                package.copies.append(image)
                return None
        lacking = [package for package in packages if image.camera not in package.images]
        if not lacking:
            lacking = [Package(image.serial, now)]
            packages.append(lacking[0])
        package = lacking[0]
        package.images[image.camera] = image
        if any(camera not in package.images for camera in self._cameras):
            return None
        return self._closed(package)

    def overdue(self, now: float, coming: Callable[[str, str], bool]) -> Iterator[Package]:
        """Packages that have waited long enough for a camera, of which no file is `coming`."""
        late = [
            package
            for packages in self._open.values()
            for package in packages
            if now - package.since >= self._wait
            and not any(
                coming(package.serial, camera)
                for camera in self._cameras
                if camera not in package.images
            )
        ]
        for package in late:
            yield self._closed(package)

    def _closed(self, package: Package) -> Package:
        packages = self._open[package.serial]
        packages.remove(package)
        if not packages:
            del self._open[package.serial]
        return package
