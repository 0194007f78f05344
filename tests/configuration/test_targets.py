"""Arguments of what a `_target_` names: looked up where it is, and only where they are new."""

import subprocess
import sys

import pytest

from packsight.configuration import targets
from packsight.configuration.check import checked
from packsight.configuration.targets import check_targets
from packsight.errors import UserError


@pytest.mark.parametrize(
    ("stage", "words", "sentence"),
    [
        ("train", ["+optimizer.lrr=1"],
         "optimizer.lrr is no argument of torch.optim.AdamW; do you mean optimizer.lr?"),
        ("train", ["optimizer.beta=[0.9,0.99]"],
         "optimizer.beta is no argument of torch.optim.AdamW; do you mean optimizer.betas?"),
        ("train", ["optimizer.momentum=0.8"],
         "optimizer.momentum is no argument of torch.optim.AdamW; it belongs to optimizer=sgd."),
        ("train", ["trainer.epochs=3"],
         "trainer.epochs is no argument of lightning.pytorch.Trainer; do you mean "
         "trainer.max_epochs?"),
        ("train", ["+trainer.resume=1"],
         "trainer.resume is no argument of lightning.pytorch.Trainer; leave it out."),
        ("train", ["+callbacks.best.monitr=val/loss"],
         "callbacks.best.monitr is no argument of lightning.pytorch.callbacks.ModelCheckpoint; do "
         "you mean callbacks.best.monitor?"),
        ("train", ["trainer.precision=16"],
         "trainer.precision is set by packsight; use precision=."),
        ("train", ["optimizer.params=[]"], "optimizer.params is set by packsight; leave it out."),
        ("explain", ["explainer=grad_cam", "explainer.samples=3"],
         "explainer.samples is no argument of packsight.explanation.methods.GradCam; it belongs to "
         "explainer=gradient_shap and explainer=smoothgrad."),
        ("train", ["optimizer._target_=os.sep"],
         "optimizer._target_=os.sep is no class or function; give one's full name."),
    ],
)  # fmt: skip
def test_what_a_target_does_not_take_is_told(typed, stage, words, sentence):
    with pytest.raises(UserError) as mistake:
        typed(stage, *words)
    assert str(mistake.value) == sentence


@pytest.mark.parametrize("target", ["torch.optim.Adamm", "nowhere.Adam", "Adam", "a..b", "5"])
def test_a_target_that_is_not_there_is_told(typed, target):
    with pytest.raises(UserError, match=rf"^optimizer\._target_={target} cannot be imported \("):
        typed("train", f"optimizer._target_={target}")


@pytest.mark.parametrize(
    "words",
    [
        ["optimizer.betas=[0.9,0.95]", "optimizer.eps=1e-6"],
        ["+optimizer.maximize=false"],
        ["optimizer=sgd", "optimizer.momentum=0.8"],
        ["trainer.max_time=00:00:10:00"],
        ["trainer=ddp", "trainer.strategy=ddp"],
        ["+callbacks.rate._target_=lightning.pytorch.callbacks.LearningRateMonitor",
         "+callbacks.rate.logging_interval=step"],
        ["callbacks.any._target_=builtins.dict", "callbacks.any.whatever=3"],  # takes any
        ["+transforms.pipeline.blur._target_=albumentations.GaussianBlur",
         "+transforms.pipeline.blur.blur_limit=3"],
    ],
)  # fmt: skip
def test_what_a_target_takes_is_taken(typed, words):
    typed("train", *words)


def test_parts_in_lists_are_looked_at_too():
    part = {"_target_": "builtins.dict", "parts": [{"_target_": "os.path.join", "x": 1}]}
    with pytest.raises(UserError, match=r"^transforms\.pipeline\.one\.parts\.0\.x is no argument"):
        check_targets({"transforms": {"pipeline": {"one": part}}}, "train")


def test_nothing_is_imported_for_what_the_files_say(config, monkeypatch):
    """Torch takes seconds, and most mistakes need none of it to be told."""
    monkeypatch.setattr(targets, "_located", lambda *_: pytest.fail("was imported"))
    checked(config("train", "optimizer.lr=0.1", "trainer=cpu"), "train")


def test_the_room_needs_neither_torch_nor_lightning(tmp_path):
    code = (
        "import sys; from packsight.configuration import arguments, check, stored; "
        "arguments.arranged(['seed=1', 'optimizer.lr=1'], 'train'); "
        "print([name for name in ('torch', 'lightning', 'pandas', 'cv2') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
