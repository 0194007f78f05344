import os
import subprocess
import sys

import pytest
from omegaconf import OmegaConf

from packsight.cli import slug
from packsight.jobs import number_of_jobs, sentence


@pytest.mark.parametrize(
    ("source", "name"),
    [(None, "sample"), ("raw-data.zip", "raw-data"), ("in/Line 7 (new).zip", "line-7-new"),
     ("…", "sample")],
)  # fmt: skip
def test_a_source_gives_a_folder_name(source, name):
    assert slug(source, "sample") == name


def test_a_message_is_one_line_without_search_paths():
    error = ValueError("Could not find 'model/x'\n\nAvailable:\n\ta\nConfig search path:\n\tb")
    assert sentence(error) == "Could not find 'model/x' Available: a"


def test_a_notebooks_backend_for_figures_stops_nothing():
    """`!python` in a hosted notebook inherits one that may not be installed."""
    code = """if True:
        import sys
        from packsight.stages import run
        sys.argv = ["train.py", "--help"]
        run("train")
        import matplotlib
        print(matplotlib.get_backend())
    """
    environment = os.environ | {"MPLBACKEND": "module://no_such_package.backend_inline"}
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines()[-1].lower() == "agg"


@pytest.mark.parametrize(
    ("typed", "swept", "number"),
    [
        (["seed=0"], {}, 1),
        (["model=resnet,vit", "data.fold=range(0,5)", "seed=1"], {}, 10),
        (["data.fold=0,1"], {"data.fold": "0,1,2", "data.train_share": "0.5,1"}, 4),
    ],
)
def test_a_sweep_knows_how_many_jobs_it_has(typed, swept, number):
    def of(launcher: str) -> int:
        return number_of_jobs(
            OmegaConf.create(
                {
                    "launcher": {"_target_": f"x.{launcher}Launcher"},
                    "sweeper": {"_target_": "x.BasicSweeper", "params": swept},
                    "overrides": {"task": typed},
                }
            )
        )

    assert of("Basic") == number
    assert of("Joblib") == 1  # each process tells for itself


def test_a_report_that_is_interrupted_is_told_in_a_sentence(script, tmp_path, monkeypatch, capsys):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("packsight.cli._finish_sweep", interrupted)
    assert script("doctor", "fix=false", cwd=tmp_path) == 130
    assert "the same command goes on from here" in capsys.readouterr().err
