from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from packsight.data.datamodule import PackageDataModule, SeededSampler
from packsight.domain import Split
from packsight.errors import UserError
from packsight.imaging.decode import read_image
from packsight.pipeline.parts import part
from packsight.preparation.manifest import COLUMNS, write_manifest
from packsight.preparation.prepared import SUMMARY
from packsight.preparation.splits import SplitSettings
from packsight.system.files import sha256, write_json

SIZE = (32, 48)
PARTS = {Split.TRAIN: 12, Split.VAL: 4, Split.TEST: 4}


@pytest.fixture
def prepared(tmp_path) -> tuple[Path, pd.DataFrame]:
    """20 packages; an image's grey level is 10 * package + 5 for the side camera."""
    rows = []
    splits = [split for split, count in PARTS.items() for _ in range(count)]
    for package, split in enumerate(splits):
        for perspective in ("side", "top"):
            level = 10 * package + (5 if perspective == "side" else 0)
            path = f"{package:013d}_{perspective}.png"
            cv2.imwrite(str(tmp_path / path), np.full((64, 96, 3), level, np.uint8))
            row = dict.fromkeys(COLUMNS, "") | {
                "serial": f"{package:013d}",
                "perspective": perspective,
                "label": "damaged" if package % 2 else "intact",
                "path": path,
                "width": 96,
                "height": 64,
                "crop": "8 8 88 56",
                "sha256": sha256(tmp_path / path),
                "split": split.value,
                "fold": package % 5,
            }
            rows.append(row)
    write_json(tmp_path / SUMMARY, SplitSettings().values())
    write_manifest(table := pd.DataFrame(rows), tmp_path)
    return tmp_path, table


@pytest.fixture
def module(prepared, config):
    """Assembled by a real configuration."""

    def build(*overrides: str) -> PackageDataModule:
        root, _ = prepared
        cfg = config("train", "data.batch_size=4", "data.on_device=false", *overrides)
        make = part(cfg, "datamodule")
        return make(source=root, image_size=SIZE, cache_folder=root / "cache")

    return build


def levels(loader) -> list[int]:
    return [int(image[0, 0, 0]) for batch in loader for image in batch.image]


PERSPECTIVES = pytest.mark.parametrize("perspective", ["top", "side", "both", "pair"])
SPLITTINGS = pytest.mark.parametrize("fold", ["null", "0", "4"])


@PERSPECTIVES
@SPLITTINGS
def test_splits_are_disjoint_by_package_and_cover_all(module, perspective, fold):
    data = module(f"perspective={perspective}", f"data.fold={fold}")
    serials = {split: set(data.rows(split)["serial"]) for split in Split}
    assert sum(map(len, serials.values())) == 20
    assert len(set.union(*serials.values())) == 20


@PERSPECTIVES
def test_batches_have_the_shape_type_and_labels_of_their_rows(module, perspective):
    data = module(f"perspective={perspective}")
    for loader in (data.train_dataloader(), data.val_dataloader()):
        batch = next(iter(loader))
        width = 2 * SIZE[1] if perspective == "pair" else SIZE[1]
        assert batch.image.shape[1:] == (3, SIZE[0], width)
        assert batch.image.dtype == torch.uint8
        assert batch.label.dtype == torch.int64
        assert set(batch.label.tolist()) <= {0, 1}
    rows = data.rows(Split.TEST)
    labels = torch.cat([batch.label for batch in data.eval_dataloader(Split.TEST)])
    assert labels.tolist() == (rows["label"] == "damaged").astype(int).tolist()


def test_a_perspective_has_its_cameras_images_alone(module):
    assert {level % 10 for level in levels(module("perspective=side").val_dataloader())} == {5}
    assert {level % 10 for level in levels(module("perspective=both").val_dataloader())} == {0, 5}


def test_a_fold_is_the_test_set(module):
    data = module("data.fold=2")
    assert sorted(data.rows(Split.TEST)["serial"].astype(int)) == [2, 7, 12, 17]


def test_an_unknown_fold_is_refused(module):
    with pytest.raises(UserError, match="fold"):
        module("data.fold=9")


def test_evaluation_keeps_the_order_and_the_images(module):
    data = module("perspective=side")
    expected = [10 * int(serial) + 5 for serial in data.rows(Split.TEST)["serial"]]
    assert levels(data.eval_dataloader(Split.TEST)) == expected


def epoch(data: PackageDataModule, number: int) -> torch.Tensor:
    loader = data.train_dataloader()
    loader.sampler.set_epoch(number)
    return torch.cat([batch.image for batch in loader])


def test_an_epoch_depends_on_seed_and_number_alone(module):
    reference = epoch(module("seed=0"), 1)
    assert torch.equal(epoch(module("seed=0", "data.num_workers=2"), 1), reference)
    assert not torch.equal(epoch(module("seed=0"), 2), reference)
    assert not torch.equal(epoch(module("seed=1"), 1), reference)


def test_a_warm_cache_gives_the_numbers_of_a_cold_one_and_of_the_files(module):
    cold = epoch(data := module("seed=0"), 1)
    assert torch.equal(epoch(module("seed=0"), 1), cold)
    data.cache.file.unlink()
    assert torch.equal(epoch(module("seed=0"), 1), cold)
    for row in data.table.itertuples():
        decoded = row.window.cut(read_image(data.root / row.path), SIZE)
        assert np.array_equal(data.cache[row.sha256], decoded)


def test_the_sampler_yields_every_row_once():
    rows = [row for row, _ in SeededSampler(50, seed=0)]
    assert sorted(rows) == list(range(50))
    assert rows != sorted(rows)


def test_a_camera_without_images_in_a_split_is_refused(prepared, module):
    root, manifest = prepared
    lacking = manifest[(manifest["perspective"] == "side") | (manifest["split"] != "test")]
    write_manifest(lacking, root)
    data = module("perspective=top")
    with pytest.raises(UserError, match="no top image in its test split"):
        data.eval_dataloader(Split.TEST)


def test_a_pair_has_top_left_and_side_right(module):
    data = module("perspective=pair")
    assert {split: len(data.rows(split)) for split in Split} == PARTS
    batch = next(iter(data.eval_dataloader(Split.TEST)))
    assert batch.image.shape == (4, 3, SIZE[0], 2 * SIZE[1])
    for image, serial in zip(batch.image, data.rows(Split.TEST)["serial"], strict=True):
        assert (image[..., : SIZE[1]] == 10 * int(serial)).all()
        assert (image[..., SIZE[1] :] == 10 * int(serial) + 5).all()


def test_a_missing_image_of_a_pair_is_black(prepared, module):
    root, manifest = prepared
    lacking = manifest[(manifest["perspective"] == "top") | (manifest["serial"] != f"{19:013d}")]
    write_manifest(lacking, root)
    data = module("perspective=pair")
    rows = data.rows(Split.TEST)
    assert dict(zip(rows["serial"], rows["cameras"], strict=True))[f"{19:013d}"] == "top"
    image = data.images(rows["path"])[-1]
    assert (image[..., : SIZE[1]] == 190).all()
    assert (image[..., SIZE[1] :] == 0).all()


def test_training_blackens_cameras_at_random_but_never_both(module):
    overrides = ["perspective=pair", "transforms=none", "perspective.camera_dropout=0.5"]
    images = epoch(module(*overrides), 0)
    dark = torch.stack([(half == 0).flatten(1).all(1) for half in images.chunk(2, dim=3)])
    assert (dark.sum(0) == 2).sum() <= 1  # the top image of package 0 is black anyway
    assert (dark.sum(0) >= 1).all()  # half of all images are one of each pair
    assert dark.any(1).all()
    assert torch.equal(epoch(module(*overrides), 0), images)
    assert not torch.equal(epoch(module(*overrides), 1), images)
    assert not torch.equal(epoch(module(*overrides, "seed=1"), 0), images)


def test_evaluation_sees_both_cameras_whatever_the_dropout(module):
    data = module("perspective=pair", "perspective.camera_dropout=0.5")
    [batch] = data.eval_dataloader(Split.TEST)
    assert all((half > 0).all() for half in batch.image.chunk(2, dim=3))


def test_a_package_with_one_image_keeps_it_whatever_the_dropout(prepared, module):
    root, manifest = prepared
    lacking = manifest[(manifest["perspective"] == "top") | (manifest["serial"] != f"{3:013d}")]
    write_manifest(lacking, root)
    data = module("perspective=pair", "perspective.camera_dropout=0.5", "transforms=none")
    row = data.rows(Split.TRAIN)["serial"].tolist().index(f"{3:013d}")
    dataset = data.train_dataloader().dataset
    for seed in range(20):
        assert (dataset[row, seed].image[..., : SIZE[1]] == 30).all()


def test_crops_are_what_a_model_sees(module):
    whole, cropped = module("perspective=side", "crop=none"), module("perspective=side")
    assert whole.cache.file != cropped.cache.file
    assert whole.table["window"].iloc[0].width == 96
    assert cropped.table["window"].iloc[0].width < 96
