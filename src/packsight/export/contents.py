"""What goes into a line's file, from the runs that serve."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from packsight.deployment.predictor import Predictor
from packsight.deployment.serving import Serving
from packsight.domain import Precision
from packsight.export.bundle import Contents
from packsight.export.integers import Integers, Quantised
from packsight.export.network import to_onnx, told_of, with_weights
from packsight.export.packages import Known, Package
from packsight.imaging.decode import read_rgb
from packsight.line.ensemble import Ensemble
from packsight.line.view import View
from packsight.models.network import Network
from packsight.runs.saved import Run
from packsight.system.console import track
from packsight.training import precision as precisions

CALIBRATED = 48  # training images that int8 is fitted to


def models_of(serving: Serving, mirrors: bool, exact: bool) -> dict[str, Ensemble[Predictor]]:
    """Those who serve, on the CPU, with or without mirror images.

    In the precision of their training where the CPU has it, or `exact`, in fp32.
    """
    device = precisions.choose_device("cpu")
    able = precisions.supported(device)
    loaded: dict[str, Predictor] = {}
    for run in distinct(serving):
        own = Precision(run.config.precision.name)
        loaded[run.name] = Predictor.from_run(
            run,
            "cpu",
            precision=Precision.FP32 if exact or own not in able else own,
            mirrors=None if mirrors else [()],
        )
    return {
        part: Ensemble([loaded[run.name] for run in runs]) for part, runs in serving.runs.items()
    }


def distinct(serving: Serving) -> list[Run]:
    """The runs of all parts, each once."""
    return [*{run.name: run for runs in serving.runs.values() for run in runs}.values()]


def contents_of(
    serving: Serving, models: Mapping[str, Ensemble[Predictor]], told: Mapping[str, Any], card: str
) -> tuple[Contents, dict[str, bytes]]:
    """What the file holds, and the networks' files in fp32; `models` are those of `models_of`."""
    members = {
        run.name: (run, model)
        for part, runs in serving.runs.items()
        for run, model in zip(runs, models[part].members, strict=True)
    }
    files = {name: f"networks/{number}.onnx" for number, name in enumerate(members)}
    views: list[View] = []
    view_of, networks = {}, {}
    traced: dict[tuple[object, ...], tuple[Network, bytes]] = {}
    for name, (run, model) in track(members.items(), "write networks", len(members)):
        alike = [place for place, view in enumerate(views) if view.sees_like(model.view)]
        view_of[files[name]] = alike[0] if alike else len(views)
        views += [] if alike else [model.view]
        networks[files[name]] = _written(run, model, traced)
    parts = {part: tuple(files[run.name] for run in runs) for part, runs in serving.runs.items()}
    runs = {part: [run.name for run in runs] for part, runs in serving.runs.items()}
    whole = {"runs": runs, **told}
    return Contents(parts, views, view_of, serving.fusion, serving.decision, whole, card), networks


def _written(
    run: Run, model: Predictor, traced: dict[tuple[object, ...], tuple[Network, bytes]]
) -> bytes:
    """A network's file; that of another one with its weights, where one is `traced` already."""
    height, width = model.view.size
    size = height, width * (2 if model.view.paired else 1)
    config, told = run.config, told_of(run, model.mirrors)
    shared = config.perspective.shared_backbone
    built = (config.model.backbone, model.view.paired, shared, size, *model.mirrors)
    made = b""
    if built in traced:
        first, content = traced[built]
        made = with_weights(content, first, model.network, told)
    made = made or to_onnx(model.network, model.mirrors, size, told)
    traced.setdefault(built, (model.network, made))
    return made


def in_integers(
    serving: Serving, contents: Contents, networks: Mapping[str, bytes], known: Known
) -> dict[str, Quantised]:
    """The networks' files in int8, each fitted to its own training images."""
    runs = {
        file: run
        for part, files in contents.parts.items()
        for file, run in zip(files, serving.runs[part], strict=True)
    }
    kept: dict[str, tuple[int, ...]] = {}  # by backbone: what the first network of it needed
    made: dict[str, Quantised] = {}
    for file, content in track(networks.items(), "networks in int8", len(networks)):
        run, view = runs[file], contents.views[contents.view_of[file]]
        images = _inputs_of(view, known.training[run.name])
        backbone = run.config.model.backbone
        made[file] = Integers(content, images).make(kept.get(backbone, ()))
        kept.setdefault(backbone, made[file].kept)
    return made


def _inputs_of(view: View, packages: Sequence[Package]) -> list[np.ndarray]:
    """What a model sees of some of these packages, spread over all of them."""
    images = 1 if view.paired else len(view.cameras)
    step = max(len(packages) * images // CALIBRATED, 1)
    found = []
    for _, files in packages[::step]:
        seen = {
            camera: view.look(read_rgb(file), camera).image
            for camera, file in files.items()
            if camera in view.cameras
        }
        some = [seen] if view.paired else [{camera: image} for camera, image in seen.items()]
        found += [view.compose(images) for images in some if images]
    return found
