"""A network's file in half precision."""

import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16


def half(content: bytes) -> bytes:
    """The file with weights and features in fp16; what goes in and comes out stays."""
    model = convert_float_to_float16(onnx.load_from_string(content), keep_io_types=True)
    return bytes(model.SerializeToString(deterministic=True))
