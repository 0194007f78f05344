"""What is found to be damaged or left over."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What was found, in the words that are shown."""

    LOCK = "lock of a process that is gone"
    TEMPORARY = "half-written by a process that is gone"
    SET_ASIDE = "set aside by a process that is gone"
    CACHE = "damaged cache"
    RUNNING = "run without a process"
    RUN = "damaged run"
    DATA = "damaged data"
    UNREAD = "could not be looked at"


# What is made again when it is needed, or is of no use to anybody.
CLEANABLE = (Kind.LOCK, Kind.TEMPORARY, Kind.CACHE)


@dataclass(frozen=True)
class Finding:
    """Something damaged or left over, and what to do about it."""

    kind: Kind
    path: str
    told: str
    cleaned: bool = False

    @property
    def cleanable(self) -> bool:
        """Whether fix=true removes it."""
        return self.kind in CLEANABLE
