"""`auto` takes what is fastest, remembers it, and leaves the run's randomness alone."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch.optim import AdamW

from packsight.errors import UserError
from packsight.models.network import build_network
from packsight.training import autotune
from packsight.training.autotune import (
    Candidate,
    Workload,
    candidates,
    describe_choice,
    fastest,
    measure,
    time_steps,
)
from packsight.training.precision import Precision

CPU = torch.device("cpu")
FP32, BF16 = (Candidate(kind, "channels_last") for kind in (Precision.FP32, Precision.BF16))
WORK = Workload(
    "resnet10t", (32, 32), 2, partial(AdamW, lr=0.001, weight_decay=0.01), 0.2, 0.4, False, False
)


def test_only_what_is_auto_is_open():
    def names(precision: str = "fp32", layout: str = "channels_last") -> list[str]:
        return [str(item) for item in candidates(precision, layout, CPU)]

    assert names() == ["fp32 channels_last"]
    assert names(layout="contiguous") == ["fp32 contiguous"]
    assert names("bf16_true") == ["bf16_true channels_last"]
    assert names("auto") == ["fp32 channels_last", "bf16 channels_last"]
    assert names(layout="auto") == ["fp32 channels_last", "fp32 contiguous"]
    assert len(names("auto", "auto")) == 4


@pytest.mark.parametrize(
    ("capability", "expected"),
    [((7, 5), ["fp32", "fp16"]), ((8, 0), ["fp32", "tf32", "bf16", "fp16"])],
)
def test_a_gpu_is_asked_for_what_it_can_do(monkeypatch, capability, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    found = candidates("auto", "channels_last", torch.device("cuda"))
    assert [item.precision for item in found] == expected


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(UserError, match="int8 is not for this CPU"):
        candidates("int8", "channels_last", CPU)
    with pytest.raises(UserError, match=r"memory_format=strided.*channels_last, contiguous, auto"):
        candidates("fp32", "strided", CPU)


@pytest.mark.parametrize(("speed", "winner"), [(5, FP32), (104, FP32), (111, BF16), (250, BF16)])
def test_lower_precision_wins_by_a_margin_alone(speed, winner):
    # 5: bfloat16 that a processor merely emulates.
    assert fastest({str(FP32): 100.0, str(BF16): speed}, [FP32, BF16]) == winner


def test_the_faster_layout_wins():
    other = Candidate(Precision.BF16, "contiguous")
    assert fastest({str(BF16): 10.0, str(other): 10.5}, [BF16, other]) == other


def test_a_step_is_as_slow_as_its_fastest_round_after_a_warm_up():
    seconds = {FP32: iter([9.0, 0.2, 0.1, 0.3]), BF16: iter([9.0, 0.05, 0.8, 0.07])}
    now, order = [0.0], []

    def step(candidate: Candidate) -> None:
        now[0] += next(seconds[candidate])
        order.append(candidate)

    assert time_steps(step, [FP32, BF16], lambda: now[0]) == pytest.approx({FP32: 0.1, BF16: 0.05})
    assert order == [FP32, BF16] * 4


def test_slow_steps_are_timed_once():
    now, steps = [0.0], []

    def step(candidate: Candidate) -> None:
        now[0] += 60
        steps.append(candidate)

    time_steps(step, [FP32, BF16], lambda: now[0])
    assert len(steps) == 4


@pytest.mark.parametrize("features", [False, True])
def test_a_measurement_is_remembered_and_changes_nothing(tmp_path, monkeypatch, features):
    work = replace(WORK, features=features)
    torch.manual_seed(0)
    network = build_network("resnet10t", (32, 32))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    state = torch.random.get_rng_state()
    arguments = network, work, CPU, [FP32, BF16], tmp_path
    rates, known = measure(*arguments)
    assert not known
    assert rates.keys() == {"fp32 channels_last", "bf16 channels_last"}
    assert all(rate > 0 for rate in rates.values())
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert torch.equal(torch.random.get_rng_state(), state)

    monkeypatch.setattr(autotune, "time_steps", lambda *_: pytest.fail("measured twice"))
    assert measure(*arguments) == (rates, True)
    with pytest.raises(pytest.fail.Exception, match="measured twice"):
        measure(network, replace(work, batch_size=4), CPU, [FP32, BF16], tmp_path)


def test_a_broken_memory_is_measured_anew(tmp_path):
    arguments = build_network("resnet10t", (32, 32)), WORK, CPU, [FP32], tmp_path
    measure(*arguments)
    [file] = tmp_path.glob("speed-*.json")
    file.write_text("{")
    assert measure(*arguments)[1] is False
    assert measure(*arguments)[1] is True


def test_the_choice_is_told_in_a_line():
    rates = {"fp32 channels_last": 20.4, "bf16 channels_last": 51.0}
    assert describe_choice(BF16, rates, ["precision"], "remembered") == (
        "precision=auto: bf16, channels_last (bf16 51, fp32 20 images/s), remembered"
    )
    rates = {"fp32 contiguous": 20.4, "fp32 channels_last": 30.0}
    assert describe_choice(FP32, rates, ["model.memory_format"], "measured now") == (
        "model.memory_format=auto: fp32, channels_last (fp32 channels_last 30, "
        "fp32 contiguous 20 images/s), measured now"
    )
