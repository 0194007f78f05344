"""What is most worth a label is found, spread, copied, and comes back as training data."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from line_stream import Stream, record

import packsight
from packsight.errors import UserError
from packsight.imaging.decode import read_rgb
from packsight.ledger.ledger import Ledger
from packsight.ledger.ledger_entries import Entry
from packsight.line.reference import Reference
from packsight.line.verdict import Verdict
from packsight.preparation.layout_table import TableLayout
from packsight.service import review as module
from packsight.service.review import review
from packsight.service.review_choice import Worths, choose

THRESHOLDS = (0.2, 0.8)


def scored(verdict: Verdict, top: float, side: float) -> Verdict:
    images = tuple(
        replace(one, score=score) for one, score in zip(verdict.images, (top, side), strict=True)
    )
    return replace(
        verdict, score=(top + side) / 2, images=images, decision="accept", reason="score"
    )


def entry(id: int, at: float, verdict: Verdict) -> Entry:
    return Entry(id, at, verdict, {}, False)


def test_reasons_are_found_and_the_ordinary_is_left_out():
    stream = Stream(0)
    worths = Worths(THRESHOLDS, stream.reference())
    ordinary = scored(stream.package(), 0.001, 0.001)
    assert worths.of(ordinary) == []
    assert [one.reason for one in worths.of(scored(ordinary, 0.21, 0.21))] == ["threshold"]
    assert [one.reason for one in worths.of(scored(ordinary, 0.81, 0.81))] == ["threshold"]
    assert worths.of(scored(ordinary, 0.001, 0.99))[0].reason == "cameras"
    dark = replace(ordinary.images[0], brightness=20.0)
    drifted = replace(ordinary, images=(dark, ordinary.images[1]))
    assert [one.reason for one in worths.of(drifted)] == ["drifted"]
    assert [one.reason for one in worths.of(replace(ordinary, decision="inspect"))] == ["inspected"]
    nothing = Verdict("a", "inspect", "no_score", None, None, "")
    assert [one.reason for one in worths.of(nothing)] == ["inspected"]
    never_rejects = Worths((0.2, 2.0), Reference({}, 0))
    assert never_rejects.of(scored(ordinary, 0.999, 0.999)) == []


def test_the_nearer_to_a_threshold_the_better():
    stream = Stream(0)
    worths = Worths(THRESHOLDS, Reference({}, 0))
    found = [
        worths.of(scored(stream.package(), score, score))[0].strength for score in (0.2, 0.3, 0.5)
    ]
    assert found[0] == 1
    assert found == sorted(found, reverse=True)


def test_the_choice_is_spread_over_time_and_reasons_and_each_serial_comes_once():
    stream = Stream(0)
    worths = Worths(THRESHOLDS, Reference({}, 0))
    entries = []
    for place in range(3000):
        usual = scored(stream.package(), 0.001, 0.001)
        if 1000 <= place < 1200:  # a minute in which all is near the threshold
            usual = scored(usual, 0.2, 0.2)
        elif place % 100 == 0:
            usual = scored(usual, 0.25, 0.25)
        elif place % 150 == 1:
            usual = replace(
                usual, decision="inspect", serial="again" if place > 1500 else usual.serial
            )
        entries.append(entry(place + 1, 100.0 + place, usual))
    chosen = choose(entries, worths, 20, entries[0].at, entries[-1].at)
    assert len(chosen) == 20
    serials = [one.entry.verdict.serial for one in chosen]
    assert len({*serials}) == 20
    in_that_minute = [one for one in chosen if 1100 <= one.entry.at < 1300]
    assert 1 <= len(in_that_minute) <= 4
    assert [one.reasons[0] for one in chosen].count("inspected") == 10
    assert choose(entries[2:3], worths, 20, 100.0, 100.0) == choose([], worths, 5, 0.0, 0.0) == []


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A service's folder with twelve packages."""
    home, arrived = tmp_path / "line", tmp_path / "arrived"
    home.mkdir()
    arrived.mkdir()
    ledger, stream = Ledger(home / "ledger.sqlite"), Stream(0)
    for _ in range(12):
        record(ledger, arrived, scored(stream.package(), 0.25, 0.15))
    ledger.close()
    return home


def label_of(serial: str) -> str:
    return "damaged" if int(serial) % 2 else "intact"


def fill_in(table: Path) -> None:
    """The labels, but of one package."""
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["label"] = label_of(row["serial"]) if row["serial"] != rows[-1]["serial"] else ""
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_what_is_labelled_comes_back_as_training_data(home, tmp_path):
    output = tmp_path / "review"
    chosen = review(home, output, 10, 1, THRESHOLDS, Reference({}, 0))
    assert len(chosen) == 10
    assert len([*(output / "to_label").glob("*_top.png")]) == 10
    assert read_rgb(output / "contact_sheet.jpg").shape[1] > 2000
    fill_in(output / "to_label" / "to_label.csv")
    packsight.prepare(output / "to_label", tmp_path / "prepared", layout=TableLayout())
    with (tmp_path / "prepared" / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 18  # of nine packages that got a label
    assert {row["perspective"] for row in rows} == {"top", "side"}
    assert all(row["label"] == label_of(row["serial"]) for row in rows)


def test_packages_whose_images_are_gone_are_left_out(home, tmp_path):
    for file in (tmp_path / "arrived").glob("*_top.png"):
        file.unlink()
    chosen = review(home, tmp_path / "review", 5, 1, THRESHOLDS, Reference({}, 0))
    assert len(chosen) == 5
    assert {file.name.split("_")[1] for file in (tmp_path / "review/to_label").glob("*.png")} == {
        "side.png"
    }
    for file in (tmp_path / "arrived").iterdir():
        file.unlink()
    with pytest.raises(UserError, match="are gone"):
        review(home, tmp_path / "other", 5, 1, THRESHOLDS, Reference({}, 0))


def test_mistakes_are_told(home, tmp_path):
    with pytest.raises(UserError, match="--home"):
        review(tmp_path / "nowhere", tmp_path / "review", 5, 1, THRESHOLDS, Reference({}, 0))
    with pytest.raises(UserError, match="not an empty folder"):
        review(home, tmp_path / "arrived", 5, 1, THRESHOLDS, Reference({}, 0))
    with pytest.raises(UserError, match="no package of the last"):
        review(home, tmp_path / "review", 5, 1e-9, THRESHOLDS, Reference({}, 0))
    with pytest.raises(UserError, match="none stands out"):
        review(home, tmp_path / "review", 5, 1, (0.999,), Reference({}, 0))
    assert not (tmp_path / "review").exists()


def test_a_run_without_a_decision_is_reviewed_around_a_half():
    assert module.thresholds(None) == (0.5,)
