"""The four answers of the first screen, on an experiment whose answers are known."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from decisions import BAND
from reported import decide, explain, write_experiment, write_run

from packsight.decision.rule import FILE, Decision
from packsight.decision.terms import Kind, Promise
from packsight.reporting.answers import Answer, is_settled, what_happens, which
from packsight.reporting.attribution_comparison import collect_attributions
from packsight.reporting.attribution_words import belt_sentences, where_it_looks
from packsight.reporting.leaderboard import collect
from packsight.reporting.pooling import pool_runs
from packsight.reporting.serving import Serving, preferred, read_serving
from packsight.reporting.wording import words

SAY = words("en")


def details(decision: Decision, language: str) -> list[str]:
    """What answer 1 says of a decision beside its threshold."""
    say = words(language)
    serving = Serving(decision, None, None)
    frame = pd.DataFrame({"folder": [], "backbone": []})
    return which(serving, frame, None, "outputs/x", say).details


def answers(experiment: Path, max_belt_share: float | None = None) -> list[Answer]:
    frame = collect(experiment, max_belt_share)
    pooled = pool_runs(experiment, frame)
    serving = read_serving(experiment, frame, pooled)
    best = preferred(pooled)
    attributions = collect_attributions(experiment, frame)
    return [
        which(serving, frame, pooled, "outputs/x", SAY),
        what_happens(serving, best, SAY),
        is_settled(serving, serving.row if serving else best, pooled, SAY),
        where_it_looks(serving, frame, pooled, attributions, "outputs/x", SAY),
    ]


@pytest.fixture(scope="module")
def undecided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_experiment(tmp_path_factory.mktemp("outputs") / "undecided")


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    experiment = write_experiment(tmp_path_factory.mktemp("outputs") / "decided")
    decide(experiment)
    return experiment


def test_without_a_decision_the_threshold_is_a_half_and_the_remedy_a_command(undecided):
    model, happens, _, _ = answers(undecided)
    assert model.headlines[:3] == [
        "No decision yet: 0.5 is used.", "Top camera: good", "Side camera: good",
    ]  # fmt: skip
    assert model.command == "python scripts/decide.py run=outputs/x"
    assert [tile.name for tile in happens.tiles] == [
        "missed of 100 damaged", "rejected of 100 intact",
    ]  # fmt: skip
    assert "at 0.5" in happens.headlines[0]


def test_a_decision_tells_models_thresholds_and_figures(decided):
    decision = decide(decided)
    model, happens, settled, _ = answers(decided)
    assert model.headlines[:2] == ["Top camera: good", "Side camera: good"]
    assert f"Accept below a score of {decision.accept_below:.3f}," in model.headlines[-1]
    assert f"reject from {decision.reject_from:.3f} on" in model.headlines[-1]
    assert model.details[0].startswith("Fitted on 40 validation packages, 20 damaged and 20 intact")
    assert happens.headlines == ["Of 1,000 packages on a line with 1.0% damaged (10 of them):"]
    names = [tile.name for tile in happens.tiles]
    assert names == ["damaged, but missed", "intact, but rejected", "sent to inspection", "cost"]
    assert all(" to " in tile.interval for tile in happens.tiles)
    assert "accept all – 500" in " ".join(happens.details)
    assert "80 of them would halve that interval" in settled.details[-1]


def test_a_decision_that_cannot_be_read_is_none(decided, tmp_path, capsys):
    write_run(tmp_path, "good", "top", 0.6)
    (tmp_path / FILE).write_text("{")
    assert answers(tmp_path)[0].headlines[0] == "No decision yet: 0.5 is used."
    assert "left out" in capsys.readouterr().err


def test_what_is_settled_names_those_that_cannot_be_told_from_it(decided):
    [headline] = answers(decided)[2].headlines
    assert headline.startswith("No: ")
    assert "of 5 other choices cannot be told from it" in headline  # 4 models and the other pair


def test_each_camera_is_told_whether_its_model_looks_at_the_package(undecided):
    looks = answers(undecided)[3]
    assert looks.headlines == [
        "Top camera: no, good leans on the belt.",
        "Side camera: yes, good looks at the package more than at the belt.",
    ]
    assert looks.tone == "bad"
    assert "on 100% of images the map is highest on the damage" in looks.details[0]
    flagged = answers(undecided, max_belt_share=0.1)[3].headlines[1]
    assert flagged == "Side camera: no, good leans on the belt more than max_belt_share allows."


def test_a_model_that_guesses_is_called_a_coin_before_its_maps_are_told(tmp_path):
    explain(write_run(tmp_path, "guessing", "side", 40.0), belt=0.1)
    looks = answers(tmp_path)[3]
    assert looks.headlines == [
        "Side camera: guessing is no better than a coin, so where it looks tells nothing."
    ]
    frame = collect(tmp_path)
    [said] = belt_sentences(collect_attributions(tmp_path, frame), pool_runs(tmp_path, frame))
    assert said.startswith("From the side, guessing is not asked where it looks. It tells damaged ")
    assert "no better than a coin (AUROC " in said


def test_maps_that_were_not_measured_are_asked_for(tmp_path):
    write_run(tmp_path, "good", "top", 0.6)
    looks = answers(tmp_path)[3]
    assert looks.headlines == ["Top camera: not measured yet for good."]
    assert looks.command == "python scripts/explain.py run=outputs/x"


def test_nothing_tested_has_no_answer(tmp_path):
    write_run(tmp_path, "late", "side", 0.6, "running")
    pooled = pool_runs(tmp_path, collect(tmp_path))
    assert preferred(pooled) is None
    assert what_happens(None, None, SAY).headlines == ["These models have no test results here."]


@pytest.mark.parametrize(
    ("promise", "said"),
    [
        (Promise(0.05), "at most 5.0% of damaged packages are missed."),
        (Promise(0.05, inspections=0.2),
         "packages are missed and at most 20.0% of intact ones are inspected."),
        (Promise(0.05, 0.1, 0.2), "packages are missed and at most 10.0% of intact ones are "
         "rejected and at most 20.0% of intact ones are inspected."),
    ],
)  # fmt: skip
def test_all_that_is_promised_is_told(promise, said):
    promised = replace(BAND, kind=Kind.PROMISE, promise=promise)
    assert details(promised, "en")[-1].endswith(said)


def test_all_that_is_promised_is_told_in_portuguese():
    promised = replace(BAND, kind=Kind.PROMISE, promise=Promise(0.05, 0.1))
    assert details(promised, "pt")[-1].endswith("e no máximo 10,0% dos intactos são rejeitados.")
