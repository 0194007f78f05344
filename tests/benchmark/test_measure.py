import math
import os
import sys

import numpy as np
import pytest

from packsight.benchmark.measure import (
    Contender,
    Spread,
    images_per_second,
    in_turns,
    interleaved,
    peak_mb,
    peer_process,
    ratios,
    run,
)
from packsight.system.console import console

PROCESS = """
import json, sys, time
now = time.time()
steps = [(0, 4, now, now + 1), (1, 4, now + 1, now + 2), (1, 4, now + 2, now + 4)]
open(sys.argv[1], "w").write(json.dumps(steps))
open("order", "a").write(sys.argv[1][0])
"""


def contender(folder, name: str, code: str = PROCESS) -> Contender:
    return Contender([sys.executable, "-c", code, name], folder, folder / name)


def test_the_rate_leaves_out_the_first_epoch_and_what_lies_between_epochs():
    # Epoch 1: 6 images in 2 s after its first step; epoch 2: 6 images in 1 s.
    steps = [(0, 9, 0, 1), (0, 9, 1, 50), (1, 9, 50, 90), (1, 6, 90, 92), (2, 9, 200, 300),
             (2, 6, 300, 301)]  # fmt: skip
    assert images_per_second(steps) == pytest.approx(12 / 3)


def test_a_single_epoch_is_better_than_no_rate():
    assert images_per_second([(0, 4, 0, 1), (0, 4, 1, 3)]) == pytest.approx(2)


def test_contenders_take_turns(tmp_path):
    contenders = {name: contender(tmp_path, name) for name in ("floor", "other")}
    results = interleaved(contenders, 2, "turns")
    assert (tmp_path / "order").read_text() == "fofo"
    assert results["floor"]["images_per_second"].median == pytest.approx(2)
    assert results["other"]["peak_mb"].median > 1
    assert results["other"]["seconds"].low <= results["other"]["seconds"].high


def test_a_peak_is_not_that_of_whoever_measures(tmp_path):
    held = np.ones(300 * 2**20, np.uint8)
    small = Contender([sys.executable, "-I", "-S", "-c", "pass"], tmp_path)
    assert run(small)["peak_mb"] < held.nbytes / 2**20 / 2


def test_one_that_fails_is_left_out_and_says_why(tmp_path, capsys):
    contenders = {
        "floor": contender(tmp_path, "floor"),
        "broken": contender(tmp_path, "broken", "raise SystemExit('out of luck')"),
    }
    assert set(interleaved(contenders, 3, "turns")) == {"floor"}
    told = capsys.readouterr().err
    assert "out of luck" in told
    assert told.count("broken left out") == 1


def test_a_peer_has_none_of_packsights_variables(monkeypatch):
    monkeypatch.setenv("MALLOC_MMAP_MAX_", "0")
    with peer_process(os.getpid) as peer:
        assert os.environ["MALLOC_MMAP_MAX_"] == "0"
        assert peer.submit(os.getenv, "MALLOC_MMAP_MAX_").result() is None
        assert peer.submit(os.getpid).result() != os.getpid()


def test_ratios_are_those_of_medians():
    results = {
        "floor": {"seconds": Spread.of([2, 1, 9])},
        "packsight": {"seconds": Spread.of([3, 3, 3])},
    }
    assert ratios(results, "seconds") == {"floor": 1, "packsight": 1.5}


def test_calls_take_turns_and_the_first_turn_is_a_warm_up():
    order, quiet = [], []

    def call(name: str) -> None:
        order.append(name)
        quiet.append(console.quiet)

    turns = in_turns({"a": lambda: call("a"), "b": lambda: call("b")}, 2)
    assert order == ["a", "b"] * 3
    assert all(quiet)
    assert not console.quiet
    assert [set(turn) for turn in turns] == [{"a", "b"}] * 2
    assert min(min(turn.values()) for turn in turns) >= 0


def test_the_peak_of_a_call_is_its_own():
    megabytes = 40
    found = peak_mb(lambda: np.ones(megabytes * 2**20, np.uint8))
    assert math.isnan(found) or found == pytest.approx(megabytes, abs=10)
