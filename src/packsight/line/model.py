"""A line's file in use: its networks, belts and decision, loaded once."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2

from packsight.line.archive import Archive, read_archive
from packsight.line.ensemble import Ensemble
from packsight.line.package import Inspector
from packsight.line.reference import Reference
from packsight.line.session import OnnxNetwork
from packsight.line.verdict import Verdict

UNDECIDED = (
    "no decision: a package is rejected from a score of 0.5 on, which fits no line; fit one with "
    "scripts/decide.py and export again"
)
AHEAD = 4  # packages for each worker that are begun before their turn
Package = tuple[str, Mapping[str, Path]]  # its serial, and the file of each camera


class LineModel:
    """What decides on packages, from their images' files."""

    def __init__(
        self, inspector: Inspector, description: Mapping[str, Any], reference: Reference
    ) -> None:
        self.inspector = inspector
        self.description = dict(description)
        self.reference = reference

    @classmethod
    def open(cls, archive: Path, *, threads: int = 0, provider: str = "cpu") -> "LineModel":
        """From a line's file; `threads` compute one image, 0: as many as there are cores.

        Raises UserError for a damaged file, or a provider that is not installed.
        """
        held = read_archive(archive)
        networks = {
            name: OnnxNetwork(content, held.views[name], threads, provider)
            for name, content in held.networks.items()
        }
        models = {
            part: Ensemble([networks[name] for name in names]) for part, names in held.parts.items()
        }
        inspector = Inspector(models, held.fusion, held.decision, side_by_side=threads != 1)
        known = Reference.from_dict(held.reference) if held.reference else Reference({}, 0)
        return cls(inspector, _described(held), known)

    @property
    def cameras(self) -> list[str]:
        """Whose images a package should have."""
        return self.inspector.cameras

    def decide(self, serial: str, images: Mapping[str, Path]) -> Verdict:
        """The verdict on a package from the file of each camera; one that is broken is told."""
        return self.inspector.decide(serial, images)

    def decide_all(self, packages: Iterable[Package], workers: int) -> Iterator[Verdict]:
        """The verdicts on many packages, in order, as many at once as there are workers.

        Best with a model of one thread.
        """
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        begun: deque[Future[Verdict]] = deque()
        try:
            with ThreadPoolExecutor(workers) as pool:
                for serial, images in packages:
                    begun.append(pool.submit(self.decide, serial, images))
                    if len(begun) >= AHEAD * workers:
                        yield begun.popleft().result()
                while begun:
                    yield begun.popleft().result()
        finally:
            cv2.setNumThreads(threads)


def _described(held: Archive) -> dict[str, Any]:
    """What to tell of the model: versions and runs, and what its decision rests on."""
    told = {**held.told, "cameras_needed": []}
    decision = held.decision
    if decision is None:
        return told | {"decision": None, "warning": UNDECIDED}
    return told | {
        "cameras_needed": [*decision.cameras],
        "decision": {
            "kind": decision.kind.value,
            "share": decision.share,
            "accept_below": decision.accept_below,
            "reject_from": decision.reject_from,
            "packages": decision.packages,
            "figures": {
                name: [figure.value, figure.low, figure.high]
                for name, figure in decision.figures.items()
            },
        },
    }
