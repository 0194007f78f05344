"""Where the models of an experiment looked, side by side: tables, figure, sheets and sentences."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from packsight.errors import UserError
from packsight.evaluation.figures import BLUE, GREEN, ORANGE, VERMILION
from packsight.explanation.measures import MEASURES, pool_measures
from packsight.explanation.sanity import verdicts
from packsight.imaging.contact_sheet import contact_sheet
from packsight.imaging.decode import read_image
from packsight.imaging.encode import write_image
from packsight.reporting.leaderboard import left_out, text, varying
from packsight.system.files import reading, replacing
from packsight.system.tables import read_table

KEYS = [
    "data", "perspective", "backbone", "crop", "recipe", "precision", "weights", "variant", "seed",
    "method",
]  # fmt: skip
# What is compared: measure, of which images, and what it is called. On an intact package what
# speaks for damaged is the little that was overruled; and whether the score follows the map can
# only be told where there is a score to lose: on damaged packages that were found.
COMPARED = (
    ("belt_share", "damaged", "share on the belt"),
    ("damage_share", "damaged", "share on the damage"),
    ("pointing_hit", "damaged", "pointing game"),
    ("deletion_auc", "hit", "deletion AUC"),
)
COLOURS = {"top": ORANGE, "side": GREEN, "both": BLUE, "pair": VERMILION}


IDENTITY = ("serial", "perspective", "label", "outcome", "method")
MEASURED = (*MEASURES, *(name.replace("_share", "_area") for name in MEASURES if "_share" in name))
LARGEST = 1e6  # of a measure
AGAIN = "run scripts/explain.py again"


@dataclass(frozen=True)
class AttributionComparison:
    """What `explain` left in the runs of an experiment.

    rows: KEYS, folds, outcome, measure, mean, low, high, area, images, packages, a row per
    configuration, outcome and measure. sanity: sentences.
    """

    rows: pd.DataFrame
    sanity: list[str]

    def configurations(self) -> Iterator[tuple[pd.Series, dict[tuple[str, str], pd.Series]]]:
        """Each configuration's settings, and its rows by (measure, outcome)."""
        for _, group in self.rows.groupby(KEYS, dropna=False, sort=False):
            cells = {(row["measure"], row["outcome"]): row for _, row in group.iterrows()}
            yield group.iloc[0], cells

    def telling(self) -> list[str]:
        """The settings that tell configurations of one camera and backbone apart."""
        single = self.rows.drop_duplicates(KEYS)
        # What backbone and camera determine is no news.
        keys = ["perspective", "backbone"]
        for key in KEYS[3:]:
            if len(single.drop_duplicates([*keys, key])) > len(single.drop_duplicates(keys)):
                keys.append(key)
        return keys[2:]

    def names(self) -> list[str]:
        """What to call each configuration: its backbone, and what tells it from others."""
        telling = self.telling()
        return [
            ", ".join([row["backbone"], *(f"{key} {text(row[key]) or '–'}" for key in telling)])
            for _, row in self.rows.drop_duplicates(KEYS).iterrows()
        ]


def collect_attributions(experiment: Path, frame: pd.DataFrame) -> AttributionComparison:
    """Pool what `explain` measured in the runs of a leaderboard, the folds of each as one."""
    tables, sentences, differing = [], [], varying(frame)
    for _, run in frame.iterrows():
        folder = experiment / run["folder"] / "explanations"
        try:
            table, checks = _explained(folder)
        except UserError as damaged:
            left_out(damaged)
            continue
        if table is None:
            continue
        settings = {key: text(run[key]) for key in KEYS if key in run}
        tables.append(table.assign(**settings, fold=text(run["fold"])))
        if checks is not None:
            name = ", ".join(text(run[key]) for key in ("backbone", "perspective", *differing))
            method = str(checks["method"].iloc[0])
            sentences += [f"{name}: {said}" for said in verdicts(checks, method)]
    if not tables:
        return AttributionComparison(pd.DataFrame(columns=[*KEYS, "measure", "outcome"]), [])
    rows = []
    for key, group in pd.concat(tables).groupby(KEYS, dropna=False, sort=True):
        pooled = pool_measures(group)
        settings = dict(zip(KEYS, key, strict=True)) | {"folds": group["fold"].nunique()}
        rows.append(pooled.assign(**settings))
    table = pd.concat(rows, ignore_index=True)
    first = [*KEYS, "folds"]
    return AttributionComparison(
        table[[*first, *table.columns.difference(first, sort=False)]], sentences
    )


def _explained(folder: Path) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """What `explain` measured of a run's maps and of their sanity, None where it did not.

    Raises UserError for a damaged file.
    """
    file, checked = folder / "attributions.csv", folder / "sanity.csv"
    if not file.is_file():
        return None, None
    kind = "what explain measured"
    table = read_table(file, IDENTITY, {"serial": str}, 0, kind, AGAIN)
    if "belt_share" not in table:  # from before maps were measured
        return None, None
    with reading(file, kind, AGAIN):
        table = table.astype(dict.fromkeys(MEASURED, float))
        measures = table[list(MEASURED)]
        if not (measures.isna() | measures.abs().lt(LARGEST)).all(axis=None):
            raise ValueError("a measure is larger than any can be")
        if table[list(IDENTITY)].isna().any(axis=None):
            raise ValueError("a row lacks its package, label, outcome or method")
    if not checked.is_file():
        return table, None
    numbers = ["number", "spearman", "spearman_abs"]
    kinds = dict.fromkeys(numbers, float)
    return table, read_table(
        checked, ["method", "test", *numbers], kinds, 1, "checks of explain's sanity", AGAIN
    )


def write_attributions(experiment: Path, frame: pd.DataFrame) -> AttributionComparison:
    """Pool an experiment's explanations; write attributions.csv, attributions.png and sheets."""
    attributions = collect_attributions(experiment, frame)
    if attributions.rows.empty:
        return attributions
    with replacing(experiment / "attributions.csv") as file:
        attributions.rows.to_csv(file, index=False)
    with replacing(experiment / "attributions.png") as file:
        attributions_figure(attributions).savefig(file, dpi=120)
    for name, picture in look_sheets(experiment, frame).items():
        with replacing(experiment / f"attributions_{name}.png") as file:
            write_image(file, picture)
    return attributions


def attributions_figure(attributions: AttributionComparison) -> Figure:
    """A panel for each measure, a line for each model and camera; ticks are the area's share."""
    names, configurations = attributions.names(), list(attributions.configurations())
    figure = Figure(figsize=(12, 1.3 + 0.32 * len(names)), layout="constrained")
    panels = figure.subplots(1, len(COMPARED), sharey=True)
    for axes, (measure, outcome, title) in zip(panels, COMPARED, strict=True):
        for line, (row, cells) in enumerate(configurations):
            cell = cells.get((measure, outcome))
            if cell is None:
                continue
            colour = COLOURS.get(row["perspective"], "black")
            axes.plot([cell["low"], cell["high"]], [line, line], color=colour, linewidth=2)
            axes.plot(cell["mean"], line, "o", color=colour)
            if not pd.isna(cell["area"]):
                axes.plot(cell["area"], line, "|", color="black", markersize=12)
        axes.set_title(title, fontsize=10)
        axes.set_xlim(-0.03, 1.03)
        axes.grid(axis="x", color="0.92")
        axes.spines[["top", "right"]].set_visible(False)
    labels = [
        f"{row['perspective']}: {name}"
        for name, (row, _) in zip(names, configurations, strict=True)
    ]
    panels[0].set_yticks(range(len(names)), labels, fontsize=8)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    figure.supxlabel(
        "dot and bar: mean and 95 % interval by package; black tick: the region's share of area",
        fontsize=8,
    )
    return figure


def shared_overlays(
    experiment: Path, frame: pd.DataFrame
) -> dict[str, tuple[dict[str, dict[str, Path]], list[str]]]:
    """By camera, overlays by model and image, and the images that all of several models have.

    Of the folds of a model only those count whose packages others have.
    """
    found = {}
    for perspective, runs in frame.groupby("perspective"):
        columns: dict[str, dict[str, Path]] = {}
        for _, run in runs.iterrows():
            files = (experiment / run["folder"] / "explanations" / "overlays").glob("*.jpg")
            name = ", ".join(filter(None, (text(run["backbone"]), text(run["recipe"]),
                                           f"crop {text(run['crop'])}")))  # fmt: skip
            overlays = {file.stem: file for file in sorted(files)}
            if overlays:
                columns.setdefault(name, {}).update(overlays)
        counts = pd.Series([image for files in columns.values() for image in files]).value_counts()
        shared = sorted(image for image, count in counts.items() if count == len(columns))[:8]
        if len(columns) > 1 and shared:
            found[str(perspective)] = columns, shared
    return found


def look_sheets(experiment: Path, frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """The same packages, a row each, as they are and across models, RGB uint8, one per camera.

    Each tile has its own scale below it.
    """
    sheets = {}
    for perspective, (columns, shared) in shared_overlays(experiment, frame).items():
        first = [next(iter(columns.values()))[image] for image in shared]
        seen = [file.parent.with_name("seen") / file.name for file in first]
        plain = all(file.is_file() for file in seen)  # not where explained by an older version
        tiles, captions = [], []
        for image, own in zip(shared, seen, strict=True):
            overlays = [files[image] for files in columns.values()]
            tiles += [read_image(file) for file in ([own, *overlays] if plain else overlays)]
            captions += [image] if plain else []
            captions += [f"{image[:13]}  {name}" for name in columns]
        width = len(tiles) // len(shared)
        sheets[perspective] = contact_sheet(tiles, captions, width, tile_width=380)
    return sheets
