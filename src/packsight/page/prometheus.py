"""A line's figures as Prometheus reads them."""

from collections.abc import Iterator, Mapping
from typing import Any

from packsight.monitoring.drift import Monitor, kinds
from packsight.page.overview import Overview

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Sample = tuple[Mapping[str, str], float]


def metrics(line: Overview, monitor: Monitor, description: Mapping[str, Any]) -> str:
    """The text format, version 0.0.4."""
    return "\n".join(_lines(line, monitor, description)) + "\n"


def _lines(line: Overview, monitor: Monitor, description: Mapping[str, Any]) -> Iterator[str]:
    shift, totals = line.shift, line.totals
    version = {"version": str(description.get("packsight", ""))}
    yield from _family("info", "gauge", "The model that serves.", [(version, 1)])
    yield from _family("up", "gauge", "1 while the service is in order.", [({}, not line.problem)])
    yield from _family(
        "packages_total", "counter", "Packages that were decided on.",
        [({"decision": name}, totals.decisions[name]) for name in shift.decisions],
    )  # fmt: skip
    yield from _family(
        "reasons_total", "counter", "Packages by the reason of their decision.",
        [({"reason": name}, count) for name, count in sorted(totals.reasons.items())],
    )  # fmt: skip
    yield from _family(
        "seconds_total", "counter", "Time spent on packages, by part of the work.",
        [({"part": name}, count) for name, count in sorted(totals.seconds.items())],
    )  # fmt: skip
    yield from _family(
        "shift_packages", "gauge", "Packages of this shift.",
        [({"decision": name}, count) for name, count in shift.decisions.items()],
    )  # fmt: skip
    yield from _family(
        "shift_latency_seconds", "gauge", "From file to decision in this shift, by percentile.",
        [({"quantile": f"{at / 100}"}, value) for at, value in shift.latency.items()],
    )  # fmt: skip
    yield from _family("queue", "gauge", "What waits to be decided on.", [({}, line.queue)])
    yield from _family(
        "receiver_pending", "gauge", "Verdicts that a receiver has not acknowledged.",
        [({"receiver": one.name}, one.pending) for one in line.receivers],
    )  # fmt: skip
    yield from _family(
        "receiver_failing", "gauge", "1 while a receiver takes no verdicts.",
        [({"receiver": one.name}, bool(one.error)) for one in line.receivers],
    )  # fmt: skip
    yield from _drift(monitor)


def _drift(monitor: Monitor) -> Iterator[str]:
    active = {(alarm.kind, alarm.camera) for alarm in monitor.active()}
    known = {(kind, one.camera) for one in monitor.watched() for kind in kinds(one.name)}
    yield from _family(
        "alarm", "gauge", "1 while a change of the line is told.",
        [({"kind": k, "camera": c}, (k, c) in active) for k, c in sorted(known)],
    )  # fmt: skip
    told = [(one, one.change) for one in monitor.watched() if one.change]
    labels = [({"signal": one.name, "camera": one.camera}, change) for one, change in told]
    yield from _family(
        "signal", "gauge", "Median or share of the last packages.",
        [(label, change.now) for label, change in labels],
    )  # fmt: skip
    yield from _family(
        "stability_index", "gauge", "Population stability index of the last packages.",
        [(label, change.index) for label, change in labels if change.index is not None],
    )  # fmt: skip


def _family(name: str, kind: str, help: str, samples: list[Sample]) -> Iterator[str]:
    if samples:
        yield f"# HELP packsight_{name} {help}"
        yield f"# TYPE packsight_{name} {kind}"
    for labels, value in samples:
        told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield (
            f"packsight_{name}{{{told}}} {float(value)!r}"
            if told
            else (f"packsight_{name} {float(value)!r}")
        )


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
