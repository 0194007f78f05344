"""A signal against validation from the first package on: shares that the decision expects."""

from collections import deque
from collections.abc import Iterator

import numpy as np

from packsight.monitoring.signals import KEPT, LONG, SHORT, Change, change_point
from packsight.monitoring.two_samples import few_damaged, share_critical

ALLOWED = 0.1  # part of the chance that is spent on how many packages of a window are damaged


class Last:
    """The last values of a signal that is compared with validation from the first package on."""

    tests = 2
    watched = True

    def __init__(self) -> None:
        self._values: deque[float] = deque(maxlen=KEPT)
        self._times: deque[float] = deque(maxlen=KEPT)

    def add(self, at: float, value: float) -> None:
        self._values.append(float(value))
        self._times.append(at)

    def moved(self) -> float:
        return 1.0

    def windows(self) -> Iterator[np.ndarray]:
        """Those that are full, the shorter one first."""
        values = np.array(self._values)
        yield from (values[-length:] for length in (SHORT, LONG) if len(values) >= length)

    def since(self, held: np.ndarray, usual: float) -> float:
        """The time of the first package from which on more of them are `held` than usual."""
        now = max(float(held[-SHORT // 2 :].mean()), usual + 1e-6)
        return self._times[change_point(held.astype(float), usual, now)]


class Expected(Last):
    """Packages that met an action, whose share must not exceed what the decision expects.

    Of the intact packages of validation so many did; of a window at most so many are damaged, and
    these may all have met it.
    """

    def __init__(self, hits: tuple[int, int], packages: tuple[int, int], share: float) -> None:
        """Validation's counts of intact and of damaged packages."""
        super().__init__()
        self._intact, self._share = (hits[0], packages[0]), share
        rates = [hit / size if size else 1.0 for hit, size in zip(hits, packages, strict=True)]
        self.usual = (1 - share) * rates[0] + share * rates[1]

    def beyond(self, level: float, ease: float = 1.0) -> bool:
        """Whether Fisher's exact test of a full window has at most this chance."""
        for last in self.windows():
            few = few_damaged(self._share, len(last), ALLOWED * level)
            rest = (1 - ALLOWED) * level
            if last.sum() - few >= share_critical(*self._intact, len(last) - few, rest):
                return True
        return False

    def change(self) -> Change | None:
        if len(self._values) < SHORT:
            return None
        return Change(self.usual, float(np.mean(list(self._values)[-SHORT:])))

    def began(self) -> float:
        return self.since(np.array(self._values), self.usual)
