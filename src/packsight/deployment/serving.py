"""Which models score which images: those of a decision, or the best on validation packages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from packsight.data.pairing import PAIR
from packsight.decision.late_fusion import LateFusion
from packsight.decision.rule import Decision
from packsight.deployment.predictor import Predictor
from packsight.deployment.selection import best_pair, best_runs
from packsight.domain import Burst, Fusion, Perspective
from packsight.errors import UserError
from packsight.line.ensemble import Ensemble
from packsight.reporting.camera_fusion import fit_on_validation
from packsight.runs.decision_file import serving
from packsight.runs.saved import Run
from packsight.system.console import console


@dataclass(frozen=True)
class Serving:
    """Runs for each camera, or for both images as a pair: the mean of their scores counts."""

    runs: Mapping[str, tuple[Run, ...]]
    fusion: LateFusion | None = None  # of the cameras' scores; None: there is nothing to fuse
    decision: Decision | None = None

    @property
    def paired(self) -> bool:
        return PAIR in self.runs

    @property
    def cameras(self) -> list[str]:
        """Whose images are scored."""
        return [camera.value for camera in Perspective] if self.paired else [*self.runs]

    def burst(self, part: str) -> Burst:
        """How several images of a package become one score of this part: as its runs have it."""
        return self.runs[part][0].config.burst

    def load(self, device: str) -> dict[str, Ensemble[Predictor]]:
        """The models of each part, loaded once where both cameras have the same."""
        models: dict[str, Ensemble[Predictor]] = {}
        for part, runs in self.runs.items():
            same = [models[other] for other in models if self.runs[other] == runs]
            members = [] if same else [Predictor.from_run(run, device) for run in runs]
            models[part] = same[0] if same else Ensemble(members)
        return models


def serve(
    runs: Sequence[Run], decision: Decision | None = None, fusion: Fusion | None = None
) -> Serving:
    """Who serves; without a decision, the best run for each camera, fused by the mean or `fusion`.

    Raises UserError for a fusion that cannot be fitted, or is not the decision's.
    """
    if decision is not None:
        kind = decision.fusion.kind if decision.fusion else None
        if fusion not in (None, kind):
            raise UserError(
                f"fusion={fusion} has no effect on a decision, which "
                f"{f'fuses its cameras by {kind}' if kind else 'has nothing to fuse'}; leave it "
                "out, or use decision=none."
            )
        return Serving(serving(decision, runs), decision.fusion, decision)
    pair, chosen = best_pair(runs), best_runs(runs)
    if pair is not None:
        return Serving({PAIR: (pair,)})
    parts = {camera: (run,) for camera, run in chosen.items()}
    top, side = map(chosen.get, Perspective)
    if not (top and side):
        return Serving(parts)
    if top.config.manifest != side.config.manifest:
        console.print(
            "[yellow]no verdicts:[/] the models of the two cameras were trained on different data"
        )
        return Serving(parts)
    return Serving(parts, fit_on_validation(fusion or Fusion.MEAN, top, side))
