"""The GPU's section, tried on the CPU with tiny numbers."""

import pytest
import torch
from hydra import initialize_config_dir

from packsight.benchmark import gpu, gpu_step, gpu_training
from packsight.benchmark.work import NAME, Work
from packsight.configuration.schema import BenchmarkConfig
from packsight.configuration.stored import resolved
from packsight.preparation.prepare import prepare
from packsight.preparation.splits import SplitSettings
from packsight.system.files import read_json
from packsight.system.resources import CONFIGS

CPU = torch.device("cpu")


@pytest.fixture
def work(config, sample, tmp_path, monkeypatch) -> Work:
    overrides = ["image_size=32", "repetitions=1", f"output={tmp_path}",
                 "gpu.backbones=[resnet10t]", "gpu.batch_sizes=[4]",
                 "gpu.precisions=[fp32,bf16]"]  # fmt: skip
    cfg = BenchmarkConfig.model_validate(resolved(config("benchmark", *overrides)))
    made = Work(cfg, tmp_path)
    prepare(sample, made.data, SplitSettings({"train": 0.6, "val": 0.2, "test": 0.2}, folds=2))
    assert made.data.name == NAME
    for name, value in {"WARM_UP": 1, "STEPS": 2, "TURNS": 2, "PROFILED": 2}.items():
        monkeypatch.setattr(gpu_training, name, value)
    monkeypatch.setattr(gpu_step, "SECONDS", 0.0)
    return made


def part(work: Work, *parts: str) -> dict:
    asked = work.cfg.gpu.model_copy(update={"parts": [*parts]})
    small = Work(work.cfg.model_copy(update={"gpu": asked}), work.folder)
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        gpu.measure(small, CPU)
    return read_json(work.folder / gpu.FILE)


def test_each_row_has_its_numbers_and_the_file_fills_in_pieces(work):
    found = part(work, "steps")
    assert found["device"] == "cpu"
    assert len(found["steps"]) == 2 * 2
    found = part(work, "training", "waits")
    assert len(found["steps"]) == 4
    for rows in (found["steps"], found["training"], found["waits"]):
        assert [row["failed"] for row in rows.values() if "failed" in row] == []
    for row in found["training"].values():
        assert row["ratio"] > 0
    assert {name.split(", ")[-1] for name in found["training"]} == set(gpu_training.FORMS)


def test_a_row_that_fails_says_so_and_stops_no_other(work, monkeypatch):
    def broken(*_: object) -> dict:
        raise RuntimeError("out of\nmemory")

    monkeypatch.setattr(gpu, "training_rate", broken)
    found = part(work, "training", "steps")
    assert {row["failed"] for row in found["training"].values()} == {"RuntimeError: out of memory"}
    assert all("images_per_second" in row for row in found["steps"].values())


def test_stages_are_measured_with_a_run_that_was_trained_before(work, script, tmp_path):
    small = ["model.backbone=resnet10t", "model.weights=none", "finetune=scratch", "trainer=cpu",
             "data.image_size=32", "trainer.max_epochs=1", "recipe=full_frame", "logger=none",
             "data.on_device=false"]  # fmt: skip
    command = ["name=usage", f"data.source={work.data}", *small]
    assert script("train", *command, cwd=tmp_path) == 0
    found = part(work, "usage")["usage"]["stages"]
    assert "failed" not in found
    assert found["predict, from PNG"]["images_per_second"]["median"] > 0
    assert {name.split(",")[0] for name in found} >= {"explain", "evaluate", "forward alone"}


def test_without_a_gpu_the_section_is_left_out_in_a_sentence(script, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert script("benchmark", "sections=[gpu]", f"output={tmp_path / 'b'}", cwd=tmp_path) == 2
    assert "sections=[gpu] needs a CUDA GPU" in capfd.readouterr().err.replace("\n", " ")
