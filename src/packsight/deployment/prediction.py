"""Images without labels to predictions.csv, and the packages that they show to verdicts.csv."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from packsight.data.pairing import JOIN, PAIR
from packsight.decision.late_fusion import LateFusion
from packsight.decision.terms import Action
from packsight.deployment.damage_region import COLUMNS as LOCATED
from packsight.deployment.damage_region import check_explainer, locate
from packsight.deployment.decided_packages import Prior, decide_all
from packsight.deployment.frame_scores import score, words
from packsight.deployment.new_images import cameras_read, images_in, name_images, packages_of
from packsight.deployment.predictor import Predictor
from packsight.deployment.repeated_images import mark_repeated
from packsight.deployment.serving import Serving
from packsight.domain import THRESHOLD, Burst, Perspective
from packsight.errors import UserError
from packsight.evaluation.decided import COLUMNS as DECIDED
from packsight.evaluation.decided import package_scores, told
from packsight.evaluation.metrics import located
from packsight.evaluation.shots import pool_shots
from packsight.explanation.attribution import Explainer
from packsight.line.ensemble import Ensemble
from packsight.preparation.reading import Layout
from packsight.system.console import console
from packsight.system.files import replacing, writable

COLUMNS = [
    "serial", "perspective", "label", "probability", "predicted", "split", "path", "crop",
    "error",
]  # fmt: skip
Inputs = dict[str, int]  # of a model: the row of each camera's image


def predict_source(
    serving: Serving,
    source: str | Path,
    output: str | Path,
    *,
    layout: Layout | None = None,
    camera: str | None = None,
    prior: Prior | None = None,
    explainer: Explainer | None = None,
    batch_size: int = 32,
    device: str = "auto",
    overwrite: bool = False,
    max_unpacked_gb: float = 20.0,
) -> Path:
    """Score a folder, zip or file of images; write predictions.csv, and verdicts.csv for packages.

    `layout` tells serial and camera of an image, `camera` took those of which it tells none.
    `prior` moves the decision to another line; an `explainer` tells the region that speaks most for
    damaged. Raises UserError if nothing fits the models' cameras, results would be overwritten, or,
    once the reasons are written, not one image could be scored.
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
    if prior is not None and serving.decision is None:
        raise UserError(f"prior={prior} moves a decision, and there is none; leave prior out.")
    with images_in(source, int(max_unpacked_gb * 1e9)) as (root, files, unread):
        table = name_images(root, files, camera, unread, layout)
        mark_repeated(root, table)
        wanted = _of_cameras(table, serving.cameras, source)
        writable(output)  # told now, and not after all images are scored
        models = serving.load(device)
        inputs = _inputs(serving, wanted)
        scores = {}
        for part, model in models.items():
            if inputs[part]:
                console.print(_title(serving, part), highlight=False)
            scores[part] = score(
                model, root, wanted, inputs[part], batch_size, model.members[0].device
            )
            if part != PAIR:
                rows = [row for images in inputs[part] for row in images.values()]
                wanted.loc[rows, "probability"] = scores[part]
                wanted.loc[rows, "predicted"] = words(scores[part])
        packages, several = None, bool(wanted["shot"].any())
        if serving.paired:
            packages = _pairs(wanted, inputs[PAIR], scores[PAIR], serving.burst(PAIR))
        elif serving.fusion or serving.decision or (several and len(serving.runs) == 1):
            pooled = [pool_shots(rows, serving.burst(camera)) for camera, rows in _scored(wanted)]
            packages = verdicts(
                pd.concat(pooled, ignore_index=True) if pooled else wanted, serving.fusion
            )
        if packages is not None and serving.decision is not None:
            packages = decide_all(packages, table["serial"], serving.decision, prior)
            wanted = wanted.join(packages.set_index("serial")[DECIDED], on="serial")
        if explainer is not None:
            called = _called(wanted, inputs, scores)
            _locate(models, explainer, root, wanted, called)
    kept = (
        COLUMNS
        + (["shot"] if several else [])
        + (DECIDED if serving.decision else [])
        + (LOCATED if explainer else [])
    )
    _write(wanted[kept], output / "predictions.csv")
    unreadable = int(wanted["error"].ne("").sum())
    console.print(
        f"{len(wanted) - unreadable} images scored, {wanted['crop'].eq('frame').sum()} of them as "
        "whole frames because the package was not found, "
        f"{unreadable} with an error, {len(table) - len(wanted)} of another camera left "
        f"out: [cyan]{output / 'predictions.csv'}[/]",
        soft_wrap=True,
    )
    if packages is not None:
        _write(packages, output / "verdicts.csv")
        say = told(packages) if serving.decision else _summary(packages)
        console.print(f"{say}: [cyan]{output / 'verdicts.csv'}[/]", soft_wrap=True)
    if unreadable == len(wanted):
        raise UserError(
            f"not one image of {source} could be scored; {output / 'predictions.csv'} has the "
            f"reason for each, of the first: {wanted['error'].iloc[0]}."
        )
    return output


def _scored(table: pd.DataFrame) -> Iterable[tuple[str, pd.DataFrame]]:
    """The images of each camera that have a score."""
    usable = table[table["error"].eq("") & table["perspective"].ne("")]
    return ((str(camera), rows) for camera, rows in usable.groupby("perspective"))


def verdicts(predictions: pd.DataFrame, fusion: LateFusion | None) -> pd.DataFrame:
    """One row per package that a camera scored; `cameras` tells where one image is missing."""
    packages = package_scores(predictions[predictions["error"] == ""], fusion)
    return packages.assign(predicted=words(packages["probability"].to_numpy()))


def _of_cameras(table: pd.DataFrame, cameras: Sequence[str], source: Path) -> pd.DataFrame:
    """The rows of these cameras, and those of an unknown one, which get an `error`."""
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
    return wanted


def _inputs(serving: Serving, table: pd.DataFrame) -> dict[str, list[Inputs]]:
    """What the models of each part get."""
    if serving.paired:
        return {PAIR: packages_of(table)["rows"].tolist()}
    usable = table[table["error"].eq("")]
    return {
        part: [{part: row} for row in usable.index[usable["perspective"].eq(part)]]
        for part in serving.runs
    }


def _title(serving: Serving, part: str) -> str:
    runs = serving.runs[part]
    others = f"the mean of {len(runs)} models, the first " if len(runs) > 1 else ""
    return f"{part}: {others}{runs[0].title} [cyan]{runs[0].folder}[/]"


def _pairs(
    table: pd.DataFrame, inputs: Sequence[Inputs], scores: np.ndarray, burst: Burst
) -> pd.DataFrame:
    """The packages that a model of both images has scored."""
    serials = [table.at[next(iter(rows.values())), "serial"] for rows in inputs]
    crops = [JOIN.join(table.loc[[*rows.values()], "crop"]) for rows in inputs]
    scored = pd.DataFrame({"serial": serials, "probability": scores, "predicted": words(scores)})
    scored = scored.assign(perspective=PAIR, crop=crops).dropna()
    found = pool_shots(scored, burst)
    cameras = cameras_read(found["serial"], table)
    found = found.assign(cameras=cameras, sure=located(found))
    return found[["serial", "probability", "predicted", "cameras", "sure"]]


def _called(
    table: pd.DataFrame, inputs: Mapping[str, Sequence[Inputs]], scores: Mapping[str, np.ndarray]
) -> dict[str, list[Inputs]]:
    """The inputs that are not passed: their score is 0.5 or more, or the decision's word."""

    def passed(rows: Inputs, probability: float) -> bool:
        if np.isnan(probability):
            return True
        if "decision" not in table:
            return bool(probability < THRESHOLD)
        return all(table.at[row, "decision"] == Action.ACCEPT for row in rows.values())

    return {
        part: [
            rows
            for rows, probability in zip(inputs[part], scores[part], strict=True)
            if not passed(rows, probability)
        ]
        for part in inputs
    }


def _locate(
    models: Mapping[str, Ensemble[Predictor]],
    explainer: Explainer,
    root: Path,
    table: pd.DataFrame,
    called: Mapping[str, Sequence[Inputs]],
) -> None:
    for part, model in models.items():
        alike = [model.members[member] for member in model.views[0].members]
        locate(alike, explainer, root, table, called[part])


def _summary(packages: pd.DataFrame) -> str:
    alone = int(packages["cameras"].ne("top+side").sum())
    return (
        f"{len(packages)} packages have a verdict, {alone} from one camera alone, "
        f"{(~packages['sure']).sum()} unsure because the package was not found"
    )


def _write(table: pd.DataFrame, file: Path) -> None:
    with replacing(file) as temporary:
        table.to_csv(temporary, index=False)
