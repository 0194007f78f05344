"""What is told of scores from the first package on holds its level, whatever the mixture."""

import numpy as np
import pytest

from packsight.monitoring.expected import Expected
from packsight.monitoring.scores import Damage, Known, Scores
from packsight.monitoring.signals import LONG
from packsight.monitoring.two_samples import few_damaged

LEVEL = 0.05
LINES = 400


def drawn(draw: np.random.Generator, damaged: np.ndarray) -> np.ndarray:
    """Scores, many of one label among those of the other."""
    return np.where(damaged, draw.beta(3, 1.5, damaged.shape), draw.beta(1, 4, damaged.shape))


def told(signal, values) -> bool:
    """Whether it is beyond in its two windows, however small the change."""
    for at, value in enumerate(values):
        signal.add(float(at), value)
    return signal.beyond(LEVEL, ease=1e9)


@pytest.mark.parametrize("packages", [18, 40])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
def test_no_mixture_is_told_more_often_than_stated(packages, share):
    """With the noise of so few packages of validation in each line."""
    draw, count = np.random.default_rng(packages), 0
    for _ in range(LINES):
        known = Known(*(drawn(draw, np.full(packages, label)) for label in (False, True)))
        count += told(Scores(known, 0.1), drawn(draw, draw.random(LONG) < share))
    assert count <= 2 * LEVEL * LINES


@pytest.mark.parametrize("share", [0.01, 0.1, 0.3])
def test_the_expected_share_is_told_no_more_often_than_stated(share):
    draw, scores, shares = np.random.default_rng(0), 0, 0
    for _ in range(LINES):
        intact, damaged = (drawn(draw, np.full(40, label)) for label in (False, True))
        line = drawn(draw, draw.random(LONG) < share)
        scores += told(Damage(Known(intact, damaged, share), 0.05), line)
        hits = int((intact > 0.5).sum()), int((damaged > 0.5).sum())
        shares += told(Expected(hits, (40, 40), share), line > 0.5)
    assert scores <= 2 * LEVEL * LINES
    assert shares <= 2 * LEVEL * LINES


def test_few_damaged_is_the_tail_of_the_binomial():
    counts = np.random.default_rng(0).binomial(120, 0.05, 200_000)
    for level in (0.1, 0.01, 0.001):
        few = few_damaged(0.05, 120, level)
        assert (counts > few).mean() <= 1.2 * level
        assert (counts > few - 1).mean() > 0.8 * level


def test_scores_of_no_kind_are_told_with_the_time_they_began():
    draw = np.random.default_rng(1)
    known = Known(0.2 * draw.random(40), 0.8 + 0.2 * draw.random(40), 0.02)
    signal = Scores(known, 0.1)
    for at in range(100):
        signal.add(float(at), 0.1 * draw.random())
        assert not signal.beyond(1e-7)
    for at in range(100, 140):
        signal.add(float(at), 0.45 + 0.1 * draw.random())
    assert signal.beyond(1e-7)
    assert signal.began() == pytest.approx(100, abs=3)
    assert signal.change().now == pytest.approx(0.5, abs=0.05)


def test_what_matters_to_nobody_is_not_told():
    """Of two models as sure as can be, one is a little surer."""
    draw = np.random.default_rng(2)
    known = Known(0.01 * draw.random(400), 1 - 0.01 * draw.random(400), 0.02)
    for signal in (Scores(known, 0.1), Damage(known, 0.05)):
        for at in range(LONG):
            signal.add(float(at), 0.03 + 0.01 * draw.random())
        assert signal.beyond(1e-7, ease=100)
        assert not signal.beyond(1e-7)
