"""A network's file in other numbers: half precision, or 8-bit integers with calibrated ranges."""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16

from packsight.line.session import INPUT

MATRICES = ("Conv", "Gemm", "MatMul")  # where nearly all of the work is


class Pixels(CalibrationDataReader):
    """Images uint8 [H, W, 3], one at a time."""

    def __init__(self, images: Sequence[np.ndarray]) -> None:
        self.images = iter(images)

    def get_next(self) -> dict[str, np.ndarray] | None:
        image = next(self.images, None)
        return None if image is None else {INPUT: image[None]}


def half(content: bytes) -> bytes:
    """The file with weights and features in fp16; what goes in and comes out stays."""
    model = convert_float_to_float16(onnx.load_from_string(content), keep_io_types=True)
    return bytes(model.SerializeToString(deterministic=True))


def in_integers(content: bytes, images: Sequence[np.ndarray], keep_ends: bool) -> bytes:
    """The file with convolutions and matrices in int8, each channel of weights by its own scale.

    The ranges of features are those of `images`. With `keep_ends` the first and the last of these
    layers stay in fp32.
    """
    with tempfile.TemporaryDirectory(prefix="packsight-") as folder, _quiet():
        given, ready, made = (Path(folder, name) for name in ("given", "ready", "made"))
        given.write_bytes(content)
        quant_pre_process(given, ready, skip_symbolic_shape=True)
        kept = _ends(onnx.load(ready)) if keep_ends else []
        quantize_static(
            ready,
            made,
            Pixels(images),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=kept,
            calibrate_method=CalibrationMethod.MinMax,
        )
        model = onnx.load(made)
    onnx.helper.set_model_props(model, _props(content))
    return bytes(model.SerializeToString(deterministic=True))


def _ends(model: onnx.ModelProto) -> list[str]:
    layers = [node.name for node in model.graph.node if node.op_type in MATRICES]
    return [layers[0], layers[-1]]


def _props(content: bytes) -> dict[str, str]:
    return {held.key: held.value for held in onnx.load_from_string(content).metadata_props}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the quantiser's advice on the root logger."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
