"""A run explained: every chosen image's map, its measures, and the gallery."""

from collections.abc import Collection
from pathlib import Path

import pandas as pd
import torch

from packsight.data.datamodule import PackageDataModule
from packsight.explanation.attribution import Explainer, Scorer, exact, images_at_once
from packsight.explanation.baselines import Baselines
from packsight.explanation.gallery import (
    Explained,
    attribution_rows,
    views_of,
    write_gallery,
    write_look,
)
from packsight.explanation.measures import (
    perturbation_curves,
    perturbation_measures,
    pool_measures,
    share_measures,
)
from packsight.explanation.regions import regions_of
from packsight.explanation.sanity import sanity_checks, verdicts
from packsight.models.network import Network
from packsight.system.console import console, counted
from packsight.system.files import replacing, writing
from packsight.system.fitted_table import FittedTable

POOLED = ("all", "damaged", "hit", "miss")  # the images whose measures are printed


def explain_images(
    scorer: Scorer,
    data: PackageDataModule,
    chosen: pd.DataFrame,
    explainer: Explainer,
    baselines: Baselines,
    folder: Path,
) -> pd.DataFrame:
    """Attribute and measure each chosen row of predictions; returns the pooled measures.

    Rows that `select` marks as `shown` get a panel. Writes attributions.csv, measures.csv,
    panels/, seen/, overlays/ and contact_sheet.png, in the place of those of other images.
    """
    explained, shown, looks = [], [], set()
    at_once = images_at_once(explainer)
    rows = chosen.drop(columns=["shown", "compared"]).to_dict("records")
    with exact(scorer.device), counted("explain", len(rows), "images") as advance:
        for start in range(0, len(rows), at_once):
            part = rows[start : start + at_once]
            images = data.images(row["path"] for row in part).to(scorer.device).float() / 255
            starts = torch.stack(
                [baselines.of(image, row["path"]) for image, row in zip(images, part, strict=True)]
            )
            found = explainer.explain(scorer, images, starts)
            for row, image, attribution in zip(part, images, found, strict=True):
                values = attribution.map.numpy()
                curves = perturbation_curves(scorer, image, values, explainer.max_batch)
                measures = share_measures(values, regions_of(data, row["path"]))
                measures |= perturbation_measures(curves)
                item = Explained([], row, attribution, measures)
                explained.append(item)
                number = len(explained) - 1
                if chosen["shown"].iloc[number] or chosen["compared"].iloc[number]:
                    item = Explained(views_of(data, row["path"]), row, attribution, measures)
                    write_look(folder, item)
                    looks.add(item.name)
                    if chosen["shown"].iloc[number]:
                        shown.append(item)
                advance(1)
    write_gallery(folder, shown, explainer.title)
    remove_others(folder, {item.name for item in shown}, looks)
    table = attribution_rows(explained, explainer.title)
    pooled = pool_measures(table)
    for name, content in (("attributions", table), ("measures", pooled)):
        with replacing(folder / f"{name}.csv") as file:
            content.to_csv(file, index=False)
    return pooled


def remove_others(folder: Path, panels: Collection[str], looks: Collection[str]) -> None:
    """Remove what an earlier explanation has left in a folder: other images, the sanity test.

    `panels` and `looks` name the images that have one now. What nobody explains with stays.
    """
    with writing(folder):
        for place, kept in (
            ("panels/*.png", panels),
            ("signed/*.jpg", panels),
            ("seen/*.jpg", looks),
            ("overlays/*.jpg", looks),
        ):
            for file in folder.glob(place):
                if file.stem not in kept:
                    file.unlink()
        (folder / "sanity.csv").unlink(missing_ok=True)


def print_measures(pooled: pd.DataFrame) -> None:
    """Print the pooled measures of all images, of damaged packages found, and of those missed."""
    table = FittedTable(
        "measures",
        ("", *POOLED, "area"),
        "mean over images, 95% interval by bootstrap over packages; a share of what speaks for "
        "damaged is to be read beside the share of area that the region covers",
    )
    for measure, rows in pooled.groupby("measure", sort=False):
        by_outcome = rows.set_index("outcome")
        cells = []
        for outcome in POOLED:
            if outcome not in by_outcome.index:
                cells.append("")
                continue
            row = by_outcome.loc[outcome]
            interval = "" if pd.isna(row["low"]) else f" [dim]{row['low']:.2f}–{row['high']:.2f}[/]"
            cells.append(f"{row['mean']:.2f}{interval}")
        area = by_outcome["area"].iloc[0]
        table.add_row(str(measure), *cells, "" if pd.isna(area) else f"{area:.2f}")
    console.print(table)


def check_sanity(
    network: Network,
    data: PackageDataModule,
    chosen: pd.DataFrame,
    explainer: Explainer,
    baselines: Baselines,
    count: int,
    folder: Path,
) -> None:
    """Run both sanity tests on the first `count` images shown; write sanity.csv and tell."""
    device = next(network.parameters()).device
    paths = chosen[chosen["shown"]]["path"].head(count).tolist()
    images = data.images(paths).to(device).float() / 255
    starts = torch.stack(
        [baselines.of(image, path) for image, path in zip(images, paths, strict=True)]
    )
    checks = sanity_checks(network, explainer, images, starts).assign(method=explainer.title)
    with replacing(folder / "sanity.csv") as file:
        checks.to_csv(file, index=False)
    for sentence in verdicts(checks, explainer.title):
        console.print(sentence, style="bold red" if "FAILS" in sentence else None)
