"""A network in int8 keeps what its scores need in fp32, and no more."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from packsight.export.integers import SHIFT, Integers
from packsight.line.session import INPUT, OUTPUT

SIDE, LAYERS = 8, 6
RNG = np.random.default_rng(0)
COLOURS = RNG.uniform(40, 215, (24, 1, 1, 3))
IMAGES = [*(COLOURS + RNG.normal(0, 20, (24, SIDE, SIDE, 3))).clip(0, 255).astype(np.uint8)]


def network(apart: float) -> bytes:
    """Six convolutions; channels of the first one differ `apart`-fold, and the small ones count."""
    rng = np.random.default_rng(1)
    weights = [
        np.eye(4)[:, :, None, None] + rng.normal(0, 0.1, (4, 4, 1, 1)) for _ in range(LAYERS)
    ]
    weights[0] = weights[0][:, :3]
    weights[0][1:] /= apart
    weights[1][:, 1:] *= apart
    held = [numpy_helper.from_array(w.astype(np.float32), f"w{n}") for n, w in enumerate(weights)]
    held += [
        numpy_helper.from_array(np.array(255, np.float32), "white"),
        numpy_helper.from_array(np.array([[0], [4], [-4], [0]], np.float32), "head"),
        numpy_helper.from_array(np.array([-1], np.int64), "flat"),
    ]
    nodes = [
        helper.make_node("Transpose", [INPUT], ["upright"], "upright", perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["upright"], ["number"], "cast", to=TensorProto.FLOAT),
        helper.make_node("Div", ["number", "white"], ["x0"], "scaled"),
    ]
    for n in range(LAYERS):
        nodes.append(helper.make_node("Conv", [f"x{n}", f"w{n}"], [f"c{n}"], f"conv{n}"))
        nodes.append(helper.make_node("Relu", [f"c{n}"], [f"x{n + 1}"], f"relu{n}"))
    nodes += [
        helper.make_node("GlobalAveragePool", [f"x{LAYERS}"], ["pooled"], "pool"),
        helper.make_node("Flatten", ["pooled"], ["features"], "flatten"),
        helper.make_node("MatMul", ["features", "head"], ["logits"], "linear"),
        helper.make_node("Reshape", ["logits", "flat"], ["logit"], "reshape"),
        helper.make_node("Sigmoid", ["logit"], [OUTPUT], "sigmoid"),
    ]
    given = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["batch", SIDE, SIDE, 3])
    found = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch"])
    graph = helper.make_graph(nodes, "network", [given], [found], held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(model, {"run": "a"})
    return bytes(model.SerializeToString())


def scores(content: bytes) -> np.ndarray:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run([OUTPUT], {INPUT: np.stack(IMAGES)})[0]


def in_int8(content: bytes) -> set[str]:
    """The layers whose weights are integers."""
    model = onnx.load_from_string(content)
    whole = {t.name for t in model.graph.initializer if t.data_type == TensorProto.INT8}
    return {name.removesuffix("_quantized") for name in whole if name.endswith("_quantized")}


def test_a_network_that_bears_it_is_in_int8_throughout():
    made = Integers(network(1), IMAGES).make()
    assert (made.kept, made.exact, made.layers) == ((), 0, LAYERS + 1)
    assert made.shift <= SHIFT
    assert in_int8(made.content) == {*(f"w{n}" for n in range(LAYERS)), "head"}
    told = {held.key: held.value for held in onnx.load_from_string(made.content).metadata_props}
    assert told == {"run": "a"}


def test_the_layers_that_move_scores_stay_in_fp32():
    content = network(2000)
    fitted = Integers(content, IMAGES)
    assert fitted._made(()).shift > SHIFT  # what all of it in int8 would be
    made = fitted.make()
    assert made.shift <= SHIFT
    assert 0 < made.exact <= 3
    assert "w5" in in_int8(made.content)
    assert np.abs(scores(made.content) - scores(content)).mean() < 0.05
    assert fitted.make(made.kept) == made  # as for the next model of this build


def test_at_most_half_of_a_network_stays_in_fp32(monkeypatch):
    monkeypatch.setattr("packsight.export.integers.SHIFT", 0.0)
    made = Integers(network(1), IMAGES).make()
    assert made.exact == (LAYERS + 1) // 2


@pytest.mark.parametrize("count", [1, 2])
def test_few_images_give_ranges_too(count):
    made = Integers(network(1), IMAGES[:count]).make()
    assert np.isfinite(made.shift)
