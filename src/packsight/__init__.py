"""packsight: train, compare and explain classifiers of damaged packages seen by two cameras."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from packsight.data.datamodule import PackageDataModule
    from packsight.data.transforms import Augmentation
    from packsight.decision.rule import Decision, read_decision
    from packsight.deployment.damage_region import attribute
    from packsight.deployment.predictor import Predictor
    from packsight.deployment.selection import load_predictor
    from packsight.errors import UserError
    from packsight.explanation.integrated_gradients import IntegratedGradients
    from packsight.imaging.crop import Crop
    from packsight.imaging.decode import read_rgb
    from packsight.models.weights import create_network
    from packsight.preparation.layout_imagefolder import ImageFolderLayout
    from packsight.preparation.layout_pattern import PatternLayout
    from packsight.preparation.layout_table import TableLayout
    from packsight.preparation.prepare import prepare
    from packsight.preparation.splits import SplitSettings
    from packsight.sample.render import render_sample
    from packsight.training.classifier import Classifier

__version__ = "0.2.0"

# Where each name comes from; it is imported when it is asked for, because torch takes seconds.
_HOMES = {
    "Augmentation": "packsight.data.transforms",
    "Classifier": "packsight.training.classifier",
    "Crop": "packsight.imaging.crop",
    "Decision": "packsight.decision.rule",
    "ImageFolderLayout": "packsight.preparation.layout_imagefolder",
    "IntegratedGradients": "packsight.explanation.integrated_gradients",
    "PackageDataModule": "packsight.data.datamodule",
    "PatternLayout": "packsight.preparation.layout_pattern",
    "Predictor": "packsight.deployment.predictor",
    "SplitSettings": "packsight.preparation.splits",
    "TableLayout": "packsight.preparation.layout_table",
    "UserError": "packsight.errors",
    "attribute": "packsight.deployment.damage_region",
    "create_network": "packsight.models.weights",
    "load_predictor": "packsight.deployment.selection",
    "prepare": "packsight.preparation.prepare",
    "read_decision": "packsight.decision.rule",
    "read_rgb": "packsight.imaging.decode",
    "render_sample": "packsight.sample.render",
}
__all__ = [
    "Augmentation",
    "Classifier",
    "Crop",
    "Decision",
    "ImageFolderLayout",
    "IntegratedGradients",
    "PackageDataModule",
    "PatternLayout",
    "Predictor",
    "SplitSettings",
    "TableLayout",
    "UserError",
    "attribute",
    "create_network",
    "load_predictor",
    "prepare",
    "read_decision",
    "read_rgb",
    "render_sample",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"packsight has no {name}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
