"""Whether models look at the package, in words; of one that guesses, that it does."""

from collections.abc import Mapping

import pandas as pd

from packsight.reporting.answers import Answer
from packsight.reporting.attribution_comparison import KEYS, AttributionComparison
from packsight.reporting.findings import PERSPECTIVES, coin_sentence, is_coin
from packsight.reporting.leaderboard import text
from packsight.reporting.pooling import Pooled
from packsight.reporting.serving import Serving
from packsight.reporting.wording import Words, words

SHARED = [key for key in KEYS if key != "method"]  # what tells a configuration's models apart
Cells = Mapping[tuple[str, str], pd.Series]
ENGLISH = words("en")


def belt_sentences(
    attributions: AttributionComparison, pooled: Pooled | None = None, say: Words = ENGLISH
) -> list[str]:
    """Which model leans on the belt, with the interval; of one that guesses, only that it does."""
    rows = pooled.rows if pooled is not None else pd.DataFrame()
    tested = {_key(row): row for _, row in rows.iterrows() if row["fusion"] == ""}
    sentences = []
    for name, (row, cells) in zip(attributions.names(), attributions.configurations(), strict=True):
        camera = say.named("from_camera", row["perspective"])
        result = tested.get(_key(row))
        if result is not None and is_coin(result):
            said = coin_sentence(result, say)
            sentences.append(say("looks.guesses", camera=camera, model=name, coin=said))
        elif ("belt_share", "damaged") in cells:
            how, numbers = _belt(cells["belt_share", "damaged"])
            sentences.append(say(f"looks.{how}", camera=camera, model=name, **numbers))
    return sentences


def where_it_looks(
    serving: Serving | None,
    frame: pd.DataFrame,
    pooled: Pooled,
    attributions: AttributionComparison | None,
    place: str,
    say: Words,
) -> Answer:
    """Whether the serving models, or the best of each camera, look at the package."""
    question = say("answers.looks")
    measured = (
        {_key(row): cells for row, cells in attributions.configurations()} if attributions else {}
    )
    lines, details, tones = [], [], []
    command = ""
    models = _models(serving, pooled)
    for row in sorted(models, key=lambda row: PERSPECTIVES.index(row["perspective"])):
        camera = say.named("camera_title", row["perspective"])
        cells: Cells = measured.get(_key(row), {})
        if is_coin(row):
            how = "coin"
            details.append(coin_sentence(row, say))
        elif ("belt_share", "damaged") in cells:
            how = _belt(cells["belt_share", "damaged"])[0]
            details.append(_measured(camera, cells, say))
        else:
            how = "unmeasured"
            command = f"python scripts/explain.py run={place}"
        if how != "coin" and _flagged(row, frame):
            how = "flagged"
        lines.append(say(f"looks.short_{how}", camera=camera, model=row["backbone"]))
        tones.append("good" if how == "package" else "plain" if how == "unmeasured" else "bad")
    if not lines:
        return Answer(question, [say("answers.nothing_tested")], tone="bad")
    tone = "bad" if "bad" in tones else "plain" if "plain" in tones else "good"
    return Answer(question, lines, details=details, command=command, tone=tone)


def _models(serving: Serving | None, pooled: Pooled) -> list[pd.Series]:
    """The tested configurations of single models that serve, or that validation prefers."""
    rows = pooled.rows
    if serving is None:
        best = rows[rows["rank"].eq(1) & rows["fusion"].eq("")]
        return [row for _, row in best.iterrows()]
    serve = {frozenset(names) for names in serving.decision.runs.values()}
    return [
        rows.iloc[place]
        for place, folders in enumerate(pooled.folders)
        if frozenset(folders) in serve and rows.iloc[place]["fusion"] == ""
    ]


def _belt(belt: pd.Series) -> tuple[str, dict[str, float]]:
    """How much of what speaks for damaged lies on the belt, against its share of the area."""
    numbers = {name: float(belt[name]) for name in ("mean", "low", "high", "area")}
    if pd.isna(belt["low"]):
        return "one_package", numbers
    if belt["low"] > belt["area"]:
        return "belt", numbers
    return ("package" if belt["high"] < belt["area"] else "anywhere"), numbers


def _measured(camera: str, cells: Cells, say: Words) -> str:
    """The measures of one model in a line: belt, damage, pointing game."""
    parts = []
    for measure in ("belt_share", "damage_share", "pointing_hit"):
        cell = cells.get((measure, "damaged"))
        if cell is not None and not pd.isna(cell["mean"]):
            known = "" if pd.isna(cell["area"]) else "_area"
            parts.append(say(f"looks.{measure}{known}", mean=cell["mean"], area=cell["area"]))
    return say("looks.measured", camera=camera, parts=", ".join(parts))


def _flagged(row: pd.Series, frame: pd.DataFrame) -> bool:
    """Whether a run of the configuration has more on the belt than max_belt_share allows."""
    same = pd.Series(True, index=frame.index)
    for key in SHARED:
        same &= frame[key].map(text) == text(row[key])
    return bool(frame.loc[same, "leans_on_belt"].any())


def _key(row: pd.Series) -> tuple[str, ...]:
    return tuple(text(row[key]) for key in SHARED)
