"""Shifts begin at their hours; packages are counted in the one they were decided in."""

import time

import pytest

from packsight.errors import UserError
from packsight.line.verdict import Verdict
from packsight.monitoring.shift import Shift, check_hours, shift_start


def moment(hour: float, day: int = 10) -> float:
    return time.mktime((2026, 6, day, 0, 0, 0, 0, 0, -1)) + 3600 * hour


def verdict(decision: str = "accept", seconds: float = 0.02) -> Verdict:
    parts = {"decode": seconds / 2, "network": seconds / 2}
    return Verdict("a", decision, "score", 0.1, 0.1, "top", (), parts)


@pytest.mark.parametrize(
    ("hour", "begins"), [(3, -2), (5.99, -2), (6, 6), (13.9, 6), (14, 14), (23, 22)]
)
def test_a_shift_begins_at_its_hour(hour, begins):
    assert shift_start(moment(hour), (6, 14, 22)) == moment(begins)
    assert shift_start(moment(hour), (6,)) == moment(6 if hour >= 6 else -18)


def test_hours_that_are_none_are_refused():
    assert check_hours([22, 6, 6]) == (6, 22)
    for wrong in ([], [24], [-1]):
        with pytest.raises(UserError, match="from 0 to 23"):
            check_hours(wrong)


def test_a_shift_is_counted_and_ends():
    shift = Shift((6, 14))
    shift.add(moment(5), verdict("reject"))
    for minute in range(61):
        shift.add(moment(6 + minute / 60), verdict("reject" if minute % 10 == 0 else "accept"))
    figures = shift.figures(moment(7.1))
    assert figures.since == moment(6)
    assert figures.packages == 61
    assert figures.decisions == {"accept": 54, "reject": 7, "inspect": 0}
    assert figures.reasons == {"score": 61}
    assert figures.per_hour == pytest.approx(60)
    later = shift.figures(moment(14.5))
    assert (later.since, later.packages, later.latency) == (moment(14), 0, {})


def test_latencies_are_those_of_whole_packages():
    shift = Shift((0,))
    for place in range(101):
        shift.add(moment(1), verdict(seconds=place / 1000))
    assert shift.figures(moment(1)).latency == pytest.approx({50: 0.05, 95: 0.095, 99: 0.099})


def test_a_clock_that_was_put_back_over_a_shift_counts_nothing():
    shift = Shift((6, 14))
    shift.add(moment(14.1), verdict())
    shift.add(moment(13.9), verdict())
    assert shift.figures(moment(14.2)).packages == 1
