"""The four answers of the page's first screen, in plain words."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from packsight.decision.comparison import LEVEL, holm
from packsight.decision.outcomes import PER, alternatives
from packsight.decision.rule import Decision
from packsight.decision.terms import Figure, Kind
from packsight.reporting.comparisons import compare
from packsight.reporting.findings import (
    PERSPECTIVES,
    configuration_name,
    settled,
)
from packsight.reporting.pooling import COMPARABLE, Pooled, shown
from packsight.reporting.pooling_table import telling
from packsight.reporting.serving import Serving
from packsight.reporting.wording import Words

NARROW = 2  # by what the interval of missed packages is to shrink where more are asked for


@dataclass(frozen=True)
class Tile:
    """One number in large figures, with its interval and what it counts."""

    name: str
    value: str
    interval: str = ""


@dataclass(frozen=True)
class Answer:
    """A question, its answer in large words, and what that rests on."""

    question: str
    headlines: list[str]
    tiles: list[Tile] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    command: str = ""  # that would tell more
    tone: str = "plain"  # good, bad or plain


def which(
    serving: Serving | None, frame: pd.DataFrame, pooled: Pooled, place: str, say: Words
) -> Answer:
    """Which model serves which camera, from which score on a package is rejected."""
    question = say("answers.which")
    if serving is None:
        best = shown(pooled.rows)
        best = best[best["rank"].eq(1)]
        differing = _telling(pooled)
        lines = [
            say(
                "answers.camera_model",
                camera=say.named("camera_title", row["perspective"]),
                model=_named(row, differing, say),
            )
            for name in PERSPECTIVES
            for _, row in best[best["perspective"] == name].iterrows()
        ]
        return Answer(
            question,
            [say("answers.undecided"), *lines],
            details=[say("answers.undecided_why")],
            command=f"python scripts/decide.py run={place}",
            tone="bad",
        )
    decision = serving.decision
    backbones = dict(zip(frame["folder"], frame["backbone"], strict=True))
    lines = [
        say(
            "answers.camera_model",
            camera=say.named("camera_title", camera),
            model=str(backbones.get(folders[0], folders[0]))
            + (say("answers.mean_of", folds=len(folders)) if len(folders) > 1 else ""),
        )
        for camera, folders in decision.runs.items()
    ]
    if decision.fusion:
        lines.append(say("answers.fused", fusion=say.named("fusion", decision.fusion.kind.value)))
    count = sum(decision.packages.values())
    details = [say("answers.rests_on", packages=count, **decision.packages)]
    details += [say(f"answers.kind_{decision.kind.value}", **_terms(decision, say))]
    return Answer(question, [*lines, _thresholds(decision, say)], details=details, tone="good")


def what_happens(serving: Serving | None, best: pd.Series | None, say: Words) -> Answer:
    """What is missed, rejected wrongly and inspected of 1,000 packages; undecided, of 100."""
    question = say("answers.what")
    if serving is None:
        return _at_half(best, question, say)
    decision = serving.decision
    figures = decision.figures
    names = ["misses", "false_rejects", "inspections", *(["cost"] if "cost" in figures else [])]
    tiles = [_tile(name, figures[name], say) for name in names if name in figures]
    line = say("answers.per", per=PER, damaged=PER * decision.share, share=decision.share)
    details = []
    wrong = figures.get("wrong_of_100_rejects", Figure(None))
    if wrong.value is not None:
        details.append(say("answers.wrong_rejects", **_ends(wrong)))
    if serving.candidate is not None and decision.costs is not None:
        details.append(_others(serving, say))
    details.append(say("answers.besides"))
    return Answer(question, [line], tiles, details)


def is_settled(
    serving: Serving | None, chosen: pd.Series | None, pooled: Pooled, say: Words
) -> Answer:
    """Whether another model may be as good, how well the misses are known, what would tell more."""
    question = say("answers.settled")
    if chosen is None:
        return Answer(question, [say("answers.nothing_tested")], tone="bad")
    lines, details, tone = _rivals(chosen, pooled, say)
    missed = serving.decision.figures.get("missed_of_100_damaged") if serving else None
    if serving is not None and missed is not None and missed.value is not None:
        damaged = serving.decision.packages["damaged"]
        details.append(
            say("answers.known", damaged=damaged, needed=NARROW**2 * damaged, **_ends(missed))
        )
    else:
        details.append(say("answers.size", packages=int(chosen["packages"])))
    return Answer(question, lines, details=details, tone=tone)


def _rivals(chosen: pd.Series, pooled: Pooled, say: Words) -> tuple[list[str], list[str], str]:
    """How many configurations of any camera are tied with the chosen one, and the closest."""
    rows = shown(pooled.rows)
    group = rows[(rows[COMPARABLE].astype(str) == chosen[COMPARABLE].astype(str)).all(axis=1)]
    own = set(pooled.folders[int(str(chosen.name))])  # fused in another way it is no other choice
    others = [
        index
        for index in group.index[group["rank"].notna()]
        if index != chosen.name and set(pooled.folders[index]) != own
    ]
    differing = _telling(pooled)
    found = {
        index: compared
        for index in others
        if (compared := compare(pooled.right, pooled.damaged, int(str(chosen.name)), index))
    }
    if not found:
        return [say("answers.alone")], [], "plain"
    p_values = dict(zip(found, holm([one.p_value for one in found.values()]), strict=True))
    tied = [index for index in found if p_values[index] >= LEVEL]
    details = []
    for index in sorted(found, key=lambda index: -p_values[index])[:3]:
        row = group.loc[index]
        details.append(
            say(
                "answers.against",
                camera=say.named("camera", row["perspective"]),
                model=_named(row, differing, say),
                settled=settled(found[index], float(p_values[index]), say),
            )
        )
    if tied:
        return [say.counted("answers.tied", len(found), tied=len(tied))], details, "bad"
    return [say.counted("answers.untied", len(found))], details, "good"


def _telling(pooled: Pooled) -> list[str]:
    """The settings that tell the models of a camera and backbone apart."""
    return [name for name in telling(shown(pooled.rows)) if name not in ("fusion", "data", "test")]


def _named(row: pd.Series, differing: list[str], say: Words) -> str:
    fusion = f" ({say.named('fusion', row['fusion'])})" if row["fusion"] else ""
    return configuration_name(row, differing, say) + fusion


def _thresholds(decision: Decision, say: Words) -> str:
    low, high = decision.accept_below, decision.reject_from
    if low == high:
        one = "always" if low <= 0 else "never" if low > 1 else "reject_from"
        return say(f"answers.{one}", high=high)
    band = ["accept" if low > 0 else "accept_none", "reject" if high <= 1 else "reject_none"]
    return " ".join(say(f"answers.band_{part}", low=low, high=high) for part in band)


def _terms(decision: Decision, say: Words) -> dict[str, object]:
    """What the sentence about a kind of decision tells of it."""
    promise = decision.promise
    if decision.kind == Kind.PROMISE and promise is not None:
        others = (("false_rejects", promise.false_rejects), ("inspections", promise.inspections))
        more = [
            " " + say(f"answers.promise_{name}", share=share)
            for name, share in others
            if share is not None
        ]
        return {
            "misses": promise.misses, "confidence": promise.confidence, "more": "".join(more),
        }  # fmt: skip
    if decision.costs is not None:
        return {"ratio": decision.costs.missed / decision.costs.false_reject}
    return {}


def _others(serving: Serving, say: Words) -> str:
    """What doing without a decision would cost."""
    assert serving.candidate is not None
    score = serving.candidate.packages["probability"].to_numpy()
    decision = serving.decision
    others = alternatives(
        score, serving.candidate.damaged.to_numpy(), decision.share, decision.costs
    )
    named = [
        say("answers.other", name=say(f"rules.{name}"), cost=_short(figures["cost"], say))
        for name, figures in others.items()
    ]
    return say("answers.others", others="; ".join(named))


def _at_half(best: pd.Series | None, question: str, say: Words) -> Answer:
    """What the test says of the threshold 0.5, whatever the line's share of damaged packages."""
    if best is None:
        return Answer(question, [say("answers.nothing_tested")], tone="bad")
    tiles = []
    for label, name in (("damaged", "missed_of_100_damaged"), ("intact", "rejected_of_100_intact")):
        recall, low, high = (best[f"recall_{label}{end}"] for end in ("", "_low", "_high"))
        if not pd.isna(recall):
            lost = [None if pd.isna(end) else 100 * (1 - end) for end in (recall, high, low)]
            tiles.append(_tile(name, Figure(*lost), say))
    camera = say.named("the_camera", best["perspective"])
    line = say("answers.at_half", model=best["backbone"], camera=camera)
    return Answer(question, [line], tiles, [say("answers.at_half_why")])


def _tile(name: str, figure: Figure, say: Words) -> Tile:
    assert figure.value is not None
    interval = ""
    if figure.low is not None and figure.high is not None and figure.low < figure.high:
        interval = say("answers.interval", low=_short(figure.low, say),
                       high=_short(figure.high, say))  # fmt: skip
    return Tile(say(f"figures.{name}"), _short(figure.value, say), interval)


def _ends(figure: Figure) -> Mapping[str, float | None]:
    return {"value": figure.value, "low": figure.low, "high": figure.high}


def _short(value: float, say: Words) -> str:
    """As many digits as a reader wants: 0.31, 7.5, 76."""
    return say.localised(f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value else "0")
