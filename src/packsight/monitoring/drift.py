"""Whether the line still looks like what its models were tried on: named alarms with their time.

Tests are exact for packages that are independent of each other while nothing changes. How many
false alarms there are is stated: `rate` expected ones per `PER` packages, of all signals together,
by a level that is divided over all tests of so many packages (Bonferroni), however they overlap.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np

from packsight.decision.terms import Action
from packsight.line.reference import FRAME, LABELLED, PLACED, STILL, Reference, measures
from packsight.line.verdict import Verdict
from packsight.monitoring.expected import Expected
from packsight.monitoring.scores import Damage, Known, Scores
from packsight.monitoring.signals import Change, Shares, Values

PER = 10_000  # packages that the stated rate is about
RATE = 0.1  # false alarms in as many
STRIDE = 5  # packages from one look to the next
RECOVERED = 1e-3  # an alarm ends when no test has as small a chance: not at the next good package
STANDS = 0.5  # usual agreement of rows or columns, below which nothing stands still in them
EASE = 2.0  # and no change is half as large as one that is told
REMEMBERED = 200  # alarms
# Of a measure: what it is called when it falls and when it rises, which change matters, whether
# that is a share of the usual value, and whether kinds of packages differ in it.
KINDS: dict[str, tuple[str, str, float, bool, bool]] = {
    "brightness": ("dark", "bright", 0.1, True, True),
    "focus": ("blurred", "sharper", 0.25, True, True),
    "score": ("unlike_scores", "unlike_scores", 0.1, False, False),
    "damage": ("damage", "damage", 0.05, False, False),
    "first_score": ("scores", "scores", 0.05, False, False),
    "rows": ("moved", "moved", 0.1, False, True),
    "columns": ("moved", "moved", 0.1, False, True),
    "x": ("moved", "moved", 0.02, False, False),
    "y": ("moved", "moved", 0.02, False, False),
    "first_x": ("moved", "moved", 0.02, False, False),
    "first_y": ("moved", "moved", 0.02, False, False),
    "width": ("moved", "moved", 0.1, True, True),
    "height": ("moved", "moved", 0.1, True, True),
    "angle": ("moved", "moved", 5.0, False, True),
}
NOT_FOUND, MISSING = "not_found", "missing"  # what a camera's images may be
OF_PACKAGES = {"rejects": Action.REJECT, "inspections": Action.INSPECT}
MEASURED = {"damage": "score"}  # whose values a signal takes, where these are another's
FIRST = "first_"  # before a signal's name: against the line's own first packages
Signal = Values | Shares | Scores | Damage | Expected
ALARMS = tuple(dict.fromkeys([
    *(name for low, high, *_ in KINDS.values() for name in (low, high)),
    NOT_FOUND, MISSING, *OF_PACKAGES,
]))  # fmt: skip


@dataclass(frozen=True)
class Alarm:
    """One event: told once, until it is over."""

    kind: str  # one of ALARMS
    camera: str  # "" for packages as a whole
    began: float  # seconds since 1970, estimated
    told: float
    signals: dict[str, Change]
    ended: float | None = None


@dataclass(frozen=True)
class Watched:
    """How a signal stands."""

    name: str
    camera: str
    change: Change | None  # None: too few packages so far
    settling: bool  # its own first packages are being gathered


class Monitor:
    """Compares packages with a reference as they come."""

    def __init__(self, reference: Reference, rate: float = RATE) -> None:
        """`rate` is of false alarms, expected in `PER` packages, for all signals together.

        Scores, decisions and places are compared with the line's own first packages too: these are
        more than those of validation, and what is told of them does not depend on any label.
        """
        self.reference, self.rate = reference, rate
        self._still = {camera: held.profile for camera, held in reference.cameras.items()}
        self._lock, self._seen = Lock(), 0
        self._signals: dict[tuple[str, str], Signal] = {}
        self.alarms: deque[Alarm] = deque(maxlen=REMEMBERED)
        self._active: dict[tuple[str, str], Alarm] = {}
        for camera, held in reference.cameras.items():
            focus = map(_focus, held.sharpness, held.brightness)
            known = {"brightness": held.brightness, "focus": tuple(focus)}
            known |= {name: getattr(held, name) for name in PLACED}
            known |= {
                name: values
                for name in STILL
                if (values := getattr(held, name)) and np.median(values) >= STANDS
            }
            for name, values in known.items():
                if values:
                    self._signals[name, camera] = Values(values, *KINDS[name][2:])
                if values and FIRST + name in KINDS:
                    self._signals[FIRST + name, camera] = Values(None, *KINDS[FIRST + name][2:])
            not_found = round((1 - held.located) * held.images)
            missing = max(reference.packages - held.images, 0)
            if held.x:
                self._signals[NOT_FOUND, camera] = Shares(not_found, held.images)
            self._signals[MISSING, camera] = Shares(missing, reference.packages)
            if held.intact or held.damaged:
                self._watch_scores(camera, Known(held.intact, held.damaged, reference.share))
        self._watch_scores("", Known(reference.intact, reference.damaged, reference.share))
        self._watch_decisions()
        tests = sum(signal.tests for signal in self._signals.values())
        self.level = rate / (PER / STRIDE * tests)  # of one test

    def _watch_scores(self, camera: str, known: Known) -> None:
        if known.intact and known.damaged:
            self._signals["score", camera] = Scores(known, KINDS["score"][2])
            if known.share is not None:
                self._signals["damage", camera] = Damage(known, KINDS["damage"][2])
        self._signals[FIRST + "score", camera] = Values(None, *KINDS[FIRST + "score"][2:])

    def _watch_decisions(self) -> None:
        decided, share = self.reference.decided, self.reference.share
        for name, action in OF_PACKAGES.items():
            if share is not None and LABELLED[0] in decided:
                intact, damaged = (decided.get(label, {}) for label in LABELLED)
                hits = intact.get(action, 0), damaged.get(action, 0)
                packages = sum(intact.values()), sum(damaged.values())
                self._signals[name, ""] = Expected(hits, packages, share)
            self._signals[FIRST + name, ""] = Shares(None)

    def resume(self, packages: Iterable[tuple[float, Verdict]]) -> None:
        """Look at packages of before a restart, oldest first; their alarms are not told again."""
        for at, verdict in packages:
            self.add(at, verdict)

    def add(self, at: float, verdict: Verdict) -> list[Alarm]:
        """Look at a package that was decided on at a time in seconds; return what is new."""
        with self._lock:
            found = self._measured(verdict)
            for (name, camera), signal in self._signals.items():
                value = found.get((MEASURED.get(name, name.removeprefix(FIRST)), camera))
                if value is not None:
                    signal.add(at, value)
            self._seen += 1
            return self._look(at) if self._seen % STRIDE == 0 else []

    def _measured(self, verdict: Verdict) -> dict[tuple[str, str], float | None]:
        """The values of a package, by name and camera."""
        found: dict[tuple[str, str], float | None] = {("score", ""): verdict.score}
        found |= {(name, ""): verdict.decision == of for name, of in OF_PACKAGES.items()}
        found |= {(MISSING, camera): True for camera in self.reference.cameras}
        for image in verdict.images:
            if image.error:
                continue
            camera = image.camera
            of = measures(image, self._still.get(camera, ""))
            if {"sharpness", "brightness"} <= set(of):
                of["focus"] = _focus(of["sharpness"], of["brightness"])
            found |= {(name, camera): value for name, value in of.items()}
            found |= {(NOT_FOUND, camera): image.crop == FRAME, (MISSING, camera): False}
        return found

    @property
    def settled(self) -> bool:
        """Whether every signal has something to be compared with."""
        with self._lock:
            return all(signal.watched for signal in self._signals.values())

    def active(self) -> list[Alarm]:
        """Alarms that are not over, the newest first."""
        with self._lock:
            return sorted(self._active.values(), key=lambda alarm: -alarm.told)

    def past(self) -> list[Alarm]:
        """Alarms that are over, the newest first."""
        with self._lock:
            return list(reversed(self.alarms))

    def watched(self) -> list[Watched]:
        """How every signal stands."""
        with self._lock:
            return [
                Watched(name, camera, signal.change(), not signal.watched)
                for (name, camera), signal in self._signals.items()
            ]

    def _look(self, at: float) -> list[Alarm]:
        beyond: dict[tuple[str, str], list[str]] = {}
        for (name, camera), signal in self._signals.items():
            if signal.beyond(self.level):
                beyond.setdefault((_event(name), camera), []).append(name)
        new = []
        for (event, camera), names in beyond.items():
            if (event, camera) not in self._active:
                alarm = self._alarm(camera, names, at)
                self._active[event, camera] = alarm
                new.append(alarm)
        for (event, camera), alarm in list(self._active.items()):
            held = (self._signals[name, camera] for name in alarm.signals)
            if not any(signal.beyond(RECOVERED, EASE) for signal in held):
                self.alarms.append(replace(self._active.pop((event, camera)), ended=at))
        return new

    def _alarm(self, camera: str, names: list[str], at: float) -> Alarm:
        held = {name: self._signals[name, camera] for name in names}
        first, signal = next(iter(held.items()))
        lower, higher = kinds(first)
        kind = lower if signal.moved() < 0 else higher
        changes = {name: change for name, one in held.items() if (change := one.change())}
        return Alarm(kind, camera, min(one.began() for one in held.values()), at, changes)


def kinds(signal: str) -> tuple[str, str]:
    """What a signal's change is called where it falls, and where it rises."""
    plain = signal.removeprefix(FIRST)
    return KINDS[signal][:2] if signal in KINDS else (plain, plain)


def _event(signal: str) -> str:
    """What signals have in common that tell of one event."""
    return "scores" if signal.removeprefix(FIRST) in ("score", "damage") else kinds(signal)[0]


def _focus(sharpness: float, brightness: float) -> float:
    """The sharpness of an image as it would be at another exposure: that is no loss of focus."""
    return sharpness / max(brightness, 1.0) ** 2
