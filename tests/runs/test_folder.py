from pathlib import Path

import pytest

from packsight import __version__
from packsight.configuration.stored import write_values
from packsight.errors import UserError
from packsight.pipeline.train import resolved
from packsight.runs.folder import (
    choose_folder,
    config_hash,
    run_folder,
    same_run,
    variant,
)
from packsight.system.files import write_json


@pytest.fixture
def plain(config):
    def build(*overrides):
        return resolved(config("train", *overrides))

    return build


def test_the_folder_names_what_is_compared(plain):
    common = ["name=exp", "model=resnet", "perspective=top", "precision=bf16", "outputs=out"]
    expected = Path("out/exp/sample/resnet18/top/bf16/split_seed3")
    assert run_folder(plain(*common, "seed=3", "variant=''")) == expected
    other = plain(*common, "data.fold=0", "seed=0", "variant=ab12cd")
    assert run_folder(other) == expected.parent / "fold0_seed0_ab12cd"


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


def test_the_order_of_transforms_counts_and_what_is_null_does_not(plain):
    one, other = plain("transforms=[light,blur]"), plain("transforms=[blur,light]")
    assert config_hash(one) != config_hash(other)
    assert variant(one, plain()) != variant(other, plain())
    null = plain("transforms=[light,blur,jpeg]", "transforms.pipeline.jpeg=null")
    assert config_hash(one) == config_hash(null)


def test_the_hash_is_of_what_determines_the_result(plain):
    reference = config_hash(plain())
    assert config_hash(plain("outputs=elsewhere", "data.num_workers=2")) == reference
    assert config_hash(plain("seed=1")) != reference
    assert config_hash(plain("precision=bf16")) != reference
    assert config_hash(plain("manifest=other")) != reference
    assert config_hash(plain("weights_content=other")) != reference
    assert config_hash(plain("burst=max")) != reference
    # A key that came later and is as runs were before it leaves these what they were, and so does …
    before = plain()
    del before["burst"]
    assert config_hash(before) == config_hash(plain("data.split=by_time")) == reference
    # … one that is new and off.
    assert config_hash(plain("+model.novelty=null")) == reference
    assert config_hash(plain("+model.novelty=0")) != reference


def test_a_weights_file_that_was_replaced_makes_another_run(plain, tmp_path):
    first, second = plain("weights_content=first"), plain("weights_content=second")
    assert variant(first, plain()) == variant(second, plain())
    write_values(first, tmp_path)
    write_json(tmp_path / "status.json", {"state": "done"})
    assert same_run(tmp_path, first)
    assert not same_run(tmp_path, second)
    write_values(plain(), tmp_path)  # from before weights were hashed
    assert same_run(tmp_path, second)


@pytest.fixture
def asked(plain, tmp_path):
    """What a run is asked for."""
    return lambda *overrides: plain(f"outputs={tmp_path}", "variant=''", *overrides)


def stand(config: dict, folder: Path) -> Path:
    """Leave a finished run of this configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    write_values(config, folder)
    write_json(folder / "status.json", {"config_hash": config_hash(config), "state": "done"})
    return folder


def test_the_same_configuration_has_the_same_folder(asked):
    folder = stand(asked(), run_folder(asked()))
    again = asked("run.wait=false", "logger=none")
    assert choose_folder(again) == folder
    assert same_run(folder, again)


def test_a_renamed_experiment_holds_the_same_runs(asked):
    folder = stand(asked("name=first"), run_folder(asked("name=second")))
    assert choose_folder(asked("name=second")) == folder
    assert same_run(folder, asked("name=second"))
    assert not same_run(folder, asked("name=second", "optimizer.lr=0.5"))


def test_another_configuration_under_the_same_name_is_told_and_refused(asked):
    stand(asked(), run_folder(asked()))
    with pytest.raises(UserError, match=r"optimizer.lr 0.0025 there, 0.5 here.*run.on_conflict"):
        choose_folder(asked("optimizer.lr=0.5"))


def test_new_stands_beside_and_is_found_again(asked):
    folder = stand(asked(), run_folder(asked()))
    other = asked("optimizer.lr=0.5", "run.on_conflict=new")
    beside = choose_folder(other)
    assert beside == folder.with_name("split_seed0_2")
    stand(other, beside)
    assert choose_folder(other) == beside


def test_overwrite_takes_the_folder(asked):
    folder = stand(asked(), run_folder(asked()))
    assert choose_folder(asked("optimizer.lr=0.5", "run.on_conflict=overwrite")) == folder


def test_an_unfinished_run_of_another_version_begins_anew_and_a_finished_one_stays(asked, capsys):
    folder = stand(asked(), run_folder(asked()))
    write_json(folder / "environment.json", {"versions": {"packsight": "0.1.0"}})
    other = asked("optimizer.lr=0.5")
    with pytest.raises(UserError, match="another configuration"):
        choose_folder(other)
    write_json(folder / "status.json", {"state": "interrupted"})
    assert choose_folder(other) == folder
    assert "begun by packsight 0.1.0" in capsys.readouterr().out
    write_json(folder / "environment.json", {"versions": {"packsight": __version__}})
    with pytest.raises(UserError, match="another configuration"):
        choose_folder(other)


def test_a_damaged_configuration_is_told_and_can_be_overwritten(asked):
    folder = stand(asked(), run_folder(asked()))
    (folder / "config.yaml").write_text("")
    with pytest.raises(UserError, match=r"config\.yaml is empty.*run\.on_conflict=overwrite"):
        choose_folder(asked())
    assert not same_run(folder, asked())
    assert choose_folder(asked("run.on_conflict=overwrite")) == folder
