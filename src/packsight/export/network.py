"""A trained network as an ONNX file: pixels in, probability of damaged out."""

import io
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from packsight import __version__
from packsight.line.session import INPUT, OUTPUT
from packsight.models.network import Axes, Network
from packsight.runs.saved import Run
from packsight.system.files import sha256

EXAMPLES = 2  # images that are traced: of one, the exporter would keep the number


class Scored(nn.Module):
    """A network with all that stands around it in use.

    Images uint8 [N, H, W, 3] to the probability of damaged, float64 [N], the mean over mirror
    images, which go through the network together.
    """

    def __init__(self, network: Network, mirrors: Sequence[Axes]) -> None:
        super().__init__()
        self.network = network
        self.mirrors = mirrors

    def forward(self, images: Tensor) -> Tensor:
        upright = images.permute(0, 3, 1, 2)
        seen = torch.cat([self.network.mirrored(upright, axes) for axes in self.mirrors])
        logits = self.network(seen).double()
        scores = torch.sigmoid(logits[:, 1] - logits[:, 0])  # softmax of two
        return scores.reshape(len(self.mirrors), -1).mean(dim=0)


def to_onnx(
    network: Network, mirrors: Sequence[Axes], size: tuple[int, int], told: dict[str, str]
) -> bytes:
    """The file of a network on the CPU in fp32, for images of one size [H, W] and any number.

    `told` stands in its metadata. The size is fixed, because TensorFlow's SAME padding, which
    EfficientNet-Lite has, depends on it.
    """
    pixels = torch.zeros(EXAMPLES, *size, 3, dtype=torch.uint8)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # of the exporter's own deprecations
        program = torch.onnx.export(
            Scored(network, mirrors).eval(),
            (pixels,),
            dynamo=True,
            dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
            input_names=[INPUT],
            output_names=[OUTPUT],
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _forget_sources(model)
    onnx.helper.set_model_props(model, told)
    return bytes(model.SerializeToString(deterministic=True))


def with_weights(content: bytes, network: Network, other: Network, told: dict[str, str]) -> bytes:
    """The file of `network` with the weights of another one that is built alike.

    Tracing takes seconds, and the models of all folds differ in their weights alone. b"" where the
    exporter has computed with weights, so that they no longer stand in the file by their names.
    """
    model = onnx.load_from_string(content)
    own, others = (_weights(item) for item in (network, other))
    for tensor in model.graph.initializer:
        value = numpy_helper.to_array(tensor)
        if tensor.name in own and np.array_equal(value, own[tensor.name]):
            if tensor.name not in others:
                return b""
            tensor.CopyFrom(numpy_helper.from_array(others[tensor.name], tensor.name))
        elif value.dtype.kind == "f" and value.size and np.ptp(value) > 0:
            return b""
    onnx.helper.set_model_props(model, told)
    return bytes(model.SerializeToString(deterministic=True))


def _weights(network: Network) -> dict[str, np.ndarray]:
    """By the names that `Scored` gives them."""
    named = (*network.named_parameters(), *network.named_buffers())
    return {f"network.{name}": value.detach().numpy() for name, value in named}


def told_of(run: Run, mirrors: Sequence[Axes]) -> dict[str, str]:
    """What a network's file says of where it comes from."""
    return {
        "packsight": __version__,
        "torch": torch.__version__,
        "onnx": onnx.__version__,
        "run": run.name,
        "backbone": run.config.model.backbone,
        "checkpoint_sha256": sha256(run.checkpoint),
        "mirror_images": str(len(mirrors)),
    }


def _forget_sources(model: onnx.ModelProto) -> None:
    """Leave out what the exporter notes of the code: paths of this machine, and a third of it."""
    for node in (*model.graph.node, *(node for of in model.functions for node in of.node)):
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        del value.metadata_props[:]
    for tensor in model.graph.initializer:
        del tensor.metadata_props[:]
    del model.graph.metadata_props[:]
