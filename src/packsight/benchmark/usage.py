"""What is done with a trained run, as its users do it: explanation and prediction."""

import shutil
from typing import Any

from packsight.benchmark.measure import Contender, interleaved, run
from packsight.benchmark.work import Work

RUN = "usage"


def usage(work: Work) -> dict[str, Any]:
    """Whole processes of predict.py on all side images, and of explain.py on a sample of them."""
    runs = work.folder / "outputs" / RUN
    if not any(runs.rglob("best.ckpt")):
        run(work.train(RUN))
    images, results = work.data / "images", work.folder / "results"
    arguments = [f"run={runs}", f"source={images}", f"output={results}", "perspective=side"]
    explain = [f"run={runs}", f"data={work.data}", f"output={work.folder / 'explanations'}"]
    contenders = {
        "predict, all images": Contender(
            work.script("predict", *arguments),
            work.folder,
            reset=lambda: shutil.rmtree(results, ignore_errors=True),
        ),
        "explain, one of each outcome": Contender(
            work.script("explain", *explain, "per_outcome=1"), work.folder
        ),
    }
    return interleaved(contenders, work.cfg.repetitions, "usage")
