"""MODEL_CARD.md: what an experiment's models are, were tested on and are not fit for."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from packsight import __version__
from packsight.configuration.stored import read_config
from packsight.decision.rule import FILE as DECISION
from packsight.decision.rule import read_decision
from packsight.domain import LABELS, Split, SplitBy
from packsight.errors import UserError
from packsight.evaluation.metrics import wilson_interval
from packsight.reporting.attribution_comparison import COMPARED, AttributionComparison
from packsight.reporting.attribution_table import attributions_cells
from packsight.reporting.decision_table import SHOWN, sentences
from packsight.reporting.leaderboard import left_out, number, text, varying
from packsight.reporting.pooling import shown
from packsight.reporting.reproduction import commands, environments
from packsight.reporting.suspects import SAME
from packsight.system.files import reading, replacing
from packsight.system.tables import read_table

if TYPE_CHECKING:  # a report does not load models
    from packsight.runs.saved import Run

FILE = "MODEL_CARD.md"


def write_model_card(experiment: Path) -> Path | None:
    """Write an experiment's MODEL_CARD.md from its tables and its decision, None without any.

    Reads what `print_results` has written, so it comes after that and after a decision.
    """
    if not (experiment / "pooled.csv").is_file():
        return None
    names = dict.fromkeys([*SAME, "fusion"], str)  # a variant of digits is a name too
    pooled = read_table(experiment / "pooled.csv", ["rank", *names], names, 0)
    pooled["fusion"] = pooled["fusion"].fillna("")
    frame = read_table(experiment / "leaderboard.csv", ["folder", "state", *SAME], names)
    done = frame[frame["state"] == "done"]
    if pooled.empty or done.empty:
        return None
    rows = shown(pooled)
    environment = Environment(
        loader=PackageLoader("packsight.reporting", ""),
        autoescape=False,  # text, not HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["join"] = lambda values, by: by.join(map(_cell, values))
    looks = _looks(experiment)
    card = environment.get_template("model_card.md.j2").render(
        name=experiment.resolve().name,
        path=experiment.as_posix(),
        version=__version__,
        models=[_model(row, done) for _, row in rows[rows["rank"] == 1].iterrows()],
        data=_data(experiment, done),
        figures=[_figures(row, varying(rows)) for _, row in rows.iterrows()],
        decision=_decision(experiment),
        measures=[name for *_, name in COMPARED],
        looks=looks,
        limits=_limits(rows),
        commands=commands(experiment),
        environment=environments(experiment, done["folder"]),
    )
    with replacing(experiment / FILE) as file:
        file.write_text(card, encoding="utf-8")
    return experiment / FILE


def card_beside(run: "Run") -> str:
    """The card of the experiment that holds a run; "" where there is none."""
    root = [run.folder, *run.folder.parents][len(Path(run.name).parts)]
    if not (root / FILE).is_file():
        return ""
    with reading(root / FILE, "a model card"):
        return (root / FILE).read_text(encoding="utf-8")


def _model(row: pd.Series, done: pd.DataFrame) -> dict[str, str]:
    """The best configuration of a camera, by validation."""
    folds = "one model" if row["test"] == "split" else f"{row['folds']} models, one a fold"
    settings = [f"{key} {text(row[key])}" for key in ("precision", "weights", "crop", "recipe")
                if key in row and text(row[key])]  # fmt: skip
    alike = done[SAME].map(text).eq([text(row[key]) for key in SAME]).all(axis=1)
    same = done[alike & done["fold"].notna().eq(row["test"] == "folds")]
    files = ", ".join(f"`{folder}/checkpoints/best.ckpt`" for folder in same["folder"])
    fused = f", fused by {row['fusion']}" if row["fusion"] else ""
    return {
        "title": f"{text(row['backbone'])}, {text(row['perspective'])}{fused}",
        "what": f"best of its camera by validation ({text(row['monitor'])} "
        f"{number(row['monitor_value'], 3)}), {folds}; {', '.join(settings)}",
        "files": files or "those of the two cameras' models",
    }


def _data(experiment: Path, done: pd.DataFrame) -> list[str]:
    """What the models learned from, and how packages were held out."""
    lines = []
    for name, runs in done.groupby("data"):
        config = read_config(experiment / runs["folder"].iloc[0])
        columns = ["serial", "label", "split"]
        tables = [
            read_table(experiment / folder / "predictions.csv", columns, {"serial": str})
            for folder in runs["folder"]
        ]
        scored = pd.concat(tables)
        test = scored[scored["split"] == Split.TEST].drop_duplicates("serial")
        counts = test["label"].value_counts().reindex(list(LABELS), fill_value=0)
        if runs["fold"].isna().all():
            fractions = config.data.fractions
            parts = ", ".join(f"{part} {getattr(fractions, part):.0%}" for part in Split)
            how = f"a fixed split by package ({parts})"
        else:
            how = f"{config.data.folds} folds by package, validation carved from the next one"
        by_time = config.data.split != SplitBy.RANDOM
        drawn = f"drawn with data.split_seed={config.data.split_seed}"
        lines.append(
            f"{name}: {how}, {'the newest held out' if by_time else drawn}; "
            f"{counts['damaged']} damaged and {counts['intact']} intact packages were tested"
            + (f"; manifest `{config.manifest[:16]}`." if config.manifest else ".")
        )
    return lines


def _figures(row: pd.Series, differing: Sequence[str]) -> list[str]:
    """A row of the table of figures."""
    settings = [text(row[key]) for key in differing if text(row[key])]
    values = [
        f"{number(row[name], 3)} {number(row[f'{name}_low'], 3)}–{number(row[f'{name}_high'], 3)}"
        if pd.notna(row[f"{name}_low"])
        else number(row[name], 3) or "–"
        for name in ("accuracy", "recall_damaged", "recall_intact", "auroc")
    ]
    rank = text(row["rank"]).removesuffix(".0") or "–"
    model = ", ".join([text(row["backbone"]), *settings])
    return [text(row["perspective"]), model, rank, text(row["packages"]), *values]


def _decision(experiment: Path) -> dict[str, Any] | None:
    """What decision.json says, None where there is none."""
    if not (experiment / DECISION).is_file():
        return None
    try:
        decision = read_decision(experiment / DECISION)
    except UserError as damaged:
        left_out(damaged)
        return None
    title = " and ".join(
        f"{camera}: {runs[0] if len(runs) == 1 else f'the mean of {len(runs)} models, {runs[0]} …'}"
        for camera, runs in decision.runs.items()
    )
    figures = {name: figure for name, figure in decision.figures.items() if name in SHOWN}
    return {
        "sentences": sentences(decision, title, 1),
        "damaged": f"{1000 * decision.share:g}",
        "rests_on": ", ".join(f"{count} {label}" for label, count in decision.packages.items()),
        "figures": [
            (SHOWN[name], "–" if figure.value is None else
             f"{figure.value:.2f} ({number(figure.low)}–{number(figure.high)})")
            for name, figure in figures.items()
        ],
    }  # fmt: skip


def _looks(experiment: Path) -> list[list[str]]:
    """The attribution measures of each configuration."""
    if not (experiment / "attributions.csv").is_file():
        return []
    rows = read_table(experiment / "attributions.csv", ["measure", "outcome"], rows=0)
    return attributions_cells(AttributionComparison(rows, []))


def _limits(rows: pd.DataFrame) -> list[str]:
    """What nobody should read into the figures."""
    packages = int(rows["packages"].max())
    low, high = wilson_interval(packages - 1, packages)
    lines = [
        f"{packages} packages were tested: {packages - 1} of them right would mean anything from "
        f"{low:.0%} to {high:.0%} on further ones.",
        "The figures hold for these packages, this belt, light and cameras. Another product, a "
        "moved camera or other light is new data: test on it first.",
        "Labels are taken as they are; suspects.csv lists those that the models contradict.",
        "A probability is not calibrated for a line with another share of damaged packages unless "
        "a decision says so.",
    ]
    lost = int(rows["not_located"].max()) if "not_located" in rows else 0
    if lost:
        lines.append(f"{lost} packages were not found in their images; whole frames were scored.")
    return lines


def _cell(value: object) -> str:
    """Text that ends no cell of a table."""
    return str(value).replace("|", "\\|").replace("\n", " ")
