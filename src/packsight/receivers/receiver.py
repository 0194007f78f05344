"""What every receiver of verdicts shares: the message, and how it is asked to take some."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

from packsight.ledger.ledger import Ledger
from packsight.ledger.ledger_entries import Entry


class UnreachableError(Exception):
    """A receiver did not take a verdict; the message says why."""


class Receiver(ABC):
    """Takes verdicts, in a thread of its own."""

    name: str  # in the ledger, the log and on the page; without secrets

    @abstractmethod
    def deliver(self, entries: Sequence[Entry]) -> Iterator[int]:
        """Send verdicts in their order; yields the id of each once it is acknowledged.

        Raises UnreachableError or OSError, after which the rest is sent again later.
        """

    def begin(self, ledger: Ledger) -> None:  # noqa: B027 (most need nothing)
        """Called once in that thread, before anything is delivered, with a ledger of its own."""

    def close(self) -> None:  # noqa: B027
        """Called in the end."""


def message(entry: Entry, origin: str) -> dict[str, Any]:
    """A verdict as it is sent. `id` is unique and rising in the ledger that `origin` names."""
    verdict = entry.verdict
    return {
        "id": entry.id,
        "ledger": origin,
        "at": datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="milliseconds"),
        "serial": verdict.serial,
        "decision": verdict.decision,
        "reason": verdict.reason,
        "probability": verdict.probability,
        "score": verdict.score,
        "cameras": verdict.cameras,
        "images": [
            {
                "camera": seen.camera,
                "file": PurePath(seen.path).name,
                "error": seen.error,
                "score": seen.score,
                "window": seen.window._asdict() if seen.window else None,
            }
            for seen in verdict.images
        ],
    }


def without_password(url: str) -> str:
    """An address as it may be told, even if it is none."""
    scheme, _, rest = url.rpartition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if scheme else rest.rpartition("@")[2]
