"""Another execution provider of ONNX Runtime decides as the CPU's own does."""

from collections import defaultdict

import onnxruntime
import pytest

from packsight.line.model import LineModel
from packsight.line.session import PROVIDERS


@pytest.mark.skipif(
    PROVIDERS["openvino"] not in onnxruntime.get_available_providers(),
    reason="needs onnxruntime-openvino in place of onnxruntime",
)
def test_openvino_decides_as_the_cpu_does(plant, photos):
    packages: dict[str, dict] = defaultdict(dict)
    for file in sorted(photos.rglob("*.png")):
        serial, _, camera = file.stem.partition("_")
        packages[serial][camera] = file
    ours, other = (
        [model.decide(serial, images) for serial, images in packages.items()]
        for model in (LineModel.open(plant / "line.pyz", provider=p) for p in PROVIDERS)
    )
    assert [v.decision for v in other] == [v.decision for v in ours]
    scores = [[v.score for v in found] for found in (other, ours)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-4)
