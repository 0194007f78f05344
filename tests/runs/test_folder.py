import json
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from packsight.errors import UserError
from packsight.runs.folder import config_hash, is_done, recorded, run_folder, variant


@pytest.fixture
def plain(config):
    def build(*overrides):
        return OmegaConf.to_container(config("train", *overrides), resolve=True)

    return build


def test_the_folder_names_what_is_compared(config):
    cfg = config(
        "train", "name=exp", "model=resnet", "perspective=top", "precision=bf16", "seed=3",
        "variant=''", "outputs=out",
    )  # fmt: skip
    expected = Path("out/exp/sample/resnet18/top/bf16/split_seed3")
    assert run_folder(cfg) == expected
    cfg.data.fold, cfg.seed, cfg.variant = 0, 0, "ab12cd"
    assert run_folder(cfg) == expected.parent / "fold0_seed0_ab12cd"


def test_defaults_and_named_choices_have_no_variant(plain):
    assert variant(plain(), plain()) == ""
    named = plain("seed=5", "perspective=top", "outputs=x", "data.fold=1", "name=y", "logger=none")
    assert variant(named, plain("perspective=top")) == ""


@pytest.mark.parametrize(
    "override",
    ["optimizer.lr=0.01", "data.batch_size=8", "model.weights=none", "transforms=none",
     "data.image_size=96", "trainer.max_epochs=3", "callbacks=fixed"],
)  # fmt: skip
def test_whatever_changes_the_result_changes_the_variant(plain, override):
    changed = variant(plain(override), plain())
    assert len(changed) == 6
    assert changed != variant(plain(override, "optimizer.weight_decay=0.5"), plain())


def test_the_hash_is_of_what_determines_the_result(plain):
    reference = config_hash(plain())
    assert config_hash(plain("outputs=elsewhere", "data.num_workers=2")) == reference
    assert config_hash(plain("seed=1")) != reference
    assert config_hash(plain("precision=bf16")) != reference
    assert config_hash(plain("manifest=other")) != reference


def test_a_run_records_its_states(tmp_path):
    folder = tmp_path / "run"

    def status():
        return json.loads((folder / "status.json").read_text())

    with recorded(folder, {"seed": 0}):
        assert status()["state"] == "running"
        assert not is_done(folder, {"seed": 0})
    assert status()["state"] == "done"
    assert OmegaConf.load(folder / "config.yaml").seed == 0
    assert "torch" in json.loads((folder / "environment.json").read_text())["versions"]


def test_a_failed_run_keeps_its_error_and_is_not_done(tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(RuntimeError), recorded(folder, {}):
        raise RuntimeError("out of memory")
    status = json.loads((folder / "status.json").read_text())
    assert status["state"] == "failed"
    assert status["error"] == "RuntimeError: out of memory"
    assert "Traceback" in status["traceback"]
    assert not is_done(folder, {})


def test_an_unfinished_run_is_cleared_before_the_next_try(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "history.csv").write_text("old")
    with recorded(folder, {}):
        assert not (folder / "history.csv").exists()


def test_a_finished_run_is_neither_repeated_nor_overwritten(tmp_path):
    folder = tmp_path / "run"
    with recorded(folder, {}):
        pass
    assert is_done(folder, {})
    with pytest.raises(UserError, match="another configuration or other data"):
        is_done(folder, {"seed": 1})
