"""Configurations of earlier versions in today's layout."""

from collections.abc import Mapping
from typing import Any

# What earlier versions had no key for, as they did it.
ADDED: dict[str, Any] = {
    "data": {
        "cache_gb": float("inf"),
        "on_device": None,
        "train_share": None,
        "split": "random",
    },
    "burst": "mean",
    "perspective": {
        "paired": False,
        "camera_dropout": 0.0,
        "shared_backbone": True,
        "rotate": 0,
        "crop_size": [240, 320],
    },
    "crop": {"name": "none", "margin": 0.0, "upright": [], "image_size": None},
    "model": {"architecture": None, "memory_format": "channels_last", "compile": None},
    "transforms": {"average_mirrored": False},
    "finetune": {"frozen_share": 0.0, "views": 0},
    "run": {"on_conflict": "fail", "wait": True},
    "layout": {
        "kind": "standard",
        "labels": {"damaged": [], "intact": []},
        "cameras": {"top": [], "side": []},
    },
    "folder": None,
    "measured": None,
    "manifest": None,
    "weights_content": None,
}


def upgrade(values: Mapping[str, Any]) -> dict[str, Any]:
    """A stored configuration of any version as one of today's; today's own stays as it is.

    What does not belong there is left for the schema to find.
    """
    known = {**values}
    model, transforms = known.get("model"), known.get("transforms")
    if isinstance(model, Mapping) and "channels_last" in model:
        layout = "channels_last" if model["channels_last"] else "contiguous"
        known["model"] = {"memory_format": layout, **model}
    if isinstance(transforms, Mapping) and "pipeline" not in transforms:
        known["transforms"] = {**transforms, "pipeline": _pipeline(transforms)}
    return _filled(known, ADDED)


def _pipeline(ranges: Mapping[str, Any]) -> dict[str, Any]:
    """The mirrorings of a training whose changes were ranges.

    They decide which mirror images its predictions are the mean of. The other changes are of no
    more use: such a training cannot go on under another pipeline.
    """
    flips = {"horizontal_flip": "HorizontalFlip", "vertical_flip": "VerticalFlip"}
    return {
        name: {"_target_": f"albumentations.{flip}", "p": ranges[name]}
        for name, flip in flips.items()
        if ranges.get(name)
    }


def _filled(values: Mapping[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    filled = {**values}
    for name, value in added.items():
        if name not in filled:
            filled[name] = value
        elif isinstance(value, Mapping) and isinstance(filled[name], Mapping):
            filled[name] = _filled(filled[name], value)
    return filled
