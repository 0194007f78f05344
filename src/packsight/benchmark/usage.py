"""What is done with a trained run, as its users do it: prediction and explanation; and a probe."""

import shutil
from pathlib import Path
from typing import Any

from packsight.benchmark.explanation import explanation_cost
from packsight.benchmark.measure import Contender, interleaved, run
from packsight.benchmark.prediction import prediction_rates
from packsight.benchmark.work import Work
from packsight.runs.saved import find_runs

RUN = "usage"
EXPLAINED = 40  # images
PROBE_EPOCHS = 20


def usage(work: Work) -> dict[str, Any]:
    """Whole processes, then prediction and explanation in this one, each beside its parts."""
    folder = work.folder / "outputs" / RUN
    if not any(folder.rglob("best.ckpt")):
        run(work.train(RUN))
    with find_runs(folder, "*", 0) as [trained]:
        data = trained.open_data(work.data, None, work.cache, max_unpacked_gb=20)
        return {
            "process": interleaved(_processes(work, folder), work.cfg.repetitions, "usage"),
            **prediction_rates(work, trained, data),
            **explanation_cost(work, trained, data),
        }


def _processes(work: Work, runs: Path) -> dict[str, Contender]:
    """predict.py on all side images, explain.py on some of them, and a probe of them all."""
    results, maps = work.folder / "results", work.folder / "explanations"
    predict = [f"run={runs}", f"source={work.data / 'images'}", f"output={results}"]
    explain = [f"run={runs}", f"data={work.data}", f"output={maps}", "split=train"]
    probe = work.train("probe", f"trainer.max_epochs={PROBE_EPOCHS}", finetune="probe")

    def forget_features() -> None:
        probe.reset()
        for file in work.cache.glob("features-*"):
            file.unlink()

    return {
        "predict, all images": Contender(
            work.script("predict", *predict, "perspective=side"),
            work.folder,
            reset=lambda: shutil.rmtree(results, ignore_errors=True),
        ),
        f"explain, {EXPLAINED} images": Contender(
            work.script("explain", *explain, f"measured={EXPLAINED}"), work.folder
        ),
        f"probe, {PROBE_EPOCHS} epochs": Contender(
            probe.command, work.folder, reset=forget_features
        ),
        "probe, features kept": Contender(probe.command, work.folder, reset=probe.reset),
    }
