"""Labels, cameras, splits, boxes, and the choices that have a name: words that all rooms share."""

from collections.abc import Iterable
from enum import StrEnum

Box = tuple[int, int, int, int]
Upright = tuple[float, float, float, float, float]  # centre x, y, width, height, clockwise degrees

LABELS = ("intact", "damaged")  # the index is the class index; damaged is the positive class
THRESHOLD = 0.5  # predicted damaged from this probability on, where no decision says another


class Perspective(StrEnum):
    TOP = "top"
    SIDE = "side"


class Split(StrEnum):
    TRAIN = "train"
    VAL = "val"
    TEST = "test"


class Precision(StrEnum):
    """The number formats of training and prediction."""

    FP32 = "fp32"
    TF32 = "tf32"
    BF16 = "bf16"
    FP16 = "fp16"
    BF16_TRUE = "bf16_true"


class CropSource(StrEnum):
    """What decides the part of a frame that a model sees."""

    AUTO = "auto"  # the package, located
    BOXES = "boxes"  # the annotation's package_box
    NONE = "none"  # the whole frame


class Conflict(StrEnum):
    """What to do where another configuration's run stands under the same name."""

    FAIL = "fail"
    NEW = "new"  # stand beside it, numbered
    OVERWRITE = "overwrite"


class Fusion(StrEnum):
    """How a verdict weighs the two cameras."""

    MEAN = "mean"
    MAX = "max"
    LOGISTIC = "logistic"


class Burst(StrEnum):
    """How several images of one package by one camera become one score."""

    MEAN = "mean"
    MAX = "max"


class SplitBy(StrEnum):
    """Who is held out."""

    RANDOM = "random"
    BY_TIME = "by_time"  # the newest, by what the layout or EXIF says
    BY_FILE_TIME = "by_file_time"  # the newest, by when their files were changed


class Baseline(StrEnum):
    """The image without information that another one is compared with."""

    BLACK = "black"
    MEAN = "mean"  # the image's own mean colour everywhere
    BLUR = "blur"  # the image without its details
    EMPTY_BELT = "empty_belt"  # what the camera sees where no package lies


def parse_boxes(text: str) -> list[Box]:
    """Read "xmin ymin xmax ymax" boxes, joined by ";"; empty text holds none."""
    boxes: list[Box] = []
    for part in filter(None, text.split(";")):
        xmin, ymin, xmax, ymax = map(int, part.split())
        boxes.append((xmin, ymin, xmax, ymax))
    return boxes


def format_boxes(boxes: Iterable[Box]) -> str:
    """The inverse of `parse_boxes`."""
    return ";".join(" ".join(map(str, box)) for box in boxes)


def parse_upright(text: str) -> Upright:
    """Read "x y width height degrees"."""
    x, y, width, height, angle = map(float, text.split())
    return x, y, width, height, angle


def format_upright(place: Upright) -> str:
    """The inverse of `parse_upright`."""
    return " ".join(map(str, place))
