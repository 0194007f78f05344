import os
import subprocess
import sys

import pytest

from packsight.cli import slug
from packsight.jobs import sentence


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
