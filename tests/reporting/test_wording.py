"""Both languages say the same; nothing on the page is left in English."""

import re
from html import unescape
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.text import Text
from reported import SCRAMBLED, decide, report, write_experiment

from packsight.evaluation.figures import (
    confusion_figure,
    history_figure,
    losses_figure,
    roc_pr_figure,
    score_figure,
)
from packsight.evaluation.results import read_history, read_predictions
from packsight.explanation.sanity import verdicts
from packsight.reporting.attribution_comparison import COMPARED
from packsight.reporting.decision_figures import reliability_figures, threshold_figures
from packsight.reporting.pictures import translated
from packsight.reporting.wording import EARLIER, LANGUAGES, words

ENGLISH, PORTUGUESE = words("en"), words("pt")


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogues_have_the_same_keys_with_the_same_values(language):
    def values(text: str) -> set[str]:
        return set(re.findall(r"{(\w+)", text))

    entries = words(language).entries
    assert set(entries) == set(ENGLISH.entries)
    for key, text in entries.items():
        assert values(text) == values(ENGLISH.entries[key]), key


def test_nothing_was_copied_from_english():
    long = {
        key for key, text in ENGLISH.entries.items() if len(re.findall(r"\b[a-z]{3,}", text)) > 2
    }
    assert [key for key in long if PORTUGUESE.entries[key] == ENGLISH.entries[key]] == []


def test_numbers_are_written_as_the_language_does():
    values = {"per": 1000, "share": 0.015, "damaged": 15.0}
    assert ENGLISH("answers.per", **values).startswith("Of 1,000 packages on a line with 1.5% ")
    assert PORTUGUESE("answers.per", **values).startswith("De 1.000 pacotes numa linha com 1,5% ")
    assert PORTUGUESE.localised("1,234.5") == "1.234,5"
    assert PORTUGUESE("answers.camera_model", camera="1.5", model="v2.5") == "1.5: v2.5"  # names


def test_what_earlier_rooms_say_is_translated_with_its_numbers():
    assert PORTUGUESE.translated("threshold 0.5") == "limiar 0,5"
    assert PORTUGUESE.translated("0.25") == "0,25"
    assert PORTUGUESE.translated("a name of a run") == "a name of a run"
    assert ENGLISH.translated("threshold 0.5") == "threshold 0.5"
    for _, _, name in COMPARED:
        assert PORTUGUESE.translated(name) != name
    for kept in (0.9, 0.1):
        checks = pd.DataFrame(SCRAMBLED).assign(spearman=kept, spearman_abs=kept)
        for said in verdicts(checks, "SmoothGrad times image"):
            told = PORTUGUESE.translated(f"model, top: {said}")
            assert "SmoothGrad vezes a imagem" in told
            assert "0,5." in told
            assert not re.search(r"\b(the|of|with|image)\b", told)


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    experiment = write_experiment(tmp_path_factory.mktemp("outputs") / "words")
    decide(experiment)
    return experiment


def test_figures_hold_no_english(experiment):
    folder = experiment / "sample/good/top/fp32/split_seed0"
    table, history = read_predictions(folder), read_history(folder / "history.csv")
    both = pd.concat([table, table.assign(perspective="side")])
    decision = decide(experiment)
    score, damaged = table["probability"].to_numpy(), (table["label"] == "damaged").to_numpy()
    figures = [
        confusion_figure(table, "RUN"), roc_pr_figure(both, "RUN"), score_figure(table, "RUN"),
        roc_pr_figure(table[table["label"] == "intact"], "RUN"), history_figure(history, "RUN"),
        losses_figure({"RUN": history}), *threshold_figures(decision, score, damaged),
        *reliability_figures(decision, score, damaged),
    ]  # fmt: skip
    patterns = [
        re.compile(re.sub(r"\\{\w+\\}", ".+", re.escape(text)))
        for key, text in PORTUGUESE.entries.items()
        if key.startswith(f"{EARLIER}.")
    ]
    for figure in figures:
        figure.draw_without_rendering()
        translated(figure, PORTUGUESE).draw_without_rendering()
        for written in figure.findobj(Text):
            for line in written.get_text().split("\n"):
                known = any(pattern.fullmatch(line) for pattern in patterns)
                assert known or not re.search(r"[a-z]", line.replace("AUROC", "")), line
                assert not re.search(r"\d\.\d", line), line


def test_a_page_in_portuguese_holds_no_english(experiment):
    english = unescape(report(experiment).read_text(encoding="utf-8"))
    source = unescape(report(experiment, "pt").read_text(encoding="utf-8"))
    assert '<html lang="pt-BR">' in source
    hidden = r'<style>.*?</style>|<script>.*?</script>|"data:[^"]*"|<code>[^<]*</code>'
    page = " ".join(re.sub(hidden, " ", source, flags=re.DOTALL).split())
    shown = 0
    for key, text in ENGLISH.entries.items():
        # The longest part without values, where it is long enough to be nobody's name.
        part = max(re.split(r"{[^}]*}", text), key=len).strip(" .,;:()")
        if len(part) < 9 or part in PORTUGUESE.entries[key]:
            continue
        shown += part in english
        assert part not in page, key
    assert shown > 80
    words_of = re.findall(r">([^<>]+)<", page)
    assert not [text for text in words_of if re.search(r"\b(the|of|with|is|are|and)\b", text)]
    assert not [text for text in words_of if re.search(r"(?<![\w./])\d+\.\d{1,2}(?![\w.])", text)]
