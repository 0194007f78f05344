"""Packages to look at: errors of all folds, cameras that disagree, labels that may be wrong."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from packsight.decision.label_errors import probable_label_errors
from packsight.domain import LABELS, THRESHOLD, Split
from packsight.evaluation.results import read_predictions
from packsight.reporting.leaderboard import text
from packsight.system.files import replacing
from packsight.system.tables import read_table

FILE, PICTURE = "suspects.csv", "suspects.png"
TILES = "suspects"  # the folder of pictures of one package each, by rank, without words
COLUMNS = ["rank", "serial", "camera", "label", "probability", "reason", "data", "run"]
KEYS = ["data", "serial", "perspective"]
SAME = [
    "data", "share", "perspective", "backbone", "precision", "weights", "crop", "recipe", "variant",
    "seed",
]  # fmt: skip
LABEL_ERROR, DISAGREE, WRONG = "label contradicted", "cameras disagree", "wrong"


@dataclass(frozen=True)
class Suspects:
    """rows: COLUMNS, the most suspicious first. picture: of the first of them, if there is one."""

    rows: pd.DataFrame
    picture: Path | None


def read_suspects(experiment: Path) -> Suspects:
    """What `write_suspects` left; without rows where it has not been."""
    rows = pd.DataFrame(columns=COLUMNS)
    if (experiment / FILE).is_file():
        rows = read_table(experiment / FILE, COLUMNS, {"serial": str}, 0, "a list of suspects")
    picture = experiment / PICTURE
    return Suspects(rows, picture if picture.is_file() else None)


def write_rows(experiment: Path, frame: pd.DataFrame, pooled: pd.DataFrame) -> pd.DataFrame:
    """Find an experiment's suspects and write suspects.csv."""
    rows = suspects(out_of_fold(experiment, frame, pooled))
    with replacing(experiment / FILE) as file:
        rows.to_csv(file, index=False)
    return rows


def out_of_fold(experiment: Path, frame: pd.DataFrame, pooled: pd.DataFrame) -> pd.DataFrame:
    """What the best model of each camera, by validation, says of images it was not trained on.

    A row per image: KEYS, label, probability and run, the folder of what scored it. `pooled` are
    the rows of `Pooled`; folds, which test every package, stand before a single split. An image of
    which several models speak, as one of `both` cameras does, has their mean.
    """
    tables = []
    best = pooled[pooled["rank"].eq(1) & pooled["fusion"].eq("")].sort_values("test")
    for _, row in best.drop_duplicates(["data", "perspective"]).iterrows():
        alike = frame[SAME].map(text).eq([text(row[key]) for key in SAME]).all(axis=1)
        runs = frame[alike & frame["state"].eq("done")]
        runs = runs[runs["fold"].notna() == (row["test"] == "folds")]
        for folder in runs["folder"]:
            table = read_predictions(experiment / folder).assign(data=row["data"], run=folder)
            tables.append(table[table["split"] == Split.TEST])
    if not tables:
        return pd.DataFrame(columns=[*KEYS, "label", "probability", "run"])
    found = pd.concat(tables).groupby([*KEYS, "label"], as_index=False)
    return found.agg(probability=("probability", "mean"), run=("run", "first"))


def suspects(images: pd.DataFrame) -> pd.DataFrame:
    """The images of `out_of_fold` that a model contradicts, COLUMNS, the most suspicious first.

    First those whose label is probably wrong, by confident learning, and no other camera speaks
    for it; then those for which one does; then all other errors. Within each by how sure all of a
    package's cameras are of the other label.
    """
    table = images.reset_index(drop=True)
    damaged = table["label"] == LABELS[1]
    table["doubt"] = table["probability"].astype(float).where(~damaged, 1 - table["probability"])
    called = table["probability"] >= THRESHOLD
    table["wrong"] = called != damaged
    table["label_error"] = False
    for _, group in table.groupby(["data", "perspective"]):
        found = probable_label_errors(group["probability"], group["label"] == LABELS[1])
        table.loc[group.index[[one.row for one in found]], "label_error"] = True
    package = table.groupby(["data", "serial"])
    table["package_doubt"] = package["doubt"].transform("mean")
    table["disagree"] = package["wrong"].transform("nunique") > 1
    contradicted = package["label_error"].transform("any")
    table["tier"] = np.select([contradicted & ~table["disagree"], contradicted], [0, 1], 2)
    wrong = table[table["wrong"]].sort_values(
        ["tier", "package_doubt", "serial", "doubt"], ascending=[True, False, True, False]
    )
    reasons = [_reason(row, table) for _, row in wrong.iterrows()]
    ranked = wrong.assign(rank=range(1, len(wrong) + 1), reason=reasons)
    return ranked.rename(columns={"perspective": "camera"})[COLUMNS].reset_index(drop=True)


def _reason(row: pd.Series, table: pd.DataFrame) -> str:
    """Why an image is listed, in words; with what other cameras say of the package."""
    told = [LABEL_ERROR] if row["label_error"] else []
    if row["disagree"]:
        same = table["data"].eq(row["data"]) & table["serial"].eq(row["serial"])
        others = table[same & ~table["wrong"]]
        said = ", ".join(
            f"{other['perspective']} {other['probability']:.2f}" for _, other in others.iterrows()
        )
        told.append(f"{DISAGREE} ({said})")
    return "; ".join(told or [WRONG])
