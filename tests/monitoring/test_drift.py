"""Changes are told soon, once, by name and with their time; a line that stays is left alone."""

from dataclasses import replace

import numpy as np
import pytest
from line_stream import Stream

from packsight.imaging.window import Window
from packsight.line.profile import profile
from packsight.line.reference import Reference
from packsight.line.verdict import Verdict
from packsight.monitoring.drift import PER, STRIDE, Alarm, Monitor
from packsight.monitoring.signals import LONG, SETTLE, SHORT
from packsight.monitoring.two_samples import (
    index_critical,
    ks_critical,
    ks_distance,
    rank_critical,
    rank_score,
    stability_index,
)

GOOD, CHANGED = 400, 300  # packages; those of settling are among the good ones
TOLD_WITHIN = 50


def run(monitor: Monitor, stream: Stream, start: int, count: int, **change: float) -> list[Alarm]:
    """A package a second."""
    times = range(start, start + count)
    return [alarm for at in times for alarm in monitor.add(float(at), stream.package(**change))]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("kind", "change"),
    [("dark", {"light": 0.6}), ("bright", {"light": 1.4}), ("blurred", {"blur": 0.4}),
     ("sharper", {"blur": 2.5}), ("moved", {"down": 54.0}), ("not_found", {"lost": 0.7}),
     ("missing", {"missing": 0.7}), ("scores", {"scores": 0.5}), ("rejects", {"rejects": 0.6})],
)  # fmt: skip
def test_a_change_is_told_soon_and_once_and_again_when_it_comes_again(kind, change, seed):
    stream = Stream(seed)
    monitor = Monitor(stream.reference())
    assert run(monitor, stream, 0, GOOD) == []
    told = run(monitor, stream, GOOD, CHANGED, **change)
    assert {alarm.kind for alarm in told} == {kind}
    # Of the camera alone, but for scores, whose packages it changes too.
    assert sorted(alarm.camera for alarm in told) in (["top"], [""], ["", "top"])
    for alarm in told:
        assert alarm.told - GOOD < TOLD_WITHIN
        assert alarm.began == pytest.approx(GOOD, abs=15)
        assert alarm.ended is None
        assert all(one.before != one.now for one in alarm.signals.values())
    assert monitor.active()
    assert not monitor.past()
    assert run(monitor, stream, GOOD + CHANGED, 2 * LONG) == []
    assert monitor.active() == []
    assert [alarm.kind for alarm in monitor.past()] == [alarm.kind for alarm in told]
    again = run(monitor, stream, GOOD + CHANGED + 2 * LONG, TOLD_WITHIN, **change)
    assert {alarm.kind for alarm in again} == {kind}


@pytest.mark.parametrize(("change", "kind", "signals"), [
    ({"scores": 0.4}, "unlike_scores", {"score", "damage"}),  # of no label's kind
    ({"scores": 0.9}, "damage", {"damage"}),  # as if all were damaged
    ({"rejects": 0.8}, "rejects", {"rejects"}),
])  # fmt: skip
@pytest.mark.parametrize("seed", range(2))
def test_what_is_wrong_from_the_first_package_on_is_told(change, kind, signals, seed):
    """The line's own first packages tell nothing of it."""
    stream = Stream(seed)
    monitor = Monitor(stream.reference(80))
    told = run(monitor, stream, 0, LONG, **change)
    assert {alarm.kind for alarm in told if alarm.camera != ""} <= {kind}
    [alarm] = [alarm for alarm in told if alarm.camera == ("" if kind == "rejects" else "top")]
    assert (alarm.kind, {*alarm.signals}) == (kind, signals)
    assert alarm.told < TOLD_WITHIN
    assert alarm.began == pytest.approx(0, abs=5)
    assert all(one.now != one.before for one in alarm.signals.values())


def test_any_share_of_damaged_packages_is_a_mixture():
    """Where no share is expected, scores as of damaged packages are none that nobody knows."""
    stream = Stream(3)
    reference = replace(stream.reference(80), share=None)
    for damaged in (0.0, 0.3, 0.7, 1.0):
        monitor = Monitor(reference)
        for at in range(250):
            kind = bool(stream.draw.random() < damaged)
            assert monitor.add(float(at), stream.package(damaged=kind)) == []


def test_a_darker_image_is_not_taken_for_a_loss_of_focus():
    """The Laplacian of half the light is a quarter."""
    stream = Stream(1)
    monitor = Monitor(stream.reference())
    assert [alarm.kind for alarm in run(monitor, stream, 0, 100, light=0.5)] == ["dark"]


def test_a_change_that_matters_to_nobody_is_not_told():
    """As certain as can be, and three grey values."""
    stream = Stream(2)
    reference = stream.reference(400).to_dict()
    for camera in reference["cameras"].values():
        camera["brightness"] = [110 + 0.001 * place for place in range(400)]
    monitor = Monitor(Reference.from_dict(reference))
    stream.draw = np.random.default_rng(2)
    assert [alarm.kind for alarm in run(monitor, stream, 0, 300)] == []


def test_a_camera_that_moved_is_told_though_packages_lie_anywhere():
    """What stands still tells, where packages do not."""
    stream = Stream(8)

    def package(down: int) -> Verdict:
        grey = stream.draw.normal(100, 4, (135, 240))
        grey[20 + down : 26 + down] = 40
        seen = profile(grey.clip(0, 255).astype(np.uint8))
        verdict = stream.package()
        anywhere = Window(*stream.draw.uniform((100, 50, 300, 200), (860, 490, 320, 220)))
        changed = (replace(image, profile=seen, window=anywhere) for image in verdict.images)
        return replace(verdict, images=tuple(changed))

    monitor = Monitor(Reference.measure(package(0) for _ in range(36)))
    told = [alarm for at in range(200) for alarm in monitor.add(at, package(9 if at >= 150 else 0))]
    assert sorted(alarm.camera for alarm in told) == ["side", "top"]
    for alarm in told:
        assert (alarm.kind, "rows" in alarm.signals) == ("moved", True)
        assert alarm.began == pytest.approx(150, abs=5)
        assert alarm.told - 150 < TOLD_WITHIN


def test_rows_in_which_nothing_stands_still_are_not_watched():
    stream = Stream(9)
    reference = stream.reference().to_dict()
    reference["cameras"]["top"]["rows"] = [0.1, -0.1, 0.2] * 12
    watched = {(one.name, one.camera) for one in Monitor(Reference.from_dict(reference)).watched()}
    assert ("rows", "top") not in watched
    assert {("rows", "side"), ("columns", "top")} <= watched


def test_a_camera_that_moved_a_little_is_told_from_the_first_packages_on():
    """Half of the spread that places have: 36 packages of validation do not tell that."""
    stream = Stream(10)
    monitor = Monitor(replace_profiles(stream.reference()))
    assert run(monitor, stream, 0, SETTLE + LONG) == []
    told = run(monitor, stream, SETTLE + LONG, 2 * LONG, down=8.0)
    assert [(alarm.kind, *alarm.signals) for alarm in told] == [("moved", "first_y")]


def replace_profiles(reference: Reference) -> Reference:
    """The same, of cameras that see nothing that stands still."""
    cameras = {
        camera: replace(held, rows=(), columns=()) for camera, held in reference.cameras.items()
    }
    return replace(reference, cameras=cameras)


@pytest.mark.sweeps
def test_twenty_lines_raise_no_more_alarms_than_stated():
    """All signals together; 2 are expected at most, and more than 6 in one of 200 tries."""
    told = []
    for seed in range(20):
        stream = Stream(200 + seed)
        told += run(Monitor(stream.reference(80)), stream, 0, PER)
    assert len(told) <= 6


def test_a_batch_of_one_kind_of_package_is_no_moved_camera():
    """Its sizes are among those of validation, and all alike."""
    stream = Stream(7)
    reference = stream.reference().to_dict()
    for camera in reference["cameras"].values():
        camera["width"] = [0.2, 0.25, 0.3, 0.35, 0.4, 0.45] * 6
    monitor = Monitor(Reference.from_dict(reference))
    for at in range(600):
        verdict = stream.package()
        across = 960 * (0.2 if at < 200 else 0.45 if at < 400 else 0.7)
        for image in verdict.images:
            object.__setattr__(image, "window", image.window._replace(width=across))
        told = monitor.add(float(at), verdict)
        if at < 400:
            assert told == []
    assert {(alarm.kind, *alarm.signals) for alarm in monitor.active()} == {("moved", "width")}


def test_values_that_are_all_alike_raise_no_alarm():
    stream = Stream(3)
    reference = stream.reference().to_dict()
    for camera in reference["cameras"].values():
        camera["x"] = [0.5] * 36
    monitor = Monitor(Reference.from_dict(reference))
    for at in range(300):
        verdict = stream.package()
        for image in verdict.images:
            object.__setattr__(image, "window", image.window._replace(x=480.0))
        assert monitor.add(float(at), verdict) == []


def test_a_line_without_a_reference_is_compared_with_its_own_beginning():
    stream = Stream(4)
    monitor = Monitor(Reference({}, 0))
    assert all(one.settling for one in monitor.watched())
    assert run(monitor, stream, 0, SETTLE + LONG) == []
    assert not any(one.settling for one in monitor.watched())
    assert {alarm.kind for alarm in run(monitor, stream, 500, 60, rejects=0.7)} == {"rejects"}


def test_after_a_restart_it_is_as_before():
    stream, other = Stream(5), Stream(5)
    before, after = Monitor(stream.reference()), Monitor(other.reference())
    run(before, stream, 0, GOOD)
    run(before, stream, GOOD, 60, light=0.5)
    packages = [(float(at), other.package()) for at in range(GOOD)]
    packages += [(float(at), other.package(light=0.5)) for at in range(GOOD, GOOD + 60)]
    after.resume(packages)
    assert after.active() == before.active() != []
    assert after.watched() == before.watched()


def test_memory_does_not_grow():
    stream = Stream(6)
    monitor = Monitor(stream.reference())
    run(monitor, stream, 0, 700)
    kept = [len(signal._values) for signal in monitor._signals.values()]
    run(monitor, stream, 700, 300)
    assert [len(signal._values) for signal in monitor._signals.values()] == kept


def test_ten_thousand_undisturbed_packages_raise_no_more_alarms_than_stated():
    stream = Stream(100)
    monitor = Monitor(stream.reference())
    assert monitor.rate < 1
    assert run(monitor, stream, 0, PER) == []


@pytest.mark.parametrize(("reference", "repetitions"), [(12, 200), (36, 200), (300, 20)])
def test_a_signal_raises_no_more_alarms_than_its_part_of_what_is_stated(reference, repetitions):
    """10,000 packages, many times, at every look; at a level at which alarms can be counted.

    A reference is against all windows of its line: its own noise is in all of them.
    """
    draw, level = np.random.default_rng(reference), 1e-3
    looks = beyond = 0
    for _ in range(repetitions):
        ranks = np.searchsorted(np.sort(draw.random(reference)), draw.random(PER))
        seen = np.zeros((PER + 1, reference + 1), np.int32)
        seen[1:][np.arange(PER), ranks] = 1
        seen = seen.cumsum(axis=0, dtype=np.int32)
        for length in (SHORT, LONG):
            counts = seen[length::STRIDE] - seen[: PER + 1 - length : STRIDE]
            tests = [
                ks_distance(counts) >= ks_critical(reference, length, level),
                abs(rank_score(counts)) >= rank_critical(level),
            ]
            if length == LONG:
                tests += [stability_index(counts) >= index_critical(reference, length, level)]
            looks += sum(test.size for test in tests)
            beyond += int(sum(test.sum() for test in tests))
    assert 0 < beyond <= 1.5 * looks * level  # the windows of a line overlap: the count is rough
