"""Images without labels to predictions.csv, and both images of a package to a verdict."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from packsight.decision.late_fusion import LateFusion
from packsight.deployment.damage_region import COLUMNS as LOCATED
from packsight.deployment.damage_region import check_explainer, locate
from packsight.deployment.frame_scores import score, words
from packsight.deployment.predictor import Predictor
from packsight.deployment.repeated_images import mark_repeated
from packsight.deployment.selection import best_pair, best_runs
from packsight.domain import Fusion, Perspective
from packsight.errors import UserError
from packsight.evaluation.verdicts import add_verdicts, by_package
from packsight.explanation.attribution import Explainer
from packsight.preparation.layout import (
    IMAGE_SUFFIXES,
    UNREADABLE,
    Rejected,
    is_image,
    walk,
)
from packsight.preparation.layout_standard import StandardLayout
from packsight.preparation.reading import Layout
from packsight.reporting.camera_fusion import fit_on_validation
from packsight.runs.saved import Run
from packsight.system.archive import as_folder
from packsight.system.console import console
from packsight.system.files import replacing, writable

COLUMNS = [
    "serial", "perspective", "label", "probability", "predicted", "split", "path", "crop",
    "error",
]  # fmt: skip


def predict_source(
    runs: Sequence[Run],
    source: str | Path,
    output: str | Path,
    *,
    layout: Layout | None = None,
    camera: str | None = None,
    fusion: Fusion = Fusion.MEAN,
    explainer: Explainer | None = None,
    batch_size: int = 32,
    device: str = "auto",
    overwrite: bool = False,
    max_unpacked_gb: float = 20.0,
) -> Path:
    """Score a folder, zip or file of images; write predictions.csv, and verdicts.csv for packages.

    `layout` tells serial and camera of an image, `camera` took those of which it tells none; an
    `explainer` tells the region that speaks most for damaged. Raises UserError if nothing fits the
    runs' cameras, results would be overwritten, or, once the reasons are written, not one image
    could be scored.
    """
    source, output = Path(source), Path(output)
    present = [name for name in ("predictions.csv", "verdicts.csv") if (output / name).exists()]
    if present and not overwrite:
        raise UserError(
            f"{output / present[0]} exists; choose another output= or set overwrite=true."
        )
    if camera not in (None, *Perspective):
        raise UserError(f"perspective={camera} is no camera; use top or side.")
    if explainer is not None:
        check_explainer(explainer)
    pair, chosen = best_pair(runs), best_runs(runs)
    # Before the images, so that a fusion that cannot be fitted is told at once.
    top, side = map(chosen.get, Perspective)
    fused = None
    if top and side and top.config.manifest != side.config.manifest:
        console.print(
            "[yellow]no verdicts:[/] the models of the two cameras were trained on different data"
        )
    elif top and side:
        fused = fit_on_validation(fusion, top, side)
    cameras = list(chosen) or list(Perspective)
    with _images(source, int(max_unpacked_gb * 1e9)) as (root, files, unread):
        table = name_images(root, files, camera, unread, layout)
        mark_repeated(root, table)
        unnamed = table["perspective"] == ""
        table.loc[unnamed & (table["error"] == ""), "error"] = (
            "the camera is unknown: name the file <serial>_<top|side> or give perspective="
        )
        wanted = table[unnamed | table["perspective"].isin(cameras)].copy()
        if wanted["perspective"].eq("").all():
            seen = ", ".join(sorted(set(table["perspective"]) - {""})) or "of no known camera"
            raise UserError(
                f"no image in {source} is for a camera of this run ({', '.join(cameras)}); "
                f"found {len(table)}, {seen}; name them <serial>_<top|side> or give perspective=."
            )
        writable(output)  # told now, and not after all images are scored

        def scored(run: Run, part: str, inputs: Sequence[dict[str, int]]) -> np.ndarray:
            console.print(f"{part}: {run.title} [cyan]{run.folder}[/]", highlight=False)
            predictor = Predictor.from_run(run, device)
            scores = score(predictor, root, wanted, inputs, batch_size)
            if explainer is not None:
                locate(predictor, explainer, root, wanted, inputs, scores)
            return scores

        for part, run in chosen.items():
            rows = wanted.index[wanted["perspective"].eq(part) & wanted["error"].eq("")]
            if len(rows):
                scores = scored(run, part, [{part: row} for row in rows])
                wanted.loc[rows, "probability"] = scores
                wanted.loc[rows, "predicted"] = words(scores)
        found = None
        if pair is not None:
            found = packages_of(wanted)
            scores = scored(pair, "pair", found.pop("rows"))
            found = found.assign(probability=scores, predicted=words(scores)).dropna()
            found["cameras"] = cameras_read(found["serial"], wanted)
            found["sure"] = ~found["serial"].isin(wanted["serial"][wanted["crop"].eq("frame")])
        elif fused is not None:
            found = verdicts(wanted, fused)
    _write(wanted[COLUMNS + (LOCATED if explainer else [])], output / "predictions.csv")
    left_out = len(table) - len(wanted)
    unreadable = int(wanted["error"].ne("").sum())
    lost = int(wanted["crop"].eq("frame").sum())
    console.print(
        f"{len(wanted) - unreadable} images scored, {lost} of them as whole frames because the "
        f"package was not found, {unreadable} with an error, {left_out} of another camera left "
        f"out: [cyan]{output / 'predictions.csv'}[/]",
        soft_wrap=True,
    )
    if found is not None:
        _write(found, output / "verdicts.csv")
        alone = int(found["cameras"].ne("top+side").sum())
        unsure = int((~found["sure"]).sum())
        console.print(
            f"{len(found)} packages have a verdict, {alone} from one camera alone, {unsure} unsure "
            "because the package was not found: "
            f"[cyan]{output / 'verdicts.csv'}[/]",
            soft_wrap=True,
        )
    if unreadable == len(wanted):
        raise UserError(
            f"not one image of {source} could be scored; {output / 'predictions.csv'} has the "
            f"reason for each, of the first: {wanted['error'].iloc[0]}."
        )
    return output


def name_images(
    root: Path,
    files: Sequence[Path],
    perspective: str | None,
    unread: Sequence[Rejected] = (),
    layout: Layout | None = None,
) -> pd.DataFrame:
    """A row per file: serial and camera as the layout tells them, `<serial>_<perspective>` if none.

    A file that is not named so is its own package, seen by the camera `perspective`. What is
    `unread` gets its reason as `error`.
    """
    rows = []
    errors = {item.path: ": ".join(filter(None, item[1:])) for item in unread}
    paths = [*(file.relative_to(root).as_posix() for file in files), *errors]
    named = (layout or StandardLayout()).namer(root, paths)
    for path in paths:
        name = named(path)
        rows.append(
            {
                "serial": name.serial or path,
                "perspective": name.perspective or perspective or "",
                "path": path,
                "error": errors.get(path, ""),
            }
        )
    empty: dict[str, object] = {"label": "", "probability": np.nan, "predicted": "", "split": ""}
    return pd.DataFrame(rows).assign(**empty, crop="", region="", region_score=np.nan)


def verdicts(predictions: pd.DataFrame, fusion: LateFusion) -> pd.DataFrame:
    """One row per package that a camera scored; `cameras` tells where one image is missing."""
    return add_verdicts(by_package(predictions[predictions["error"] == ""]), fusion)


def named(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of a known camera and without an error."""
    return table[(table["error"] == "") & (table["perspective"] != "")]


def packages_of(table: pd.DataFrame) -> pd.DataFrame:
    """One row per package: its serial, and in `rows` its images, {camera: row of the table}."""
    by_serial = named(table).groupby("serial", sort=True)
    rows = [dict(zip(part["perspective"], part.index, strict=True)) for _, part in by_serial]
    return pd.DataFrame({"serial": sorted(by_serial.groups), "rows": rows})


def cameras_read(serials: pd.Series, table: pd.DataFrame) -> list[str]:
    """For each package the cameras whose image could be read: `top+side`, `top` or `side`."""
    seen = named(table).groupby("serial")["perspective"].agg(set)
    return ["+".join(filter(seen[serial].__contains__, Perspective)) for serial in serials]


@contextmanager
def _images(source: Path, max_bytes: int) -> Iterator[tuple[Path, list[Path], list[Rejected]]]:
    """The folder to name images from, the images below it or in a zip, and what cannot be read."""
    if is_image(source.name) and source.is_file():
        yield source.parent, [source], []
        return
    with as_folder(source, max_bytes) as root:
        paths, rejected = walk(root)
        files = [root / path for path in paths if is_image(path)]
        unread = [item for item in rejected if is_image(item.path) or item.reason == UNREADABLE]
        if not files and not unread:
            raise UserError(
                f"{source} holds no image; expected files that end in {', '.join(IMAGE_SUFFIXES)}."
            )
        yield root, files, unread


def _write(table: pd.DataFrame, file: Path) -> None:
    with replacing(file) as temporary:
        table.to_csv(temporary, index=False)
