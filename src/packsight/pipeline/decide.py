"""Which models serve, and where they accept, reject or ask for inspection."""

from contextlib import nullcontext
from dataclasses import replace
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf
from rich.markup import escape

from packsight.errors import UserError
from packsight.system.console import console
from packsight.system.resources import CONFIGS

if TYPE_CHECKING:
    from collections.abc import Callable

    from packsight.decision.rule import Decision
    from packsight.reporting.candidates import Candidate

RESAMPLES_TO_CHOOSE = 200  # the interval of what is not chosen is shown to nobody


def decide(cfg: DictConfig, by_default: bool = False) -> Path:
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
    decision = replace(fit(serving), by_default=by_default)
    score, damaged = serving.packages["probability"].to_numpy(), serving.damaged.to_numpy()
    others = alternatives(score, damaged, decision.share, decision.costs)
    for sentence in sentences(decision, serving.title, len(found)):
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)
    console.print(decision_table(decision, serving.title, others))
    beside = Path(cfg.run) if Path(cfg.run).is_dir() else Path(cfg.run).parent
    file = write_decision(decision, Path(cfg.output) if cfg.output else beside)
    console.print(f"decision: [cyan]{file}[/]", soft_wrap=True)
    return file


def decide_by_default(experiment: Path) -> None:
    """The decision of a sweep, by configs/decide.yaml; why there is none is told in a line.

    One that was asked for is kept, and told where its models have been trained again since.
    """
    from packsight.configuration.check import checked
    from packsight.decision.rule import FILE, read_decision
    from packsight.runs.saved import BEST

    file = experiment / FILE
    try:
        earlier = read_decision(file) if file.is_file() else None
        if earlier is not None and not earlier.by_default:
            names = {name for names in earlier.runs.values() for name in names}
            models = [experiment / name / BEST for name in names]
            made = file.stat().st_mtime
            newer = any(model.is_file() and model.stat().st_mtime > made for model in models)
            again = ", but its models are newer; decide again" if newer else ", as it was asked for"
            console.print(f"decision: [cyan]{file}[/] is kept{again}", soft_wrap=True)
            return
    except UserError as reason:
        console.print(f"no decision: {escape(str(reason))}", highlight=False, soft_wrap=True)
        return
    within = GlobalHydra.instance().is_initialized()  # a job of Hydra, with the same folder
    opened = nullcontext() if within else initialize_config_dir(str(CONFIGS), version_base="1.3")
    with opened:
        cfg = compose("decide")
    cfg.run = str(experiment)
    try:
        decide(checked(cfg, "decide"), by_default=True)
    except UserError as reason:
        file.unlink(missing_ok=True)  # of models that are no longer there
        console.print(f"no decision: {escape(str(reason))}", highlight=False, soft_wrap=True)


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
