"""The watch over folders: images that arrive become verdicts in the ledger, each package once."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from packsight.arrival.arrivals import Arrivals, Arrived
from packsight.arrival.filing import DONE, FAILED, place_for, put
from packsight.arrival.pairing import Image, Package, Pairing
from packsight.decision.rule import Reason
from packsight.decision.terms import Action
from packsight.ledger.ledger import LATE, REPEATED, UNNEEDED, Ledger
from packsight.ledger.ledger_entries import Entry
from packsight.line.verdict import ImageSeen, Verdict
from packsight.preparation.layout import Name, serial_problem
from packsight.service.recording import Recorder, StoppedError
from packsight.system.files import sha256

LATE_S = 3600.0  # within which the image of a missing camera belongs to what was decided without
LOOKING_SHARE = 4  # a look rests that many times as long as it took
log = logging.getLogger("packsight.watch")


class Decides(Protocol):
    """What the watch asks of a line's model."""

    @property
    def cameras(self) -> Sequence[str]: ...

    def decide(self, serial: str, images: Mapping[str, Path]) -> Verdict: ...


class Watcher:
    def __init__(
        self,
        model: Decides,
        ledger: Ledger,
        folders: Sequence[Path],
        name: Callable[[str], Name],
        *,
        settle: float,
        wait: float,
        poll: float,
        moves: bool,
        skip: Sequence[Path] = (),
        decided: Callable[[Entry], None] = lambda entry: None,
    ) -> None:
        """`name` tells serial and camera of a path, `skip` are folders that are not looked into,
        `decided` is called with each new verdict. With `moves` files go to done/ and failed/."""
        self.stopping = threading.Event()
        self.count = 0  # of packages decided on
        self._record = Recorder(self.stopping)
        self._model, self._ledger, self._moves = model, ledger, moves
        self._roots = [folder.absolute() for folder in folders]
        self._wait, self._poll, self._decided = wait, poll, decided
        self._pairing = Pairing(model.cameras, wait)
        self._arrivals = Arrivals(
            self._roots, name, settle,
            skip=[*skip, *(root / place for root in self._roots for place in (DONE, FAILED))],
            # What should have been moved is met again, and moved.
            known=(lambda *seen: False) if moves else ledger.is_known,
            told=log.warning,
        )  # fmt: skip
        self._queue: deque[Arrived] = deque()
        self._has_told: set[str] = set()

    def run(self) -> None:
        """Until `stopping` is set; the package in hand is finished."""
        next_look = 0.0
        try:
            while not self.stopping.is_set():
                now = time.monotonic()
                if now >= next_look:
                    self._queue.extend(self._arrivals.look(now))
                    ended = time.monotonic()
                    next_look = ended + max(self._poll, LOOKING_SHARE * (ended - now))
                    for package in self._pairing.overdue(now, self._is_coming):
                        self._decide(package)
                elif self._queue:
                    self._take(self._queue.popleft())
                else:
                    self.stopping.wait(next_look - now)
        except StoppedError:
            log.warning("stopped before everything was recorded; it is done at the next start")

    def waiting(self) -> int:
        """How many files and packages are not decided on yet; for any thread."""
        return len(self._queue) + len(self._arrivals) + len(self._pairing)

    @property
    def problem(self) -> str:
        """Why nothing can be recorded; "" while it can."""
        return self._record.problem

    def _is_coming(self, serial: str, camera: str) -> bool:
        return self._arrivals.coming[serial, camera] > 0

    def _take(self, file: Arrived) -> None:
        """Find the package that a complete file belongs to; decide on it if that is complete."""
        self._arrivals.taken(file)
        serial, camera, _ = file.name
        if serial is None or camera is None:
            lacks = "serial" if serial is None else "camera"
            return self._reject(file, f"its name tells no {lacks}")
        if problem := serial_problem(serial):
            return self._reject(file, problem)
        image = Image(file, serial, str(camera), _content(file))
        if image.camera not in self._model.cameras:
            self._tell(
                image.camera, f"images of {image.camera} are not needed: no model wants them"
            )
            return self._file(image, None, UNNEEDED)
        if known := self._ledger.known(image):
            return self._meet_again(image, *known)
        if (last := self._decided_without(image)) is not None:
            log.warning(
                "%s came after its package was decided on (verdict %d): recorded as late",
                file.path, last,
            )  # fmt: skip
            return self._file(image, last, LATE)
        if package := self._pairing.add(image, time.monotonic()):
            self._decide(package)
        return None

    def _decided_without(self, image: Image) -> int | None:
        """The verdict that was made because this image had not come."""
        last = self._ledger.last_of(image.serial)
        if last is None or last.late or self._pairing.has(image.serial):
            return None
        used = last.verdict.cameras.split("+")
        recent = time.time() - last.at < LATE_S
        return last.id if recent and image.camera not in used else None

    def _meet_again(self, image: Image, verdict: int, place: Path) -> None:
        """Of content that was decided on: another file of it, or one that was not moved yet."""
        path = image.arrived.path
        if self._moves and place == path:  # a watch left it there that moved nothing
            place = place_for(path, self._root(path), DONE)
            self._record(lambda: self._ledger.move(path, place))
        if self._moves and not place.exists():
            self._put(path, place)
        elif place != path:
            log.info("%s repeats an image of verdict %d: not decided again", path, verdict)
            self._file(image, verdict, REPEATED)

    def _decide(self, package: Package) -> None:
        images = [*package.images.values()]
        lacking = [camera for camera in self._model.cameras if camera not in package.images]
        verdict = self._verdict(package)
        if any(image.arrived.has_changed() for image in images):
            return self._wait_again([*images, *package.copies])
        errors = {seen.camera: seen.error for seen in verdict.images if seen.error}
        places = {}
        if self._moves:
            for image in (*images, *package.copies):
                folder = FAILED if image.camera in errors else DONE
                path = image.arrived.path
                places[path] = place_for(path, self._root(path), folder)
        entry = self._record(lambda: self._ledger.decide(verdict, images, package.copies, places))
        for image in images:
            if image.camera in errors:
                log.warning("%s cannot be used: %s", image.arrived.path, errors[image.camera])
        if lacking:
            log.warning(
                "package %s has no image of %s after %g s: %s decides alone",
                package.serial, " and ".join(lacking), self._wait, "+".join(package.images),
            )  # fmt: skip
        log.debug("package %s: %s (%s)", entry.verdict.serial, verdict.decision, verdict.reason)
        for path, place in places.items():
            self._put(path, place)
        self.count += 1
        self._decided(entry)
        return None

    def _verdict(self, package: Package) -> Verdict:
        """The model's; where that fails, a person is to look."""
        images = package.images
        cameras = [camera for camera in self._model.cameras if camera in images]
        files = {camera: images[camera].arrived.path for camera in cameras}
        try:
            return self._model.decide(package.serial, files)
        except Exception as error:
            log.exception("package %s cannot be decided on; it is to be inspected", package.serial)
            told = f"the model failed ({error or type(error).__name__})"
            seen = tuple(ImageSeen(camera, str(file), told) for camera, file in files.items())
            reason = Reason.NO_SCORE.value
            return Verdict(package.serial, Action.INSPECT.value, reason, None, None, "", seen)

    def _wait_again(self, images: Sequence[Image]) -> None:
        """Of a package with files that changed meanwhile: no verdict holds for them."""
        now = time.monotonic()
        for image in images:
            if image.arrived.has_changed():
                self._arrivals.again(image.arrived, now)
            elif package := self._pairing.add(image, now):
                self._decide(package)

    def _reject(self, file: Arrived, problem: str) -> None:
        path = file.path
        place = place_for(path, self._root(path), FAILED) if self._moves else None
        self._record(lambda: self._ledger.add_problem(file, problem, place))
        log.warning("%s cannot be used: %s", path, problem)
        if place:
            self._put(path, place)

    def _file(self, image: Image, verdict: int | None, role: str) -> None:
        """Record an image that needs no new verdict, and move it."""
        path = image.arrived.path
        place = place_for(path, self._root(path), DONE) if self._moves else None
        self._record(lambda: self._ledger.add_image(verdict, role, image, place))
        if place:
            self._put(path, place)

    def _put(self, path: Path, place: Path) -> None:
        """Move a file to where the ledger says that it is, or else set the ledger right."""
        try:
            put(path, place)
            self._arrivals.moved(path)
        except FileNotFoundError:
            log.warning("%s was removed by somebody else", path)
        except OSError as error:
            why = error.strerror or str(error)
            self._tell(why, f"{path} cannot be moved ({why}): it stays, as do others like it")
            self._record(lambda: self._ledger.move(place, path))

    def _root(self, path: Path) -> Path:
        return next(root for root in self._roots if root in path.parents)

    def _tell(self, key: str, text: str) -> None:
        """Once for each key."""
        if key not in self._has_told:
            self._has_told.add(key)
            log.warning(text)


def _content(file: Arrived) -> str:
    try:
        return sha256(file.path)
    except OSError:
        return f"unreadable {file.signature}"
