"""Thousands of damaged copies of every file that packsight keeps: each is refused in a sentence,
made again, or does no harm. Those of images, zips, VOC and the manifest stand with their readers.
"""

import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from damaged_copies import WHOLE, damaged_csv, damaged_json, damaged_yaml

from packsight.configuration.stored import read_values
from packsight.data.datamodule import PackageDataModule
from packsight.deployment.selection import load_predictor
from packsight.domain import Precision
from packsight.errors import UserError
from packsight.imaging.belt_arrays import pack_belts
from packsight.imaging.belt_file import load_belts
from packsight.models.weights import create_network, read_checkpoint
from packsight.preparation.prepare import prepare
from packsight.preparation.prepared import stored_split_settings
from packsight.reporting.attribution_comparison import collect_attributions
from packsight.reporting.leaderboard import write_leaderboard
from packsight.reporting.leaderboard_table import leaderboard_table
from packsight.reporting.page import write_report
from packsight.reporting.pooling import write_pooled
from packsight.reporting.sweep_end import finish, print_results
from packsight.runs.auto_choices import begun_with, images_on_device
from packsight.runs.checkpoints import check_last
from packsight.runs.folder import choose_folder
from packsight.runs.journal import Ending, Journal, Outcome
from packsight.runs.saved import find_runs
from packsight.runs.search import resume_search
from packsight.runs.state import Trained, is_done
from packsight.system.console import console
from packsight.system.files import write_json
from packsight.training.autotune import Candidate, _remembered
from packsight.training.loggers import _earlier_ids
from packsight.training.probe import _kept

pytestmark = pytest.mark.mutations

SMALL = ["model.backbone=test_resnet", "model.weights=none", "finetune=scratch", "trainer=cpu",
         "data.image_size=32", "trainer.max_epochs=1", "crop=auto"]  # fmt: skip
LONGEST = 5.0  # seconds
AUTO = [Candidate(Precision.FP32, "contiguous"), Candidate(Precision.BF16, "contiguous")]
RATES = {str(candidate): 10.0 for candidate in AUTO}
GB20 = 20 * 10**9


@dataclass(frozen=True)
class Plant:
    """A folder after a sweep of two runs, a probe and explain, with what was right in it."""

    folder: Path

    @property
    def experiment(self) -> Path:
        return self.folder / "outputs" / "exp"

    @property
    def data(self) -> Path:
        return self.folder / "outputs" / "data" / "raw-data"

    @property
    def cache(self) -> Path:
        return self.folder / "outputs" / "cache"

    def run(self, camera: str = "side") -> Path:
        [file] = self.experiment.glob(f"**/{camera}/**/status.json")
        return file.parent

    def frames(self) -> list[Path]:
        return sorted(self.data.glob("images/*/side/*"))[:2]


@pytest.fixture(scope="module")
def plant(tmp_path_factory, sample, script) -> Plant:
    folder = tmp_path_factory.mktemp("plant")
    sweep = ["-m", f"data.source={sample}", "perspective=side,top", "name=exp", *SMALL]
    assert script("train", *sweep, cwd=folder) == 0
    probe = ["name=probe", f"data.source={sample}", *SMALL[:2], *SMALL[3:], "finetune=probe"]
    assert script("train", *probe, "perspective=side", cwd=folder) == 0
    explain = ["run=outputs/exp", "measured=2", "per_outcome=1", "explainer=occlusion", "sanity=1"]
    assert script("explain", *explain, cwd=folder) == 0
    plant = Plant(folder)
    (plant.cache / "speed-x.json").write_text('{"images_per_second": {"fp32 contiguous": 10.0, '
                                              '"bf16 contiguous": 12.0}}')  # fmt: skip
    write_json(plant.run() / "logger_ids.json", {"mlflow": "abc", "wandb": "d"})
    journal = Journal(folder / "outputs", "s")
    for number, ending in enumerate(Ending):
        journal.write(Outcome(number, ["seed=0", f"a={number}"], str(plant.experiment), ending))
    resume_search(plant.experiment, "exp", "minimize", 3, 0)
    return plant


Use = Callable[[], object]  # raises UserError, or gives what must be as it was


@pytest.fixture
def tried(plant, mutated, tmp_path, monkeypatch, capsys) -> Callable[..., Counter]:
    """Damage a file, use it, and put it back, so many times; returns what came of it.

    `use` gives what has to be the same as with the whole file, or None where anything will do.
    """
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.chdir(tmp_path)

    def damages(file: Path, count: int, others: list[Path]) -> Iterator[bytes]:
        raw, suffix = file.read_bytes(), file.suffix
        kinds = {".json": damaged_json, ".csv": damaged_csv, ".yaml": damaged_yaml}
        yield from WHOLE
        yield from (other.read_bytes() for other in others)
        for start in range(0, len(raw), max(len(raw) // 8, 1)):  # what a bad block leaves
            yield raw[:start] + bytes(len(raw[start : start + 4096])) + raw[start + 4096 :]
        left = max(count - len(WHOLE) - 8, 1)
        if suffix in kinds:
            yield from kinds[suffix](raw, left // 2, 0)
        yield from mutated(raw, left - left // 2 if suffix in kinds else left, 1)

    def names() -> set[Path]:
        """What is there, but for the cache and pictures of what the last report suspects."""
        changing = plant.cache, plant.experiment / "suspects"
        return {path for path in plant.folder.rglob("*") if not {*changing} & {*path.parents}}

    def run(file: Path, use: Use, count: int, others: list[Path] | None = None) -> Counter:
        before, raw, came = use(), file.read_bytes(), Counter()
        there = names()
        wrong = []
        for number, content in enumerate(damages(file, count, others or [])):
            file.write_bytes(content)
            started = time.process_time(), time.monotonic()
            try:
                found = use()
                came["read"] += 1
                if not equal(found, before):
                    wrong.append(f"{number}: used in silence")
            except UserError as error:
                came["refused"] += 1
                if "\n" in str(error) or not str(error).endswith("."):
                    wrong.append(f"{number}: no sentence: {error}")
            except Exception:  # all kinds of defects at once tell more than the first
                wrong.append(f"{number}: {content[:100]!r} {traceback.format_exc()[-1500:]}")
            spent, waited = time.process_time() - started[0], time.monotonic() - started[1]
            if spent > LONGEST or waited > 12 * LONGEST:  # a machine may have other things to do
                wrong.append(f"{number}: {spent:.1f} s of work, {waited:.1f} s")
            file.write_bytes(raw)
        assert not wrong, f"{len(wrong)} of {sum(came.values())}:\n" + "\n\n".join(wrong[:12])
        assert names() == there
        assert list(temporary.iterdir()) == []
        assert [path for path in tmp_path.iterdir() if path != temporary] == []
        capsys.readouterr()
        print(f"{file.name}: {dict(came)}")
        return came

    return run


def equal(one: object, other: object) -> bool:
    if isinstance(one, dict):
        assert isinstance(other, dict)
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, np.ndarray | torch.Tensor):
        return np.array_equal(np.asarray(one), np.asarray(other))
    return one == other


REPORTED = ["config.yaml", "status.json", "metrics.json", "history.csv", "predictions.csv",
            "explanations/attributions.csv", "explanations/measures.csv",
            "explanations/sanity.csv"]  # fmt: skip


@pytest.mark.parametrize("name", REPORTED)
def test_a_damaged_run_stops_no_report(plant, tried, name):
    calls = [0]

    def report() -> None:
        calls[0] += 1
        if calls[0] % 24 == 1:  # all of it
            write_report(plant.experiment, *print_results(plant.experiment))
            return
        frame = write_leaderboard(plant.experiment)
        if "explanations" in name:
            collect_attributions(plant.experiment, frame)
        else:
            write_pooled(plant.experiment, frame)
        console.print(leaderboard_table(frame))

    file, other = plant.run() / name, plant.run("top")
    came = tried(file, report, 80, [other / name, other / "status.json"])
    assert came["refused"] == 0


def test_a_damaged_configuration_starts_and_scores_nothing_else(plant, tried):
    folder = plant.run()
    config = read_values(folder)
    images = [*map(str, plant.frames())]

    def use() -> None:
        is_done(folder, config)
        begun_with(config, AUTO)
        images_on_device(config, lambda: False)
        with find_runs(folder, "*", GB20) as [run]:
            assert run.title
            assert run.mirrors
            assert run.crop
        choose_folder(config)
        scores = load_predictor(folder, device="cpu").predict(images, "side")
        assert np.isfinite(scores).all()

    came = tried(folder / "config.yaml", use, 150, [plant.run("top") / "config.yaml"])
    assert came["refused"] > 60


@pytest.mark.parametrize("name", ["status.json", "metrics.json"])
def test_a_damaged_end_of_a_run_is_no_other_end(plant, tried, name):
    folder = plant.run()
    config = read_values(folder)

    def use() -> None:
        is_done(folder, config)
        choose_folder(config)
        assert isinstance(Trained(folder).objective("val/loss"), float)
        load_predictor(plant.experiment, "side", device="cpu")

    came = tried(folder / name, use, 120, [plant.run("top") / name])
    assert came["read"] or came["refused"]


@pytest.mark.parametrize("whole", [True, False], ids=["run", "checkpoint"])
def test_damaged_weights_are_never_used(plant, tried, whole):
    folder = plant.run()
    file = folder / "checkpoints" / "best.ckpt"
    images = [*map(str, plant.frames())]
    others = [plant.run("top") / "checkpoints/best.ckpt", folder / "checkpoints/last.ckpt"]
    if not whole:
        others = []  # by itself another model is a model

    def use() -> np.ndarray:
        return load_predictor(folder if whole else file, device="cpu").predict(images, "side")

    came = tried(file, use, 200, others)
    assert came["refused"] > 120


def test_a_damaged_checkpoint_is_not_gone_on_from(plant, tried):
    folder = plant.run()
    file, config = folder / "checkpoints" / "last.ckpt", read_values(folder)

    def use() -> dict:
        check_last(file, config)
        return read_checkpoint(file)["state_dict"]

    others = [folder / "checkpoints/best.ckpt", plant.run("top") / "checkpoints/last.ckpt"]
    came = tried(file, use, 200, others)
    assert came["refused"] > 120


def test_first_weights_are_whole_or_refused(plant, tried):
    file = plant.run() / "checkpoints" / "best.ckpt"

    def use() -> torch.Tensor:
        network = create_network("test_resnet", (32, 32), str(file))
        return network.backbone.state_dict()["conv1.0.weight"]

    assert tried(file, use, 60)["refused"] > 40


def test_a_damaged_belt_locates_nothing(plant, tried):
    came = tried(
        plant.data / "belt.safetensors", lambda: pack_belts(load_belts(plant.data)), 200,
        [*plant.cache.glob("features-*")],
    )  # fmt: skip
    assert came["refused"] > 150


def test_damaged_pixels_are_decoded_again(plant, tried, monkeypatch):
    def use() -> np.ndarray:
        data = PackageDataModule(plant.data, ["side"], (32, 32), cache_folder=plant.cache)
        data.cache.in_use.close()
        return np.array(data.cache.images)

    use()
    newest = max(plant.cache.glob("images-*.npy"), key=lambda file: file.stat().st_mtime_ns)
    assert tried(newest, use, 150)["refused"] == 0


def test_damaged_features_are_made_again(plant, tried):
    [file] = plant.cache.glob("features-*.safetensors")
    whole = _kept(file)

    def use() -> dict:
        return whole if (found := _kept(file)) is None else found

    assert tried(file, use, 150)["refused"] == 0


def test_a_damaged_summary_is_refused(plant, tried, sample):
    def use() -> None:
        stored_split_settings(plant.data)
        if len(calls) % 8 == 0:
            prepare(sample, plant.data, settings)
        calls.append(1)

    calls: list[int] = []
    settings = stored_split_settings(plant.data)
    came = tried(plant.data / "summary.json", use, 150)
    assert came["refused"] > 30


def test_damaged_rates_are_measured_again(plant, tried):
    def use() -> None:
        rates = _remembered(plant.cache / "speed-x.json", AUTO)
        assert rates is None or all(rate > 0 for rate in rates.values())

    assert tried(plant.cache / "speed-x.json", use, 150)["refused"] == 0


def test_damaged_names_in_loggers_are_forgotten(plant, tried):
    file = plant.run() / "logger_ids.json"

    def use() -> None:
        assert all(isinstance(name, str) for name in _earlier_ids(file).values())

    assert tried(file, use, 100)["refused"] == 0


def test_a_damaged_journal_is_a_failed_job(plant, tried):
    journal = Journal(plant.folder / "outputs", "s")

    def use() -> None:
        outcomes = journal.read()
        assert len(outcomes) == len(Ending)
        finish("evaluate", outcomes)

    assert tried(journal.folder / "1.json", use, 150)["refused"] == 0


def test_a_damaged_search_is_refused(plant, tried):
    def use() -> None:
        resume_search(plant.experiment, "exp", "minimize", 3, 0)

    tried(plant.experiment / "study.db", use, 40)


def test_a_damaged_archive_of_models_scores_nothing_else(plant, tried):
    images = [*map(str, plant.frames())]

    def use() -> np.ndarray:
        found = load_predictor(plant.experiment / "models.zip", "side", device="cpu")
        return found.predict(images, "side")

    came = tried(plant.experiment / "models.zip", use, 60, [plant.data / "belt.safetensors"])
    assert came["refused"] > 30
    assert not list(Path(tempfile.gettempdir()).iterdir())
    shutil.rmtree(plant.experiment / "nothing", ignore_errors=True)
