"""A network's file in 8-bit integers, but for those layers that do not bear it."""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import (
    CalibrationDataReader,
    QDQQuantizer,
    QuantType,
    create_calibrator,
)
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry
from onnxruntime.quantization.shape_inference import quant_pre_process

from packsight.decision.logits import logit
from packsight.line.session import INPUT, OUTPUT, options

MATRICES = ("Conv", "Gemm", "MatMul")  # where nearly all of the work is
STRETCHES = 8  # parts of a network, each of layers that follow each other
SHIFT = 0.2  # mean change of log-odds that is borne: of a probability that is 0.05 at most
EXACT = 1e-9  # from 0 and 1, up to which log-odds are compared
MEASURED = 4  # one image in so many is measured on, the others give the ranges
TYPES = sorted({*QLinearOpsRegistry, *QDQRegistry})  # of nodes that can be in integers


@dataclass(frozen=True)
class Quantised:
    """A network in int8, and what it took."""

    content: bytes
    kept: tuple[int, ...]  # the stretches that stay in fp32, the most harmful first
    layers: int  # convolutions and matrices
    exact: int  # of these in fp32
    shift: float  # mean absolute change of log-odds on training images


class Integers:
    """A network on its way to int8: features by ranges, each channel of weights by its own scale.

    `content` is the file in fp32, `images` are uint8 [H, W, 3] of training packages.

    Folded batch normalisation leaves channels in the first layers of networks like MobileNet whose
    sizes differ a millionfold; rounding there moves scores, and hardly anywhere else. Where it does
    is measured: stretches of layers go to int8 one at a time, and the worst stay in fp32.
    """

    def __init__(self, content: bytes, images: Sequence[np.ndarray]) -> None:
        self.images = images[::MEASURED]
        others = [image for place, image in enumerate(images) if place % MEASURED] or images
        self.told = {held.key: held.value for held in onnx.load_from_string(content).metadata_props}
        with tempfile.TemporaryDirectory(prefix="packsight-") as folder, _quiet():
            given, ready = Path(folder, "given"), Path(folder, "ready")
            given.write_bytes(content)
            quant_pre_process(given, ready, skip_symbolic_shape=True)
            calibrator = create_calibrator(ready, TYPES, str(Path(folder, "augmented")))
            calibrator.collect_data(_Pixels(others))
            self.ranges = calibrator.compute_data()
            self.ready = ready.read_bytes()
        self.stretches = _stretches(onnx.load_from_string(self.ready))
        self.before = self._log_odds(self.ready)

    def make(self, kept: Sequence[int] = ()) -> Quantised:
        """With as few stretches in fp32 as its scores allow, half of all at most.

        `kept` are those of a network that is built alike, which are tried first.
        """
        made = self._made(kept)
        if made.shift <= SHIFT:
            return made
        places = range(len(self.stretches))
        worst = sorted(places, key=self._harm, reverse=True)
        for number in range(1, len(places) // 2 + 1):
            made = self._made(worst[:number])
            if made.shift <= SHIFT:
                break
        return made

    def _made(self, kept: Sequence[int]) -> Quantised:
        content = self._in_integers([p for p in range(len(self.stretches)) if p not in kept])
        matrices = [sum(is_matrix for _, is_matrix in stretch) for stretch in self.stretches]
        exact = sum(matrices[place] for place in kept)
        return Quantised(content, (*kept,), sum(matrices), exact, self._shift(content))

    def _harm(self, place: int) -> float:
        """How far one stretch alone moves scores."""
        return self._shift(self._in_integers([place]))

    def _in_integers(self, places: Sequence[int]) -> bytes:
        names = [name for place in places for name, _ in self.stretches[place]]
        with _quiet():
            quantiser = QDQQuantizer(
                onnx.load_from_string(self.ready),
                per_channel=True,
                reduce_range=False,
                weight_qType=QuantType.QInt8,
                activation_qType=QuantType.QUInt8,
                tensors_range=self.ranges,
                nodes_to_quantize=names,
                nodes_to_exclude=[],
                op_types_to_quantize=TYPES,
                extra_options={},
            )
            quantiser.quantize_model()
        model = quantiser.model.model
        onnx.helper.set_model_props(model, self.told)
        return bytes(model.SerializeToString(deterministic=True))

    def _shift(self, content: bytes) -> float:
        return float(np.mean(np.abs(self._log_odds(content) - self.before)))

    def _log_odds(self, content: bytes) -> np.ndarray:
        session = onnxruntime.InferenceSession(
            content, options(threads=0), providers=["CPUExecutionProvider"]
        )
        found = [session.run([OUTPUT], {INPUT: image[None]})[0] for image in self.images]
        return logit(np.concatenate(found), clip=EXACT)


class _Pixels(CalibrationDataReader):
    """Images one at a time: so many of a network's features need memory at once."""

    def __init__(self, images: Sequence[np.ndarray]) -> None:
        self.images = iter(images)

    def get_next(self) -> dict[str, np.ndarray] | None:
        image = next(self.images, None)
        return None if image is None else {INPUT: image[None]}


def _stretches(model: onnx.ModelProto) -> list[list[tuple[str, bool]]]:
    """The names of nodes in order, in parts with equally many matrices, and whether each is one."""
    nodes = [(node.name, node.op_type in MATRICES) for node in model.graph.node if node.name]
    number = sum(is_matrix for _, is_matrix in nodes)
    parts = min(STRETCHES, number)
    found: list[list[tuple[str, bool]]] = [[] for _ in range(parts)]
    before = 0
    for name, is_matrix in nodes:
        before += is_matrix
        found[max(before - 1, 0) * parts // number].append((name, is_matrix))
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the quantiser's advice on the root logger."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
