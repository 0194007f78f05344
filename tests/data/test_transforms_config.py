"""Configured pipelines: every choice can be made, and every mistake has its sentence."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from packsight.data.transforms import Augmentation
from packsight.data.transforms_config import augmentation
from packsight.errors import UserError

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
CHOICES = sorted(file.stem for file in (CONFIGS / "transforms").glob("*.yaml"))
BLUR = "+transforms.pipeline.blur._target_=albumentations"


@pytest.fixture
def build(config):
    """The Augmentation of a training configuration, made without any warning."""

    def make(*overrides: str) -> Augmentation:
        pipeline = config("train", *overrides).transforms.pipeline
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # albumentations' own name no key
            return augmentation(pipeline)

    return make


@pytest.mark.parametrize("choice", CHOICES)
def test_every_choice_changes_images(build, choice):
    transform = build(f"transforms={choice}")
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    changed = [not np.array_equal(transform(image, seed), image) for seed in range(30)]
    assert any(changed) == (choice != "none")


def test_several_choices_stand_in_their_order(build):
    assert [*build("transforms=[light,mirror]").parts] == [
        "light", "horizontal_flip", "vertical_flip",
    ]  # fmt: skip
    assert [*build("transforms=[standard,blur,noise]").parts][-3:] == ["light", "blur", "noise"]
    every = [choice for choice in CHOICES if choice not in ("none", "standard")]
    assert len(build(f"transforms=[{','.join(every)}]").parts) == len(every) + 1


def test_a_transform_is_added_and_changed_without_code(build):
    transform = build(f"{BLUR}.GaussianBlur", "+transforms.pipeline.blur.sigma_limit=[0.1,0.4]",
                      "transforms.pipeline.light.brightness_limit=0.3")  # fmt: skip
    assert transform.parts["blur"].sigma_limit == (0.1, 0.4)
    assert transform.parts["light"].brightness_limit == (-0.3, 0.3)
    one = "{_target_:albumentations.OneOf,transforms:[{_target_:albumentations.Blur}]}"
    assert len(build(f"+transforms.pipeline.one={one}").parts["one"]) == 1


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([f"{BLUR}.GausianBlur"],
         r"transforms\.pipeline\.blur\._target_=albumentations\.GausianBlur .*"
         r"did you mean albumentations\.GaussianBlur"),
        (["+transforms.pipeline.blur._target_=gaussianblur"], r"albumentations\.GaussianBlur"),
        ([f"{BLUR}.xyz"], "xyz is none of albumentations' transforms; see"),
        (["+transforms.pipeline.blur._target_=nowhere.Blur"], r"pipeline\.blur: nowhere\.Blur"),
        (["+transforms.pipeline.blur._target_=builtins.dict"],
         r"pipeline\.blur is \{\}; give one of albumentations' transforms"),
        (["+transforms.pipeline.blur.p=1"], r"pipeline\.blur=.* names no transform"),
        (["+transforms.pipeline.blur=GaussianBlur"], r"blur=GaussianBlur names no transform"),
        (["+transforms.pipeline.ligth.p=1"], r"did you mean transforms\.pipeline\.light"),
        (["+transforms.pipeline.light.brightnes_limit=0.1"],
         r"pipeline\.light: .* no argument brightnes_limit; did you mean brightness_limit"),
        (["+transforms.pipeline.horizontal_flip.q=0.1"], "no argument q; it has p"),
        (["transforms.pipeline.light.brightness_limit=bright"],
         "pipeline.light: brightness_limit=bright in .*: Input should be a valid tuple; or: Input"),
        (["transforms.pipeline.light.p=2"], "p=2 in .*less than or equal to 1"),
        (["transforms.pipeline.affine.border_mode=99"], "border_mode=99 in .*0, 1, 2, 3 or 4"),
        (["+transforms.pipeline.affine.translate_px=3"], "Expected either translate_percent or"),
        ([f"{BLUR}.RandomCrop"], "height in albumentations.RandomCrop: Field required"),
        ([f"{BLUR}.OneOf", "+transforms.pipeline.blur.transfroms=[]"], "transfroms"),
        (["+transforms.pipeline.o={_target_:albumentations.OneOf,transforms:["
          "{_target_:albumentations.Bluur}]}"],
         r"pipeline\.o\.transforms\[0\]\._target_=albumentations\.Bluur .*albumentations\.Blur"),
        (["+transforms.pipeline.o={_target_:albumentations.OneOf,transforms:["
          "{_target_:albumentations.Blur,limit:3}]}"], "Blur has no argument limit"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_key(build, overrides, message):
    with pytest.raises(UserError, match=message):
        build(*overrides)
