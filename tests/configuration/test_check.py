"""Values that a composed configuration may have, and the sentences about those that it may not."""

import pytest
from omegaconf import OmegaConf

from packsight.configuration.check import checked
from packsight.configuration.schema_values import MONITORED
from packsight.errors import UserError
from packsight.evaluation.metrics import epoch_metrics

SIZE = "pixels from 32 to 8192, a whole number or [height,width]"
KEY = "a plain name for a folder: no path, no dot in front"
RATE = "a number above 0 and at most 10"
SECTION = "the full name of a class or function"

REFUSED = [
    ("train", "data.batch_size=0", "a whole number of at least 2, for batch "),
    ("train", "data.batch_size=1", "a whole number of at least 2"),
    ("train", "data.batch_size=true", "a whole number of at least 2"),
    ("train", "data.num_workers=-1", "a whole number of at least 0."),
    ("train", "data.folds=1", "a whole number of at least 2."),
    ("train", "data.split_seed=-1", "a whole number from 0 to 4294967295."),
    ("train", "data.image_size=[32]", f"{SIZE}, or null."),
    ("train", "data.image_size=8", f"{SIZE}, or null."),
    ("train", "data.image_size=32x48", f"{SIZE}, or null."),
    ("train", "data.image_size=[32,48,64]", f"{SIZE}, or null."),
    ("train", "data.fractions.val=0", "a number above 0 and below 1."),
    ("train", "data.fractions=3", "a section of keys."),
    ("train", "data.on_device=maybe", "auto, true or false, or null."),
    ("train", "data.name=a/b", f"{KEY}."),
    ("train", "data.cache_gb=-1", "a number of at least 0, or inf."),
    ("train", "data.max_unpacked_gb=inf", "a number above 0."),
    ("train", "optimizer.lr=-1", f"{RATE}."),
    ("train", "optimizer.lr=1e9", f"{RATE}."),
    ("train", "optimizer.lr=nan", f"{RATE}."),
    ("train", "optimizer.lr=auto", f"{RATE}."),
    ("train", "optimizer.weight_decay=-1", "a number of at least 0."),
    ("train", "optimizer.momentum=2", "a number from 0 to 1."),
    ("train", "optimizer.betas=[0.9]", "[a number of at least 0 and below 1,a number"),
    ("train", "optimizer._partial_=false", "use true."),
    ("train", "trainer.max_epochs=0", "a whole number of at least 1."),
    ("train", "trainer.max_epochs=2.5", "a whole number of at least 1."),
    ("train", "trainer.devices=0", "auto or a whole number of at least 1 or a list"),
    ("train", "trainer.accelerator=tpu", "one of auto, cpu, cuda, gpu."),
    ("train", "trainer.limit_val_batches=0", "a whole number of at least 1 or a number above 0"),
    ("train", "trainer.fast_dev_run=true", "use false."),
    ("train", "trainer.max_steps=2", "use -1."),
    ("train", "scheduler.warmup_share=2", "a number from 0 to 1."),
    ("train", "callbacks.early_stopping={_target_: x, patience: 0}", "at least 1."),
    ("train", "callbacks.best.monitor=val/acc", "one of val/loss, val/accuracy, "),
    ("train", "logger.default_hp_metric=3", "true or false."),
    ("train", "transforms.pipeline.horizontal_flip.p=2", "a number from 0 to 1."),
    ("train", "transforms.average_mirrored=1", "true or false."),
    ("train", "model.drop_rate=2", "a number of at least 0 and below 1."),
    ("train", "model.memory_format=strided", "one of channels_last, contiguous, auto."),
    ("train", "model.compile=fast", "one of default, reduce-overhead, max-autotune, "),
    ("train", "precision.name=int8", "one of fp32, tf32, bf16, fp16, bf16_true, auto."),
    ("train", "perspective.cameras=[below]", "one or more of top, side."),
    ("train", "perspective.cameras=[]", "one or more of top, side."),
    ("train", "perspective.cameras=[top,top]", "one or more of top, side."),
    ("train", "perspective.rotate=-1", "a number from 0 to 180."),
    ("train", "crop.name=most", "one of auto, boxes, none."),
    ("train", "finetune.views=-1", "a whole number of at least 0."),
    ("train", "run.on_conflict=panic", "one of fail, new, overwrite."),
    ("train", "run.wait=1", "true or false."),
    ("train", "seed=null", "a whole number from 0 to 4294967295."),
    ("train", "seed=1.0", "a whole number from 0 to 4294967295."),
    ("train", "name=a/b", f"{KEY}, not data or cache."),
    ("train", "name=..", f"{KEY}, not data or cache."),
    ("train", "name=.hidden", f"{KEY}, not data or cache."),
    ("train", "name=data", f"{KEY}, not data or cache."),
    ("train", "name=null", f"{KEY}, not data or cache."),
    ("train", "name=[a]", f"{KEY}, not data or cache."),
    ("train", "variant=a/b", f"auto, or {KEY}."),
    ("train", "monitor=val/acc", f"one of {', '.join(MONITORED)}."),
    ("train", "monitor=train/loss", "one of val/loss"),
    ("train", "monitor_mode=best", "min or max."),
    ("prepare", "data.sample.packages=0", "a whole number of at least 1."),
    ("evaluate", "split=exam", "one of train, val, test."),
    ("evaluate", "fusion=vote", "one of mean, max, logistic."),
    ("evaluate", "device=tpu", "one of auto, cpu, cuda, gpu."),
    ("explain", "explainer.baselines=[black,pink]", "one or more of black, mean, blur, "),
    ("explain", "explainer.baselines=[]", "one or more of black, mean, blur, "),
    ("explain", "explainer.steps=1", "a whole number of at least 2."),
    ("explain", "measured=0", "a whole number of at least 1, or null."),
    ("explain", "per_outcome=-1", "a whole number of at least 0."),
    ("predict", "batch_size=0", "a whole number of at least 1."),
    ("predict", "locate=maybe", "true or false."),
    ("report", "max_belt_share=2", "a number from 0 to 1, or null."),
    ("benchmark", "sections=[all]", "one or more of processes, levers, sweep, data, "),
    ("benchmark", "image_size=[32,32]", "a whole number from 32 to 8192."),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "word", "allowed"), REFUSED, ids=[row[1] for row in REFUSED])
def test_a_value_that_may_not_be_is_told_with_what_may_be(typed, stage, word, allowed):
    with pytest.raises(UserError) as mistake:
        typed(stage, word)
    said = str(mistake.value)
    key = word.partition("=")[0]
    assert said.startswith(key)
    assert "is not allowed; use " in said
    assert allowed in said


@pytest.mark.parametrize(
    ("stage", "words", "said"),
    [
        ("train", ["data.batch_size=0"], "data.batch_size=0 is not allowed; use "),
        ("predict", ["perspective=up"], "perspective.name=up is not allowed; use top or side, or "),
        ("train", ["data.image_size=[16,16]"], "data.image_size=[16,16] is not allowed; use "),
        ("train", ["transforms.average_mirrored=null"], "transforms.average_mirrored=null is not"),
    ],
)
def test_key_and_value_stand_as_they_are_typed(typed, stage, words, said):
    with pytest.raises(UserError) as mistake:
        typed(stage, *words)
    assert str(mistake.value).startswith(said)


@pytest.mark.parametrize(
    ("stage", "key", "allowed"),
    [
        ("train", "optimizer.lr", RATE),
        ("train", "data.image_size", SIZE),
        ("train", "data.source", "a folder or a zip of images, or prepared data, or null"),
        ("train", "name", KEY),
        ("train", "model.weights", "imagenet, bundled, none, a weights file, or a packsight run"),
        ("predict", "source", "images: a folder, a zip or one file"),
        ("evaluate", "data", "prepared data, a folder or data.zip, or null"),
        ("evaluate", "output", "a folder for the results, or null"),
    ],
)
def test_an_empty_value_is_no_value(typed, stage, key, allowed):
    with pytest.raises(UserError, match=f"{key}.*= is empty; use {allowed[:20]}"):
        typed(stage, f"{key}=")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["data.fractions.train=0.8"],
            "data.fractions add up to 1.1 (train=0.8, val=0.15, test=0.15); give shares that add "
            "up to 1.",
        ),
        (["data.fold=5"], "data.fold=5 is not a fold: data.folds=5 makes 0 … 4."),
        (
            ["data.fold=0", "data.split=by_time"],
            "data.fold=0 is no part of data that data.split=by_time divides: a fold would be "
            "tested by what came after it; leave data.fold out, or use data.split=random.",
        ),
        (
            ["monitor=val/auroc"],
            "monitor_mode=min does not fit monitor=val/auroc, of which higher is better; use "
            "monitor_mode=max.",
        ),
        (
            ["monitor_mode=max"],
            "monitor_mode=max does not fit monitor=val/loss, of which lower is better; use "
            "monitor_mode=min.",
        ),
        (
            ["optimizer=sgd", "optimizer.momentum=0"],
            "optimizer.nesterov=true needs momentum; give optimizer.momentum, or use "
            "optimizer.nesterov=false.",
        ),
        (
            ["perspective=pair", "perspective.cameras=top"],
            "perspective.paired=true needs both cameras; use perspective=pair, or "
            "perspective.cameras=[top,side].",
        ),
        (
            ["callbacks.best=null"],
            "callbacks.best is what writes the model that all other stages use; keep it.",
        ),
        (
            ["+callbacks.best.save_top_k=3"],
            "callbacks.best.save_top_k=3 would not leave one checkpoints/best.ckpt, the model that "
            "all other stages use; keep 1.",
        ),
        (
            ["callbacks.best.filename=mine"],
            "callbacks.best.filename=mine would not leave one checkpoints/best.ckpt, the model "
            "that all other stages use; keep best.",
        ),
        (
            ["trainer.max_epochs=5", "+trainer.check_val_every_n_epoch=6"],
            "trainer.max_epochs=5 ends before a model is validated and kept (every 6 epochs by "
            "trainer.check_val_every_n_epoch, every 1 by callbacks.best.every_n_epochs); train "
            "longer, or validate more often.",
        ),
        (["~optimizer"], "optimizer is missing; choose optimizer=adamw|sgd."),
        (
            ["callbacks.mine.filename=x"],
            f"callbacks.mine._target_ is not given; add callbacks.mine._target_=, {SECTION}.",
        ),
        (
            ["name='a${nope}'"],
            "name=a${nope} refers to what is not there (Interpolation key 'nope' not found); write "
            "\\${…} where a dollar sign is meant.",
        ),
    ],
)
def test_values_that_do_not_go_together_have_a_sentence_of_their_own(typed, words, sentence):
    with pytest.raises(UserError) as mistake:
        typed("train", *words)
    assert str(mistake.value) == sentence


def test_a_part_that_no_chosen_file_brings_is_told_with_those_that_do(typed):
    with pytest.raises(UserError) as mistake:
        typed("train", "transforms=none", "transforms.pipeline.vertical_flip.p=1")
    said = str(mistake.value)
    assert said.startswith("transforms.pipeline.vertical_flip belongs to transforms=")
    assert said.endswith("standard, which is not chosen.")


def test_what_has_to_be_given_is_asked_for(config):
    with pytest.raises(UserError) as mistake:
        checked(config("predict", "run=r"), "predict")
    assert str(mistake.value) == (
        "source is not given; add source=, images: a folder, a zip or one file. "
        "output is not given; add output=, a folder for the results."
    )


def test_several_mistakes_are_told_at_once_but_not_pages_of_them(typed):
    wrong = ["data.batch_size=0", "seed=-1", "optimizer.lr=0", "trainer.max_epochs=0"]
    with pytest.raises(UserError) as mistake:
        typed("train", *wrong)
    said = str(mistake.value)
    assert said.count("is not allowed") == 3
    assert said.endswith(". And 1 more.")


def test_a_value_that_others_are_taken_from_is_one_mistake(typed):
    with pytest.raises(UserError) as mistake:
        typed("train", "perspective.horizontal_flip=2")
    assert str(mistake.value) == (
        "perspective.horizontal_flip=2 is not allowed; use a number from 0 to 1."
    )


def test_a_key_that_a_file_of_the_users_own_brings_is_checked_too(config):
    cfg = config("train")
    OmegaConf.set_struct(cfg, False)
    cfg.optimizr = {"lr": 1}
    with pytest.raises(UserError, match=r"^optimizr is unknown; do you mean optimizer\?$"):
        checked(cfg, "train")


@pytest.mark.parametrize(
    ("stage", "word", "key", "value"),
    [
        ("train", "name=20261125", "name", "20261125"),
        ("train", "name=1.10", "name", "1.10"),
        ("train", "name=1e5", "name", "1e5"),
        ("train", "name=1_000", "name", "1_000"),
        ("train", "name=true", "name", "true"),
        ("train", "data.name=7", "data.name", "7"),
        ("train", "data.source=2026", "data.name", "2026"),
        ("train", "model.weights=1", "model.weights", "1"),
        ("train", "outputs=0012", "outputs", "0012"),
        ("train", "name=search_${perspective.name}", "name", "search_side"),
        ("evaluate", "output=1", "output", "1"),
        ("evaluate", "run=1", "run", "1"),
        ("evaluate", "data=3", "data.path", "3"),
        ("evaluate", "member=*/side/*", "member", "*/side/*"),
        ("explain", "explainer.baselines=black", "explainer.baselines", ["black"]),
        ("explain", "images=0000000000017", "images", ["0000000000017"]),
        ("explain", "images=[4006381333931,a_top]", "images", ["4006381333931", "a_top"]),
        ("train", "perspective.cameras=top", "perspective.cameras", ["top"]),
        ("train", "crop.upright=top", "crop.upright", ["top"]),
        ("benchmark", "sections=data", "sections", ["data"]),
        ("train", "optimizer.lr=1", "optimizer.lr", 1),
        ("train", "seed=0", "seed", 0),
        ("train", "variant=", "variant", ""),
        ("train", "data.source=null", "data.source", None),
        ("train", "data.image_size=[32,48]", "data.image_size", [32, 48]),
        ("train", "trainer.limit_val_batches=0.5", "trainer.limit_val_batches", 0.5),
        ("train", "measured={fp32: 3.5}", "measured", {"fp32": 3.5}),
    ],
)
def test_what_is_meant_comes_out(typed, stage, word, key, value):
    found = OmegaConf.select(typed(stage, word), key)
    found = OmegaConf.to_container(found) if OmegaConf.is_config(found) else found
    assert found == value
    assert type(found) is type(value)


def test_numbers_that_a_file_gives_for_text_become_text(config):
    cfg = config("train")
    cfg.name, cfg.data.name = 20261125, 7
    found = checked(cfg, "train")
    assert (found.name, found.data.name) == ("20261125", "7")


def test_interpolations_stay_for_what_is_filled_in_later(typed):
    cfg = typed("train")
    cfg.folder = "outputs/x"
    assert cfg.callbacks.best.dirpath == "outputs/x/checkpoints"


def test_what_is_filled_in_when_a_run_starts_may_be_there(typed):
    filled = ["folder=outputs/a", "manifest=0123", "measured={fp32 contiguous: 3.5}"]
    assert typed("train", *filled).manifest == "0123"


@pytest.mark.parametrize(
    ("loggers", "said"),
    [
        ({"_target_": "builtins.dict"}, None),
        ({"a": {"_target_": "builtins.dict", "name": "7"}}, None),
        ({"a": {"_target_": "builtins.dict"}, "b": None}, None),
        ({}, None),
        ({"a": {"_target_": "builtins.dict", "default_hp_metric": 3}},
         "logger.a.default_hp_metric=3 is not allowed; use true or false."),
        ({"a": {"save_dir": "x"}}, "logger.a._target_ is not given; add logger.a._target_=, the "),
    ],
)  # fmt: skip
def test_there_may_be_one_logger_or_several_by_name(config, loggers, said):
    cfg = config("train")
    OmegaConf.set_struct(cfg, False)
    cfg.logger = loggers
    if said is None:
        assert checked(cfg, "train").logger == loggers
    else:
        with pytest.raises(UserError) as mistake:
            checked(cfg, "train")
        assert str(mistake.value).startswith(said)


def test_the_monitored_metrics_are_those_that_validation_computes():
    assert {*MONITORED} == {*epoch_metrics("val/"), "val/loss"}
