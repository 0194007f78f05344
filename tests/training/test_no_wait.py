"""A training step gives a GPU its work without ever waiting for a result.

Told on a GPU that is imagined: tensors with shapes and devices but no values, so that nothing can
look at a value, and what would copy between devices is seen.
"""

from contextlib import suppress
from types import SimpleNamespace

import pytest
import torch
from hydra.utils import instantiate
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torchmetrics import MeanMetric

from packsight.data.datamodule import Batch
from packsight.models.network import build_network
from packsight.training.classifier import Classifier
from packsight.training.optim import fused

GPU = torch.device("cuda")
WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "is_nonzero")


class Waits(TorchDispatchMode):
    """Lists the operations that make the host wait for the device."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func._schema.name.removeprefix("aten::")
        if any(word in name for word in WAITING):
            self.found.append(name)
        masks = [part for part in tree_leaves(args[1:]) if torch.is_tensor(part)]
        if name == "index" and any(mask.dtype == torch.bool for mask in masks):
            self.found.append("index by a mask, whose size is a value")
        result = func(*args, **(kwargs or {}))
        tensors = [part for part in tree_leaves((args, kwargs, result)) if torch.is_tensor(part)]
        # A host's number, [], may go along as an argument of a kernel.
        devices = {part.device.type for part in tensors if part.ndim or "copy" in name}
        if len(devices) > 1:
            self.found.append(f"{name} between devices")
        return result


@pytest.fixture
def imagined(monkeypatch):
    # As metrics do with their states. Else its mode is copied too, and with it what torch frees
    # by hand: twice, and malloc's lists are broken long before anything shows it.
    monkeypatch.setattr(FakeTensor, "__deepcopy__", lambda tensor, _: tensor.clone())
    with FakeTensorMode(), GPU:
        yield


@pytest.fixture
def step(config, imagined, monkeypatch):
    """A classifier on the GPU, a batch, and an optimiser with gradients to use."""
    monkeypatch.setattr(torch.nn.Module, "to", lambda module, **_: module)  # needs values
    optimizer = fused(instantiate(config("train").optimizer))
    network = build_network("resnet10t", (32, 32), drop_rate=0.1)
    classifier = Classifier(network, optimizer, frozen_share=0.0).train()
    classifier.trainer = SimpleNamespace(precision_plugin=None)
    images = torch.zeros(6, 3, 32, 32, dtype=torch.uint8)
    batch = Batch(images, torch.zeros(6, dtype=torch.int64))
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    return classifier, batch, optimizer([{"params": list(network.parameters())}])


def test_a_step_never_waits(step):
    classifier, batch, optimizer = step
    with Waits() as waits:
        for _ in range(2):
            loss = classifier.training_step(batch)
            classifier.configure_gradient_clipping(optimizer, 1.0, "norm")
            optimizer.step()
        with torch.no_grad():
            classifier.validation_step(batch)
    assert loss.device.type == "cuda"
    assert waits.found == []


@pytest.mark.parametrize(
    "look",
    [
        lambda loss: loss.item(),
        lambda loss: bool(loss > 1),
        lambda loss: loss.cpu(),
        lambda loss: torch.tensor([1.0], device="cpu").to(loss.device),
        lambda loss: loss.expand(4)[torch.ones(4, dtype=torch.bool, device=loss.device)],
        lambda loss: MeanMetric().update(loss),
        lambda loss: MeanMetric(nan_strategy="disable").update(loss, weight=4),
    ],
)
def test_what_waits_is_noticed(imagined, look):
    loss = torch.zeros(())
    with Waits() as waits, suppress(RuntimeError):  # an imagined tensor has no value to tell
        look(loss)
    assert waits.found
