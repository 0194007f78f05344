"""Where the images stand is settled once, and a run that goes on keeps it."""

import pytest
import torch
from omegaconf import OmegaConf

from packsight.data import on_device
from packsight.runs.auto_choices import settle_images
from packsight.runs.folder import config_hash, resolved, run_folder

SIZE, GPU = (32, 32), torch.device("cuda")


@pytest.fixture
def settled(config, tmp_path, monkeypatch):
    """The configuration of a run, settled on a GPU that has room for images or has not."""

    def settle(*overrides: str, room: bool):
        monkeypatch.setattr(on_device, "pays", lambda *_: room)
        cfg = config("train", f"outputs={tmp_path}", "variant=''", *overrides)
        cfg.folder = str(run_folder(cfg))
        settle_images(cfg, 10, SIZE, GPU)
        return cfg

    return settle


def stand(cfg) -> None:
    """Leave what a run writes when it starts."""
    folder = run_folder(cfg)
    folder.mkdir(parents=True)
    OmegaConf.save(OmegaConf.create(resolved(cfg)), folder / "config.yaml")


@pytest.mark.parametrize("room", [True, False])
def test_a_run_goes_on_where_it_was_begun_whatever_room_there_is_now(settled, room):
    begun = settled(room=room)
    assert begun.data.on_device is room
    stand(begun)
    again = settled(room=not room)
    assert again.data.on_device is room
    assert config_hash(resolved(again)) == config_hash(resolved(begun))
    # Another run is free to choose, and what is asked for is what is had.
    assert settled("optimizer.lr=0.1", room=not room).data.on_device is not room
    asked = settled(f"data.on_device={str(not room).lower()}", room=room)
    assert asked.data.on_device is not room
    assert config_hash(resolved(asked)) != config_hash(resolved(begun))


def test_a_run_from_before_there_was_a_choice_is_still_the_same_run(settled):
    begun = settled(room=False)
    del begun.data.on_device, begun.model.compile
    stand(begun)
    again = settled(room=True)
    assert not again.data.on_device
    assert config_hash(resolved(again)) == config_hash(resolved(begun))
