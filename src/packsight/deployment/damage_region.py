"""For the operator: where on an image called damaged the damage is most likely to be."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from packsight.deployment.predictor import Predictor
from packsight.domain import Baseline, Perspective, format_boxes
from packsight.errors import UserError
from packsight.explanation.attribution import Explainer, Scorer, exact
from packsight.explanation.baselines import baseline_image, parse_baselines
from packsight.explanation.integrated_gradients import IntegratedGradients
from packsight.explanation.localisation import locate_damage
from packsight.imaging.decode import UnusableImageError, read_rgb
from packsight.system.console import counted

COLUMNS = ["region", "region_score"]


def check_explainer(explainer: Explainer) -> None:
    """Raises UserError for baselines that need training images, which are not here."""
    if Baseline.EMPTY_BELT in parse_baselines(explainer.baselines):
        raise UserError(
            "explainer.baselines=empty_belt needs training images, which predict does not have; "
            "use black, mean or blur."
        )


def attribute(
    predictor: Predictor, images: Mapping[str, np.ndarray], explainer: Explainer | None = None
) -> np.ndarray:
    """What each pixel of a model's input adds to its score of damaged: float32 [H, W].

    `images` are RGB uint8 frames [h, w, 3] by camera; the maps of a pair stand side by side. By
    Integrated Gradients, if no other method is given.
    """
    seen = {camera: predictor.view.look(frame, camera).image for camera, frame in images.items()}
    scorer = Scorer(predictor.network)
    with exact(scorer.device):
        return _map(scorer, explainer or IntegratedGradients(), predictor.view.compose(seen))


def locate(
    models: Sequence[Predictor],
    explainer: Explainer,
    root: Path,
    table: pd.DataFrame,
    called: Sequence[dict[str, int]],
) -> None:
    """Fill `region` and `region_score` of the rows of inputs {camera: row} that are `called`.

    By the mean map of models that see a frame alike.

    The region is a box in pixels of the original, `xmin ymin xmax ymax`; its score is the share of
    what speaks for damaged in that image that lies in it, 0..1.
    """
    predictor = models[0]
    scorers = [Scorer(model.network) for model in models]
    with exact(scorers[0].device), counted("locate damage", len(called), "images") as advance:
        for rows in called:
            frames = {}
            for camera, row in rows.items():
                try:
                    frames[camera] = read_rgb(root / table.at[row, "path"])
                except UnusableImageError:  # its error stands in its row already
                    continue
            windows, seen = {}, {}
            for camera, frame in frames.items():
                seen[camera], _, windows[camera] = predictor.view.look(frame, camera)
            image = predictor.view.compose(seen)
            values = np.mean([_map(scorer, explainer, image) for scorer in scorers], axis=0)
            for camera, window in windows.items():
                of_camera = _part(values, camera) if predictor.view.paired else values
                found = locate_damage(of_camera, window, frames[camera].shape[:2])
                if found is not None:
                    table.at[rows[camera], "region"] = format_boxes([found.box])
                    table.at[rows[camera], "region_score"] = round(found.score, 4)
            advance(1)


def _part(values: np.ndarray, camera: str) -> np.ndarray:
    """A camera's half of a pair's map."""
    return np.hsplit(values, 2)[list(Perspective).index(Perspective(camera))]


def _map(scorer: Scorer, explainer: Explainer, seen: np.ndarray) -> np.ndarray:
    """The attribution [H, W] of a model's input, RGB uint8 [H, W, 3]."""
    image = torch.from_numpy(seen).permute(2, 0, 1)[None].to(scorer.device).float() / 255
    kinds = parse_baselines(explainer.baselines)
    starts = torch.cat([baseline_image(image, kind) for kind in kinds])[None]
    [attribution] = explainer.explain(scorer, image, starts)
    return attribution.map.numpy()
