"""TensorBoard's names: what differs between runs, kept true as runs come and go."""

import shutil
from pathlib import Path

import pytest

from packsight.reporting.dashboard import link_runs, short_names

SIDE = "runs/sample/tf_efficientnet_lite0/side/fp32/split_seed0"


@pytest.mark.parametrize(
    ("runs", "names"),
    [
        ([SIDE], ["tf_efficientnet_lite0"]),
        ([SIDE, SIDE.replace("side", "top")], ["side", "top"]),
        ([SIDE, f"{SIDE}_a1b2c3", f"{SIDE}_a1b2c3_2"],
         ["tf_efficientnet_lite0", "a1b2c3", "a1b2c3_2"]),
        ([f"{SIDE}_a1b2c3", SIDE.replace("split", "fold0")], ["split", "fold0"]),
        ([SIDE, SIDE.replace("lite0/side", "lite1/top").replace("seed0", "seed1")],
         ["tf_efficientnet_lite0 side seed0", "tf_efficientnet_lite1 top seed1"]),
        # The same word in two places is two things.
        (["side/sample/a/top/fp32/split_seed0", "top/sample/a/side/fp32/split_seed0"],
         ["side top", "top side"]),
        ([], []),
    ],
)  # fmt: skip
def test_a_name_is_what_differs(runs, names):
    assert short_names([*map(Path, runs)]) == dict(zip(names, map(Path, runs), strict=True))


def test_links_follow_the_runs(tmp_path):
    def shown() -> dict[str, Path]:
        link_runs(tmp_path, tmp_path / "cache" / "dashboard")
        return {link.name: link.readlink() for link in (tmp_path / "cache/dashboard").iterdir()}

    side, top, other = (tmp_path / run for run in (SIDE, SIDE.replace("side", "top"), f"{SIDE}_b"))
    assert shown() == {}
    (side / "tensorboard").mkdir(parents=True)
    assert shown() == {"tf_efficientnet_lite0": side / "tensorboard"}
    (top / "tensorboard").mkdir(parents=True)
    assert shown() == {"side": side / "tensorboard", "top": top / "tensorboard"}
    shutil.rmtree(side)
    (other / "tensorboard").mkdir(parents=True)
    assert shown() == {"top": top / "tensorboard", "side": other / "tensorboard"}
    (tmp_path / "runs/sample/unfinished").mkdir()  # without anything to show
    assert set(shown()) == {"top", "side"}
