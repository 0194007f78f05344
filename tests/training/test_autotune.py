"""`auto` takes what is fastest, remembers it, and leaves the run's randomness alone."""

import pytest
import torch
from omegaconf import OmegaConf

from packsight.errors import UserError
from packsight.models.network import create_network
from packsight.runs.auto_choices import begun_with, choose
from packsight.runs.folder import resolved, run_folder
from packsight.training import autotune
from packsight.training.autotune import (
    Candidate,
    candidates,
    describe_choice,
    fastest,
    measure,
    time_steps,
)
from packsight.training.precision import Precision

CPU = torch.device("cpu")
FP32, BF16 = (Candidate(kind, "channels_last") for kind in (Precision.FP32, Precision.BF16))
SMALL = ["model.backbone=resnet10t", "model.weights=none", "data.batch_size=2"]
AUTO = "precision=auto"


def test_only_what_is_auto_is_open(config):
    def names(*overrides: str) -> list[str]:
        return [str(item) for item in candidates(config("train", *overrides), CPU)]

    assert names() == ["fp32 channels_last"]
    assert names("model=vit") == ["fp32 contiguous"]
    assert names("precision=bf16_true") == ["bf16_true channels_last"]
    assert names(AUTO) == ["fp32 channels_last", "bf16 channels_last"]
    assert names("model.memory_format=auto") == ["fp32 channels_last", "fp32 contiguous"]
    assert len(names(AUTO, "model.memory_format=auto")) == 4


@pytest.mark.parametrize(
    ("capability", "expected"),
    [((7, 5), ["fp32", "fp16"]), ((8, 0), ["fp32", "tf32", "bf16", "fp16"])],
)
def test_a_gpu_is_asked_for_what_it_can_do(config, monkeypatch, capability, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    found = candidates(config("train", AUTO), torch.device("cuda"))
    assert [item.precision for item in found] == expected


def test_what_cannot_be_measured_is_refused(config):
    with pytest.raises(UserError, match="int8 is not for this CPU"):
        candidates(config("train", "precision.name=int8"), CPU)
    with pytest.raises(UserError, match=r"memory_format=strided.*channels_last, contiguous, auto"):
        candidates(config("train", "model.memory_format=strided"), CPU)


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


@pytest.mark.parametrize("finetune", ["partial", "probe"])
def test_a_measurement_is_remembered_and_changes_nothing(config, tmp_path, monkeypatch, finetune):
    cfg = config("train", AUTO, f"finetune={finetune}", *SMALL)
    torch.manual_seed(0)
    network = create_network(cfg.model, (32, 32))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    state = torch.random.get_rng_state()
    arguments = network, cfg, (32, 32), CPU, [FP32, BF16], tmp_path
    rates, known = measure(*arguments)
    assert not known
    assert rates.keys() == {"fp32 channels_last", "bf16 channels_last"}
    assert all(rate > 0 for rate in rates.values())
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert torch.equal(torch.random.get_rng_state(), state)

    monkeypatch.setattr(autotune, "time_steps", lambda *_: pytest.fail("measured twice"))
    assert measure(*arguments) == (rates, True)
    cfg.data.batch_size = 4
    with pytest.raises(pytest.fail.Exception, match="measured twice"):
        measure(*arguments)


def test_a_broken_memory_is_measured_anew(config, tmp_path):
    cfg = config("train", AUTO, *SMALL)
    arguments = create_network(cfg.model, (32, 32)), cfg, (32, 32), CPU, [FP32], tmp_path
    measure(*arguments)
    [file] = tmp_path.glob("speed-*.json")
    file.write_text("{")
    assert measure(*arguments)[1] is False
    assert measure(*arguments)[1] is True


def test_the_choice_is_told_in_a_line(config):
    cfg = config("train", AUTO)
    rates = {"fp32 channels_last": 20.4, "bf16 channels_last": 51.0}
    assert describe_choice(cfg, BF16, rates, "remembered") == (
        "precision=auto: bf16, channels_last (bf16 51, fp32 20 images/s), remembered"
    )
    cfg = config("train", "model.memory_format=auto")
    rates = {"fp32 contiguous": 20.4, "fp32 channels_last": 30.0}
    assert describe_choice(cfg, FP32, rates, "measured now") == (
        "model.memory_format=auto: fp32, channels_last (fp32 channels_last 30, "
        "fp32 contiguous 20 images/s), measured now"
    )


def test_a_run_goes_on_with_what_it_was_begun_with(config, tmp_path):
    def asked(*overrides: str):
        return config("train", AUTO, f"outputs={tmp_path}", "variant=''", *overrides)

    cfg = asked()
    rates = {"fp32 channels_last": 20.0, "bf16 channels_last": 51.0}
    assert begun_with(cfg, [FP32, BF16]) is None
    choose(cfg, BF16)
    assert "bf16" in cfg.folder
    cfg.measured = rates
    folder = run_folder(cfg)
    folder.mkdir(parents=True)
    OmegaConf.save(OmegaConf.create(resolved(cfg)), folder / "config.yaml")

    assert begun_with(asked(), [FP32, BF16]) == rates
    assert begun_with(asked("optimizer.lr=0.1"), [FP32, BF16]) is None
    # One that was asked for bf16 by name says nothing of what `auto` would be.
    cfg.measured = None
    OmegaConf.save(OmegaConf.create(resolved(cfg)), folder / "config.yaml")
    assert begun_with(asked(), [FP32, BF16]) is None
