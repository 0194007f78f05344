"""Where models looked, for the page: pictures without words, and captions in its language."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from packsight.errors import UserError
from packsight.imaging.decode import read_image
from packsight.reporting.attribution_comparison import shared_overlays
from packsight.reporting.pictures import shrunk
from packsight.reporting.suspects import TILES, Suspects
from packsight.reporting.wording import Words
from packsight.system.tables import read_table

COLUMNS = ["serial", "perspective", "label", "outcome", "probability", "baseline_score",
           "full_colour", "shade"]  # fmt: skip
RUN_WIDTH = 840  # pixels of a picture in the page: what a model saw and two maps
TILE_WIDTH = 380  # of one alone


@dataclass(frozen=True)
class Look:
    """A picture, as a data URI, and what is said of it."""

    picture: str
    caption: str


def run_looks(folder: Path, say: Words) -> list[Look]:
    """The images of a folder of explanations that have a signed map: seen, map, signed map."""
    found = []
    for name, row in _explained(folder).items():
        signed = folder / "signed" / f"{name}.jpg"
        if signed.is_file() and (parts := _pictures(folder, name)):
            whole = np.hstack([*parts, read_image(signed)[: len(parts[0])]])
            caption = say(
                "looks.image",
                serial=row["serial"],
                camera=say.named("camera", row["perspective"]),
                label=say.named("label", row["label"]),
                outcome=say.named("outcome", row["outcome"]),
                probability=row["probability"],
                scale=_scale(row, say),
            )
            found.append(Look(shrunk(Image.fromarray(whole), RUN_WIDTH), caption))
    return found


def shared_looks(
    experiment: Path, frame: pd.DataFrame, say: Words
) -> dict[str, list[tuple[str, list[Look]]]]:
    """By camera, the same packages across models: a name, and what was seen beside each map.

    Without cameras where an older version has explained.
    """
    found: dict[str, list[tuple[str, list[Look]]]] = {}
    tables: dict[Path, dict[str, pd.Series]] = {}
    for camera, (columns, shared) in shared_overlays(experiment, frame).items():
        rows = []
        for image in shared:
            looks: list[Look] = []
            for name, files in columns.items():
                folder = files[image].parents[1]
                row = tables.setdefault(folder, _explained(folder)).get(image)
                parts = _pictures(folder, image)
                if row is None or parts is None:
                    continue
                if not looks:
                    seen = shrunk(Image.fromarray(parts[0]), TILE_WIDTH)
                    looks.append(Look(seen, say("looks.seen")))
                picture = shrunk(Image.fromarray(parts[1]), TILE_WIDTH)
                looks.append(Look(picture, f"{name}; {_scale(row, say)}"))
            if len(looks) == len(columns) + 1:
                rows.append((image, looks))
        if rows:
            found[camera] = rows
    return found


def suspect_looks(experiment: Path, suspects: Suspects, say: Words) -> list[Look]:
    """The packages to look at that have a picture of their own."""
    found = []
    for (_, serial), listed in suspects.rows.groupby(["data", "serial"], sort=False):
        file = experiment / TILES / f"{listed['rank'].iloc[0]}.jpg"
        if not file.is_file():
            continue
        said = [
            say(
                "looks.suspect",
                camera=say.named("camera", row["camera"]),
                probability=row["probability"],
                reason="; ".join(map(say.translated, row["reason"].split("; "))),
            )
            for _, row in listed.iterrows()
        ]
        label = say.named("label", listed["label"].iloc[0])
        caption = f"{listed['rank'].iloc[0]}  {serial}, {label}; {' | '.join(said)}"
        found.append(Look(shrunk(Image.fromarray(read_image(file)), RUN_WIDTH), caption))
    return found


def _explained(folder: Path) -> dict[str, pd.Series]:
    """What is known of each explained image; nothing of those of an older version."""
    if not (folder / "attributions.csv").is_file():
        return {}
    try:
        table = read_table(folder / "attributions.csv", COLUMNS, {"serial": str}, 0)
    except UserError:  # told where the maps are compared
        return {}
    return {f"{row['serial']}_{row['perspective']}": row for _, row in table.iterrows()}


def _pictures(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray] | None:
    """What a model saw, and its map without the scale below; None where one is missing."""
    try:
        seen, overlay = (read_image(folder / kind / f"{name}.jpg") for kind in ("seen", "overlays"))
    except UserError:
        return None
    return seen, overlay[: len(seen)]


def _scale(row: pd.Series, say: Words) -> str:
    """A map's scale, in words."""
    in_logits = not pd.isna(row["baseline_score"])
    told = say(f"looks.{'scale_logits' if in_logits else 'scale'}", full=row["full_colour"])
    return told + (say("looks.faded", shade=row["shade"]) if row["shade"] < 1 else "")
