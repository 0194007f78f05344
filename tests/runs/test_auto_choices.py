"""What `auto` stands for is settled once, and a run that goes on keeps it."""

from pathlib import Path
from typing import Any

import pytest

from packsight.configuration.stored import write_values
from packsight.pipeline.train import resolved
from packsight.runs.auto_choices import begun_with, choose, images_on_device
from packsight.runs.folder import config_hash, run_folder
from packsight.training.autotune import Candidate
from packsight.training.precision import Precision

FP32, BF16 = (Candidate(kind, "channels_last") for kind in (Precision.FP32, Precision.BF16))
RATES = {"fp32 channels_last": 20.0, "bf16 channels_last": 51.0}


@pytest.fixture
def asked(config, tmp_path):
    """What a run is asked for."""

    def build(*overrides: str) -> dict[str, Any]:
        return resolved(config("train", f"outputs={tmp_path}", "variant=''", *overrides))

    return build


def stand(config: dict[str, Any]) -> Path:
    """Leave what a run writes when it starts."""
    folder = run_folder(config)
    folder.mkdir(parents=True, exist_ok=True)
    write_values(config, folder)
    return folder


@pytest.mark.parametrize("room", [True, False])
def test_images_stay_where_a_run_was_begun_whatever_room_there_is_now(asked, room):
    begun = asked()
    begun["data"]["on_device"] = images_on_device(begun, lambda: room)
    assert begun["data"]["on_device"] is room
    stand(begun)
    assert images_on_device(asked(), lambda: not room) is room
    # Another run is free to choose, and what is asked for is what is had.
    assert images_on_device(asked("optimizer.lr=0.1"), lambda: not room) is not room
    other = asked(f"data.on_device={str(not room).lower()}")
    assert images_on_device(other, lambda: room) is not room
    assert config_hash(other) != config_hash(begun)


def test_a_run_goes_on_with_what_it_was_begun_with(asked):
    among = [FP32, BF16]
    config = asked("precision=auto")
    assert begun_with(config, among) is None
    assert choose(config, among, lambda: (RATES, False)) == (BF16, RATES)
    config["precision"]["name"] = "bf16"
    config["measured"] = RATES
    stand(config)

    def measure() -> tuple[dict[str, float], bool]:
        pytest.fail("measured again")

    assert choose(asked("precision=auto"), among, measure) == (BF16, RATES)
    assert begun_with(asked("precision=auto", "optimizer.lr=0.1"), among) is None
    # One that was asked for bf16 by name says nothing of what `auto` would be.
    config["measured"] = None
    stand(config)
    assert begun_with(asked("precision=auto"), among) is None


def test_where_nothing_is_open_nothing_is_measured(asked):
    assert choose(asked(), [FP32], lambda: pytest.fail("measured")) == (FP32, None)
