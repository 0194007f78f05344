"""Which models serve, and where they accept, reject or ask for inspection."""

from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from packsight.system.console import console

if TYPE_CHECKING:
    from collections.abc import Callable

    from packsight.decision.rule import Decision
    from packsight.reporting.candidates import Candidate

RESAMPLES_TO_CHOOSE = 200  # the interval of what is not chosen is shown to nobody


def decide(cfg: DictConfig) -> Path:
    """Choose between models by validation, fit the thresholds, write decision.json."""
    from packsight.reporting.leaderboard import collect
    from packsight.system.archive import as_folder

    with as_folder(cfg.run, int(cfg.max_unpacked_gb * 10**9)) as root:
        frame = collect(root)
        frame = frame[[fnmatch(folder, cfg.member) for folder in frame["folder"]]]
        from packsight.decision.outcomes import alternatives
        from packsight.decision.rule import write_decision
        from packsight.domain import Fusion
        from packsight.reporting.candidates import candidates, chosen
        from packsight.reporting.decision_table import decision_table, sentences
        from packsight.reporting.pooling import configurations

        fusion = Fusion(cfg.fusion) if cfg.fusion else None
        found = candidates(configurations(root, frame), fusion)
    fit = partial(_fit, OmegaConf.to_container(cfg.decision, resolve=True))
    serving = chosen(found, partial(_price, fit))
    decision = fit(serving)
    score, damaged = serving.packages["probability"].to_numpy(), serving.damaged.to_numpy()
    others = alternatives(score, damaged, decision.share, decision.costs)
    for sentence in sentences(decision, serving.title, len(found)):
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)
    console.print(decision_table(decision, serving.title, others))
    beside = Path(cfg.run) if Path(cfg.run).is_dir() else Path(cfg.run).parent
    file = write_decision(decision, Path(cfg.output) if cfg.output else beside)
    console.print(f"decision: [cyan]{file}[/]", soft_wrap=True)
    return file


def _price(fit: "Callable[..., Decision]", candidate: "Candidate") -> float:
    """What a candidate's decision costs; without costs, the log loss of its probabilities.

    A promise is not chosen by its threshold: of several models the luckiest would be taken.
    """
    from packsight.decision.calibration_fit import cross_validated_losses

    decision = fit(candidate, resamples=RESAMPLES_TO_CHOOSE)
    if decision.costs is not None:
        return decision.figures["cost"].value or 0.0
    losses = cross_validated_losses(candidate.packages["probability"], candidate.damaged)
    return float(losses[decision.calibration.method].mean())


def _fit(asked: Any, candidate: "Candidate", resamples: int | None = None) -> "Decision":
    """The decision about a candidate that the section `decision` asks for."""
    from packsight.decision.certainty import RESAMPLES
    from packsight.decision.fitting import fit_decision
    from packsight.decision.terms import AlwaysInspect, Costs, Kind, Promise

    costs, promise, thresholds = (asked.get(key) for key in ("costs", "promise", "thresholds"))
    by_hand = (thresholds["accept_below"], thresholds["reject_from"]) if thresholds else None
    return fit_decision(
        candidate.packages["probability"],
        candidate.damaged,
        kind=Kind(asked["kind"]),
        share=asked["share"],
        runs=candidate.runs,
        cameras=candidate.cameras,
        fusion=candidate.fusion,
        costs=Costs(**costs) if costs else None,
        promise=Promise(**promise) if promise else None,
        thresholds=by_hand,
        always_inspect=AlwaysInspect(**asked["always_inspect"]),
        resamples=resamples or RESAMPLES,
    )
