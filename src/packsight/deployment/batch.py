"""Images without labels to predictions.csv, and both images of a package to a verdict."""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from omegaconf import DictConfig

from packsight.console import console, track
from packsight.data.archive import as_folder
from packsight.data.decode import UnusableImageError, decode
from packsight.data.layout import IMAGE_SUFFIXES, source_files
from packsight.data.manifest import LABELS, Perspective
from packsight.deployment.predictor import Predictor, best_runs
from packsight.errors import UserError
from packsight.evaluation.metrics import THRESHOLD
from packsight.evaluation.verdicts import add_verdicts, by_package
from packsight.files import replacing
from packsight.models.fusion import LateFusion, parse_fusion
from packsight.runs.saved import Run
from packsight.runs.verdicts import fit_on_validation

COLUMNS = [
    "serial", "perspective", "label", "probability", "predicted", "split", "path", "error",
]  # fmt: skip


def predict_source(runs: Sequence[Run], cfg: DictConfig) -> Path:
    """Score a folder, zip or file of images; write predictions.csv, and verdicts.csv for packages.

    Raises UserError if nothing fits the runs' cameras, or results would be overwritten.
    """
    output = Path(cfg.output)
    present = [name for name in ("predictions.csv", "verdicts.csv") if (output / name).exists()]
    if present and not cfg.overwrite:
        raise UserError(
            f"{output / present[0]} exists; choose another output= or set overwrite=true."
        )
    if cfg.perspective.name not in (None, *Perspective):
        raise UserError(f"perspective={cfg.perspective.name} is no camera; use top or side.")
    fusion = parse_fusion(cfg.fusion)
    chosen = best_runs(runs)
    # Before the images, so that a fusion that cannot be fitted is told at once.
    top, side = map(chosen.get, Perspective)
    fused = fit_on_validation(fusion, top, side) if top and side else None
    with _images(Path(cfg.source), int(cfg.max_unpacked_gb * 1e9)) as (root, files):
        table = name_images(root, files, cfg.perspective.name)
        unnamed = table["perspective"] == ""
        table.loc[unnamed, "error"] = (
            "the camera is unknown: name the file <serial>_<top|side> or give perspective="
        )
        wanted = table[unnamed | table["perspective"].isin(list(chosen))].copy()
        if wanted["perspective"].eq("").all():
            seen = ", ".join(sorted(set(table["perspective"]) - {""})) or "of no known camera"
            raise UserError(
                f"no image in {cfg.source} is for a camera of this run ({', '.join(chosen)}); "
                f"found {len(table)}, {seen}; name them <serial>_<top|side> or give perspective=."
            )
        for camera, run in chosen.items():
            rows = wanted.index[wanted["perspective"] == camera]
            if len(rows):
                console.print(f"{camera}: {run.title} [cyan]{run.folder}[/]", highlight=False)
                _score(Predictor(run, cfg.device), root, wanted, rows, cfg.batch_size, camera)
    _write(wanted[COLUMNS], output / "predictions.csv")
    left_out = len(table) - len(wanted)
    unreadable = int(wanted["error"].ne("").sum())
    console.print(
        f"{len(wanted) - unreadable} images scored, {unreadable} with an error, {left_out} of "
        f"another camera left out: [cyan]{output / 'predictions.csv'}[/]"
    )
    if fused is not None:
        found = verdicts(wanted, fused)
        _write(found, output / "verdicts.csv")
        alone = int(found["cameras"].ne("top+side").sum())
        console.print(
            f"{len(found)} packages have a verdict, {alone} from one camera alone: "
            f"[cyan]{output / 'verdicts.csv'}[/]"
        )
    return output


def name_images(root: Path, files: Sequence[Path], perspective: str | None) -> pd.DataFrame:
    """A row per file: serial and camera from its name `<serial>_<perspective>`.

    A file that is not named so is its own package, seen by the camera `perspective`.
    """
    rows = []
    for file in files:
        path = file.relative_to(root).as_posix()
        serial = re.match(r"\d{13}(?!\d)", file.stem)
        camera = re.search(r"_(top|side)$", file.stem)
        rows.append(
            {
                "serial": serial[0] if serial else path,
                "perspective": camera[1] if camera else perspective or "",
                "path": path,
            }
        )
    empty: dict[str, object] = {"label": "", "probability": np.nan, "predicted": "", "split": ""}
    return pd.DataFrame(rows).assign(**empty, error="")


def verdicts(predictions: pd.DataFrame, fusion: LateFusion) -> pd.DataFrame:
    """One row per package that a camera scored; `cameras` tells where one image is missing."""
    return add_verdicts(by_package(predictions[predictions["error"] == ""]), fusion)


def _words(probability: pd.Series) -> np.ndarray:
    return np.where(probability >= THRESHOLD, LABELS[1], LABELS[0])


def _score(
    predictor: Predictor,
    root: Path,
    table: pd.DataFrame,
    rows: pd.Index,
    batch_size: int,
    camera: str,
) -> None:
    """Fill in probability, predicted and error of these rows, a batch at a time."""

    def read(row: int) -> np.ndarray | str:
        try:
            return _pixels(root / table.at[row, "path"])
        except UnusableImageError as error:
            return str(error)

    starts = range(0, len(rows), batch_size)
    with ThreadPoolExecutor() as pool:
        for start in track(starts, f"score {camera}", total=len(starts)):
            batch = rows[start : start + batch_size]
            images = dict(zip(batch, pool.map(read, batch), strict=True))
            good = {row: image for row, image in images.items() if not isinstance(image, str)}
            for row in images.keys() - good.keys():
                table.at[row, "error"] = images[row]
            if good:
                scores = predictor.probabilities(list(good.values()))
                table.loc[list(good), "probability"] = scores
                table.loc[list(good), "predicted"] = _words(pd.Series(scores))


def _pixels(file: Path) -> np.ndarray:
    """RGB uint8 [H, W, 3], converted as `prepare` would. Raises UnusableImageError."""
    content = decode(file).content or file.read_bytes()
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise UnusableImageError("not a readable image")
    return image


@contextmanager
def _images(source: Path, max_bytes: int) -> Iterator[tuple[Path, list[Path]]]:
    """The folder to name images from, and the images: one, or all below a folder or in a zip."""
    if source.is_file() and source.suffix.lower() in IMAGE_SUFFIXES:
        yield source.parent, [source]
        return
    with as_folder(source, max_bytes) as root:
        files = [
            root / path
            for path in source_files(root)
            if path.lower().endswith(IMAGE_SUFFIXES) and "masks" not in Path(path).parts
        ]
        if not files:
            raise UserError(
                f"{source} holds no image; expected files that end in {', '.join(IMAGE_SUFFIXES)}."
            )
        yield root, files


def _write(table: pd.DataFrame, file: Path) -> None:
    with replacing(file) as temporary:
        table.to_csv(temporary, index=False)
