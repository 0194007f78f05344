"""What the page shows of a line, as text in one language."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import cv2
import numpy as np

from packsight.line.reference import FRAME
from packsight.line.verdict import ImageSeen
from packsight.monitoring.drift import FIRST, PER, Alarm, Monitor, Watched
from packsight.monitoring.shift import Figures
from packsight.monitoring.signals import LONG, SETTLE, SHORT
from packsight.page.condition import condition
from packsight.page.overview import Entry, Overview
from packsight.page.reasons import reason
from packsight.page.words import Words

SHARES = (
    "rows", "columns", "not_found", "missing", "rejects", "inspections", "x", "y", "width",
    "height",
)  # fmt: skip
TOLD_OF_DECISION = ("accept_below", "reject_from", "share", "kind", "packages")
LENGTH = 300  # signs of what others wrote


def page_state(line: Overview, monitor: Monitor, description: Mapping[str, Any], say: Words) -> Any:
    """All of it as JSON takes it."""
    active = monitor.active()
    return {
        "state": _short(condition(line, len(active), description, say)),
        "time": _clock(line.at, line.at),
        "shift": _shift(line.shift, line, say),
        "packages": [_package(entry, line.at, say) for entry in line.entries],
        "alarms": [_alarm(alarm, line.at, say) for alarm in active],
        "past": [_alarm(alarm, line.at, say) for alarm in monitor.past()],
        **_signals(monitor, say),
        "receivers": [
            {
                "name": _receiver(one.name, say),
                "pending": str(one.pending),
                "fails": bool(one.error),
                "state": say(
                    "receivers.fails",
                    time=_clock(one.since or line.at, line.at),
                    error=one.error[:LENGTH],
                )
                if one.error
                else say("receivers.takes"),
            }
            for one in line.receivers
        ],
        "model": [[name, value[:LENGTH]] for name, value in _model(description, say)],
    }


def _shift(figures: Figures, line: Overview, say: Words) -> dict[str, Any]:
    packages = figures.packages
    return {
        "since": say("shift.since", time=_clock(figures.since, line.at)),
        "packages": say.number(packages),
        "per_hour": f"{say.number(figures.per_hour)} {say('shift.per_hour')}",
        "decisions": [
            {
                "kind": decision,
                "name": say(f"decided.{decision}"),
                "count": say.number(count),
                "share": _share(count / packages, say) if packages else "–",
            }
            for decision, count in figures.decisions.items()
        ],
        "reasons": [
            [say.named("reason", name), say.number(count)]
            for name, count in sorted(figures.reasons.items())
            if name != "score"
        ],
        "latency": [
            [f"{percentile} %", _duration(seconds, say)]
            for percentile, seconds in figures.latency.items()
        ],
        "queue": say.number(line.queue),
    }


def _package(entry: Entry, now: float, say: Words) -> dict[str, Any]:
    verdict = entry.verdict
    seen = {image.camera: image for image in verdict.images}
    chance = verdict.score if verdict.probability is None else verdict.probability
    return {
        "id": entry.id,
        "serial": verdict.serial[:LENGTH],
        "time": _clock(entry.at, now),
        "decision": verdict.decision,
        "decision_text": say.named("decision", verdict.decision),
        "reason": say.named("reason", verdict.reason),
        "probability": ""
        if chance is None
        else say("packages.probability", value=_share(chance, say)),
        "late": say("shift.late") if entry.late else "",
        "images": [
            _image(entry, camera, seen.get(camera), say)
            for camera in sorted({*seen, *entry.files}, key=lambda name: (name != "top", name))
        ],
    }


def _image(entry: Entry, camera: str, seen: ImageSeen | None, say: Words) -> dict[str, Any]:
    score = "" if seen is None or seen.score is None else say.number(seen.score, ".3f")
    told = say("packages.score", value=score) if score else ""
    if seen is not None and seen.error:
        told = f"{say('packages.unusable')}: {reason(seen.error, say)[:LENGTH]}"
    elif seen is not None and seen.crop == FRAME:
        told = f"{told} · {say('packages.frame')}".strip(" ·")
    name = say.named("camera", camera)
    return {
        "camera": name,
        "source": f"/image/{entry.id}/{camera}" if camera in entry.files else "",
        "alt": say("packages.enlarge", serial=entry.verdict.serial[:LENGTH], camera=name),
        "error": bool(seen is not None and seen.error),
        "told": told,
        "corners": _corners(seen) if seen is not None else [],
        "shape": list(seen.size) if seen is not None and seen.size else [9, 16],
    }


def _corners(seen: ImageSeen) -> list[list[float]]:
    """Those of the window that was scored, in pixels of the frame; none of a whole frame."""
    if seen.window is None or seen.size is None or seen.crop in (FRAME, "none"):
        return []
    width, height = seen.window.width, seen.window.height
    back = cv2.invertAffineTransform(seen.window.matrix((round(height), round(width))))
    ends = np.array([[0, 0], [round(width), 0], [round(width), round(height)], [0, round(height)]])
    places = ends @ back[:, :2].T + back[:, 2]
    return [[round(float(x), 1), round(float(y), 1)] for x, y in places]


def _alarm(alarm: Alarm, now: float, say: Words) -> dict[str, str]:
    began = _clock(alarm.began, now)
    if alarm.ended is None:
        when = say("alarms.since", time=began)
    else:
        when = say("alarms.over", began=began, ended=_clock(alarm.ended, now))
    changes = [
        f"{say.named('signal', name)}: {_value(name, change.before, say)} → "
        f"{_value(name, change.now, say)}"
        for name, change in alarm.signals.items()
    ]
    return {
        "text": say(f"alarm.{alarm.kind}"),
        "camera": say.named("camera", alarm.camera) if alarm.camera else "",
        "when": when,
        "changes": "; ".join(changes),
    }


def _signals(monitor: Monitor, say: Words) -> dict[str, Any]:
    watched = monitor.watched()
    settling = any(one.settling for one in watched)
    return {
        "signals": [_signal(one, say) for one in watched],
        "signals_note": say(
            "signals.note",
            short=SHORT,
            long=LONG,
            rate=say.number(monitor.rate, "g"),
            per=say.number(PER),
        ),
        "settling": say("alarms.settling", count=SETTLE + 1) if settling else "",
    }


def _signal(one: Watched, say: Words) -> list[str]:
    camera = f" ({say.named('camera', one.camera)})" if one.camera else ""
    name = f"{say.named('signal', one.name)}{camera}"
    change = one.change
    if change is None:
        return [name, "–", say("signals.settling") if one.settling else "–", "–"]
    index = "–" if change.index is None else say.number(change.index, ".2f")
    return [name, _value(one.name, change.before, say), _value(one.name, change.now, say), index]


def _value(name: str, value: float, say: Words) -> str:
    if name.removeprefix(FIRST) in SHARES:
        return _share(value, say)
    if name == "angle":
        return f"{say.number(round(value, 1) + 0.0, '.1f')}°"
    return say.number(value, ".0f" if name == "brightness" else ".2g")


def _duration(seconds: float, say: Words) -> str:
    if seconds < 1:
        return say("unit.milliseconds", value=say.number(1000 * seconds))
    return say("unit.seconds", value=say.number(seconds, ".1f"))


def _share(value: float, say: Words) -> str:
    """Few decimals, but never nothing of something; not broken before its sign."""
    percent = 100 * value
    if 0 < percent < 0.1:
        return f"< {say.number(0.1, '.1f')}\u00a0%"
    return f"{say.number(percent, '.1f' if 0 < abs(percent) < 10 else '.0f')}\u00a0%"


def _short(texts: dict[str, str]) -> dict[str, str]:
    return {name: text[:LENGTH] for name, text in texts.items()}


def _model(description: Mapping[str, Any], say: Words) -> Iterator[tuple[str, str]]:
    """What a line's file tells of itself, nested parts by their path."""
    decision = description.get("decision") or {}
    for name in TOLD_OF_DECISION:
        value = decision.get(name)
        if name == "packages" and isinstance(value, Mapping):
            yield from ((say.named("model", label), str(count)) for label, count in value.items())
        elif name == "share" and value is not None:
            yield say("model.share"), _share(value, say)
        elif name == "kind" and value is not None:
            yield say("model.kind"), say.named("kind", value)
        elif value is not None:
            yield say(f"model.{name}"), say.number(value, ".3f")
    for name, value in _flat(
        {key: value for key, value in description.items() if key not in ("decision", "warning")}
    ):
        cameras = name in ("cameras", "cameras_needed")
        told = (
            ", ".join(say.named("camera", one) for one in value.split(", ")) if cameras else value
        )
        yield say.named("model", name), say.named("value", told)


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name} ")
        elif value not in (None, "", [], ()):
            several = value if isinstance(value, list | tuple) else [value]
            yield f"{before}{name}", ", ".join(map(str, several))


def _receiver(name: str, say: Words) -> str:
    kind, _, rest = name.partition(" ")
    return say("receiver.file", name=rest) if kind == "file" else say.named("receiver", name)


def _clock(at: float, now: float) -> str:
    """The time of day, with its date where that is not today's."""
    day, today = time.localtime(at), time.localtime(now)
    return time.strftime("%H:%M:%S" if day[:3] == today[:3] else "%Y-%m-%d %H:%M", day)
