"""Command lines as they are typed, and what Hydra gets of them."""

import shlex

import pytest

from packsight.configuration.arguments import arranged
from packsight.configuration.nearest import without_hint
from packsight.configuration.quoting import parsed
from packsight.errors import UserError


@pytest.mark.parametrize(
    ("stage", "typed", "found"),
    [
        # Text stays text exactly.
        ("train", "name=20261125", "name='20261125'"),
        ("train", "name=1.10", "name='1.10'"),
        ("train", "name=1e5", "name='1e5'"),
        ("train", "name=true", "name='true'"),
        ("train", "name=inf", "name='inf'"),
        ("train", "name=007", "name=007"),
        ("train", "data.name=7", "data.name='7'"),
        ("train", "model.weights=1", "model.weights='1'"),
        ("evaluate", "output=1 run=1", "output='1' run='1'"),
        ("train", "name=line7", "name=line7"),
        ("train", "name='7'", "name='7'"),
        ("train", "name=null", "name=null"),
        ("train", "name=search_${perspective.name}", "name=search_${perspective.name}"),
        ("train", "-m name=1.10,2,b", "-m name='1.10','2',b"),
        ("train", "-m name='1',2", "-m name='1','2'"),
        ("train", "-m name=choice(1,2)", "-m name=choice(1,2)"),
        ("train", "seed=1 optimizer.lr=1.10", "seed=1 optimizer.lr=1.10"),
        # What Hydra's grammar stops at, or has another meaning for.
        ("evaluate", "run=w/epoch=0-step=1.ckpt", "run='w/epoch=0-step=1.ckpt'"),
        ("evaluate", "run=a#b", "run='a#b'"),
        ("predict", "source=photos\\ (1)/[new]", "source='photos (1)/[new]'"),
        ("predict", "source=foto/são", "source='foto/são'"),
        ("predict", "source=it\\'s", "source='it\\'s'"),
        ("predict", "source=a{b", "source='a{b'"),
        ("predict", "source=~/x", "source='~/x'"),
        ("predict", "source=$x", "source=$x"),
        ("evaluate", "-m run=são,b", "-m run='são','b'"),
        # Options come first, wherever they are typed.
        ("train", "name=a -m seed=0,1", "-m name=a seed=0,1"),
        ("train", "seed=0,1 --multirun", "--multirun seed=0,1"),
        ("train", "name=a --cfg job", "--cfg job name=a"),
        ("train", "name=a -c=job --resolve", "-c=job --resolve name=a"),
        ("train", "-sc install=bash", "-sc install=bash"),
        # A key gets the prefix that it needs.
        ("train", "+optimizer.lr=1", "optimizer.lr=1"),
        ("train", "++seed=1", "seed=1"),
        ("train", "optimizer.betas=[0.9,0.99]", "++optimizer.betas=[0.9,0.99]"),
        ("train", "-m optimizer=adamw,sgd optimizer.momentum=0.8",
         "-m optimizer=adamw,sgd ++optimizer.momentum=0.8"),
        ("train", "+callbacks.a._target_=x.Y +callbacks.a.file=${folder}/a",
         "++callbacks.a._target_=x.Y ++callbacks.a.file=${folder}/a"),
        ("train", "~logger ~callbacks.progress", "~logger ~callbacks.progress"),
        # Keys that share their name with a config group.
        ("evaluate", "data=x/data.zip", "data.path=x/data.zip"),
        ("evaluate", "data=3", "data.path='3'"),
        ("explain", "data=x", "data.path=x"),
        ("predict", "perspective=top", "perspective.name=top"),
        ("train", "data=sample", "data=sample"),
        # Choices.
        ("train", "model=resnet", "model=resnet"),
        ("train", "+experiment=demo", "experiment=demo"),
        ("train", "experiment=null recipe=null", "experiment=null recipe=null"),
        ("train", "experiment=[demo,demo_scratch]", "experiment=[demo,demo_scratch]"),
        ("train", "logger=[none,tensorboard]", "logger=[none,tensorboard]"),
        ("train", "transforms=[standard,none]", "transforms=[standard,none]"),
        ("train", "-m perspective=top,side", "-m perspective=top,side"),
        ("train", "-m model=glob(*)", "-m model=glob(*)"),
        ("train", "-m experiment=search", "-m experiment=search"),
        ("train", "-m optimizer.lr=interval(0,1)", "-m optimizer.lr=interval(0,1)"),
        ("train", "-m hydra/launcher=joblib hydra.launcher.n_jobs=2",
         "-m hydra/launcher=joblib hydra.launcher.n_jobs=2"),
        # Configurations of the user's own are the user's.
        ("train", "-cd mine model=mine", "-cd mine model=mine"),
        ("train", "--config-dir=mine own.key=1.10 name=1.10",
         "--config-dir=mine own.key=1.10 name='1.10'"),
    ],
)  # fmt: skip
def test_hydra_gets_what_is_meant(stage, typed, found):
    words = shlex.split(typed.replace("'", r"\'").replace(r"\\'", r"\'"))
    result = arranged(words, stage)
    assert " ".join(result) == found
    assert arranged(result, stage) == result  # for processes that a training starts


@pytest.mark.parametrize(
    ("stage", "words", "sentence"),
    [
        # Keys that there are not.
        ("train", ["optimizr.lr=1"], "optimizr.lr is unknown; do you mean optimizer.lr?"),
        ("train", ["+optimizr.lr=1"], "optimizr.lr is unknown; do you mean optimizer.lr?"),
        ("train", ["modl=resnet"], "modl is unknown; do you mean model?"),
        ("train", ["monitr=val/loss"], "monitr is unknown; do you mean monitor?"),
        ("train", ["data.batch=8"], "data.batch is unknown; do you mean data.batch_size?"),
        ("train", ["batch_size=8"], "batch_size is unknown; do you mean data.batch_size?"),
        ("train", ["lr=8"], "lr is unknown; do you mean optimizer.lr?"),
        ("train", ["epochs=8"], "epochs is unknown; do you mean trainer.max_epochs?"),
        ("train", ["+model.in_chans=1"], "model.in_chans is unknown; model has architecture, "
         "backbone, compile, drop_rate, memory_format, weights."),
        ("train", ["seed.x=1"], "seed.x is unknown; scripts/train.py --help shows all keys."),
        ("prepare", ["model=resnet"], "model is unknown to prepare; it is a key of train."),
        ("train", ["explainer=occlusion"],
         "explainer is unknown to train; it is a key of explain and predict."),
        ("report", ["qwertz=1"], "qwertz is unknown; scripts/report.py --help shows all keys."),
        # Choices that there are not.
        ("train", ["model=resnt"], "model=resnt is unknown; do you mean resnet? The choices are "
         "convnext, efficientnet, efficientnet_lite, mobilenet, resnet, vit."),
        ("train", ["-m", "optimizer=adamw,sdg"],
         "optimizer=sdg is unknown; do you mean sgd? The choices are adamw, sgd."),
        ("train", ["experiment=[demo,serch]"], "experiment=serch is unknown; do you mean search? "
         "The choices are demo, demo_scratch, learning_curve, precisions, real, search."),
        ("train", ["model="], "model= is not allowed; the choices are convnext, efficientnet, "
         "efficientnet_lite, mobilenet, resnet, vit."),
        ("train", ["perspective=null"],
         "perspective=null is not allowed; the choices are both, pair, side, top."),
        ("train", ["precision=16"], "precision=16 is unknown; do you mean fp16? The choices are "
         "auto, bf16, bf16_true, fp16, fp32, tf32."),
        ("train", ["data=photos"], "data=photos is unknown; images of your own are "
         "data.source=photos. The choices are sample."),
        ("train", ["perspective=[top,side]"], "perspective=[top,side] is a list, and perspective "
         "is one of both, pair, side, top; with -m, perspective=top,side takes one after the "
         "other."),
        ("train", ["crop=a[b"], "crop=a[b is unknown; the choices are auto, boxes, none."),
        # Several values without -m.
        ("train", ["perspective=top,side"],
         "perspective=top,side is several choices; sweep over them with -m."),
        ("train", ["seed=0,1"], "seed=0,1 is several values; sweep over them with -m."),
        ("train", ["optimizer.lr=range(0,1)"],
         "optimizer.lr=range(0,1) is several values; sweep over them with -m."),
        ("train", ["name=a,b"], "name=a,b is several values; sweep over them with -m, or type it "
         "as 'name=\"a,b\"' if it is one."),
        ("explain", ["explainer.baselines=black,blur"], "explainer.baselines=black,blur is several "
         "values; sweep over them with -m, or type explainer.baselines=[black,blur] for all of "
         "them."),
        # What cannot be read.
        ("evaluate", ["-m", "run=w/epoch=0,1.ckpt"], "run=w/epoch=0,1.ckpt cannot be read; type it "
         "as 'run=\"w/epoch=0,1.ckpt\"'"),
        ("train", ["hydra.job.name=a[b"],
         "hydra.job.name=a[b cannot be read; type it as 'hydra.job.name=\"a[b\"'"),
        ("train", ["+callbacks.best.x=a[b"],
         "callbacks.best.x=a[b cannot be read; type it as 'callbacks.best.x=\"a[b\"'"),
        ("train", ["optimizer.lr=0.1;"],
         "optimizer.lr=0.1; is not allowed; use a number above 0 and at most 10."),
        ("explain", ["explainer.baselines=[black"], "explainer.baselines=[black is not allowed; "
         "use one or more of black, mean, blur, empty_belt."),
        # What is no key=value.
        ("train", ["resnet"], "resnet is not key=value; --help tells what can be set."),
        ("train", ["=3"], "=3 is not key=value; --help tells what can be set."),
        ("train", ["--lr=0.1"], "--lr=0.1 is no option; use lr=0.1."),
        ("train", ["--epochs", "3"], "--epochs is no option; --help tells how to set values."),
        # Searches and engines.
        ("train", ["experiment=search"], "experiment=search searches over many runs; start it with "
         "-m: python scripts/train.py -m experiment=search"),
        ("train", ["-m", "experiment=demo_scratch,search"], "experiment=demo_scratch,search sweeps "
         "over a search, which is a sweep itself; start experiment=search alone."),
        ("train", ["hydra/launcher=joblib"],
         "hydra/launcher=joblib is for sweeps; add -m, or leave it out."),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_told(stage, words, sentence):
    with pytest.raises(UserError) as mistake:
        arranged(words, stage)
    assert str(mistake.value) == sentence


@pytest.mark.parametrize(
    "value", ["w/a=1,2.ckpt", 'say "a,b"', "it's a,b", "back\\slash,", "a,$x b"]
)
def test_an_argument_is_shown_as_a_shell_takes_it(value):
    with pytest.raises(UserError) as mistake:
        arranged([f"run={value}"], "evaluate")
    shown = str(mistake.value).split(" type it as ")[1].removesuffix(" if it is one.")
    [word] = shlex.split(shown)
    assert parsed(word).value() == value


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ("Could not override 'hydra.job.nam'.\nTo append to your config use +hydra.job.nam=3",
         "hydra.job.nam is unknown; do you mean hydra.job.name?"),
        ("Could not override 'hydra.launcher.n_job'.\nTo append to your config use +…",
         "hydra.launcher.n_job is unknown; do you mean hydra.launcher.n_jobs?"),
        ("Could not override 'hydra/launchr'. No match in the defaults list.\nTo append to your "
         "default list use +hydra/launchr=joblib",
         "hydra/launchr is unknown; do you mean hydra/launcher?"),
        ("Could not override 'qqqqq'.\nTo append to your config use +qqqqq=3",
         "qqqqq is unknown; --cfg hydra shows what there is."),
        ("any other message", "any other message"),
    ],
)  # fmt: skip
def test_hydras_advice_to_append_reaches_nobody(message, sentence):
    assert without_hint(message) == sentence
