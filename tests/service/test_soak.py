"""A line at speed whose service is killed, with bad files and receivers that go away."""

import json
import os
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import pytest
from service_process import FAKE, Service
from service_receivers import Hook, broker, free_port, opened, subscriber, until

from packsight.sample.render import render_sample

CAMERAS = ("top", "side")
SMALL = (90, 160)


class Plan(NamedTuple):
    """Which packages, by their number, come to the line with what."""

    packages: int
    truncated: set[int]  # the image of one camera
    missing: set[int]  # the other one does not come
    twice: set[int]


def plan(packages: int) -> Plan:
    """1 % truncated, 2 % with one camera, 0.5 % written twice; none of them overlap."""
    numbers = range(packages)
    return Plan(
        packages,
        truncated={number for number in numbers if number % 100 == 17},
        missing={number for number in numbers if number % 50 == 3},
        twice={number for number in numbers if number % 200 == 41},
    )


def serial(number: int) -> str:
    return f"{4_000_000_000_000 + number}"


def pictures(folder: Path, packages: int) -> dict[str, list[bytes]]:
    """Rendered packages, small, of each camera."""
    render_sample(folder, packages, workers=1)
    contents = {}
    for camera in CAMERAS:
        files = sorted(folder.glob(f"*/{camera}/*.jpg"))
        images = [cv2.resize(cv2.imread(str(file)), SMALL[::-1]) for file in files]
        contents[camera] = [cv2.imencode(".jpg", image)[1].tobytes() for image in images]
    return contents


class Line(threading.Thread):
    """Writes packages into a folder as plain writers do: in parts, under the final name."""

    def __init__(self, belt: Path, planned: Plan, contents, ahead: int, decided) -> None:
        super().__init__(daemon=True)
        self.belt, self.plan, self.contents = belt, planned, contents
        self.ahead, self.decided = ahead, decided
        self.cut: set[str] = set()

    def run(self) -> None:
        for number in range(self.plan.packages):
            while number - self.decided() > self.ahead:  # as fast as the service, and no faster
                time.sleep(0.01)
            for camera in CAMERAS:
                content = self.contents[camera][number % len(self.contents[camera])]
                name = f"{serial(number)}_{camera}.jpg"
                if camera == "side" and number in self.plan.missing:
                    continue
                if camera == CAMERAS[number // 100 % 2] and number in self.plan.truncated:
                    self.cut.add(name)
                    content = content[: len(content) * 2 // 3]
                with (self.belt / name).open("wb", buffering=0) as file:
                    file.write(content[:1000])
                    file.write(content[1000:])
                if number in self.plan.twice:
                    again = name if number % 400 == 41 else f"{serial(number)}_again_{camera}.jpg"
                    (self.belt / again).write_bytes(content)


def soak(
    folder: Path,
    planned: Plan,
    contents,
    kills: Sequence[int],
    outages: Sequence[int],
    files: str = "move",
    program: Sequence[object] = (FAKE,),
) -> dict[str, float]:
    """Kill the service, and take the webhook away, at these numbers of verdicts; check all.

    Returns what was measured.
    """
    belt, home = folder / "belt", folder / "home"
    belt.mkdir()
    path, lines = home / "ledger.sqlite", folder / "verdicts.jsonl"
    hook, mqtt = Hook(), free_port()
    heard = hook.heard
    with broker(mqtt), subscriber(mqtt, "line") as published:
        service = Service(
            folder, program, belt, "--home", home, "--files", files, "--settle", 0.5, "--wait", 1,
            "--poll", 0.05, "--json-lines", lines, "--webhook", hook.url,
            "--mqtt", f"mqtt://127.0.0.1:{mqtt}/line", "--annotate", "inspect",
        )  # fmt: skip
        ledger = opened(path)

        def decided() -> int:
            return max((entry.id for entry in ledger.recent(1)), default=0)

        line = Line(belt, planned, contents, 200, decided)
        begun = time.monotonic()
        line.start()
        down_since, memory = None, []
        events = sorted([(at, "kill") for at in kills] + [(at, "outage") for at in outages])
        while (count := decided()) < planned.packages:
            assert time.monotonic() - begun < 60 + planned.packages / 10, f"{count} are decided on"
            if events and count >= events[0][0]:
                if events.pop(0)[1] == "kill":
                    service.kill()
                    service.start()
                elif down_since is None:
                    hook.close()
                    down_since = count
            if down_since is not None and count > down_since + planned.packages // 20:
                hook = Hook(hook.port)
                hook.heard = heard
                down_since = None
            if count >= max(kills) + planned.packages // 20:  # of the process that stays
                memory.append((count, service.memory()))
            time.sleep(0.02)
        took = time.monotonic() - begun
        if down_since is not None:
            hook = Hook(hook.port)
            hook.heard = heard
        until(lambda: not any(ledger.pending().values()), 120)
        if files == "move":
            until(lambda: not [*belt.glob("*.jpg")], 20)
        memory.append((planned.packages, service.memory()))
        assert service.end() == 0
        until(lambda: len({told["id"] for told in published}) == planned.packages)
    hook.close()

    # No package is lost, none decided on twice, and each as it came.
    entries = [*ledger.since(0)]
    assert [entry.id for entry in entries] == [*range(1, planned.packages + 1)]
    found = {entry.verdict.serial: entry for entry in entries}
    assert len(found) == planned.packages
    alone = {number for number in range(planned.packages)
             if found[serial(number)].verdict.cameras != "top+side"}  # fmt: skip
    assert alone == planned.missing | planned.truncated
    assert all(found[serial(number)].verdict.reason == "missing_camera" for number in alone)
    assert all(found[serial(number)].verdict.decision == "inspect" for number in alone)
    seen: dict[int, set[tuple[str, float | None]]] = defaultdict(set)
    for number in {*range(planned.packages)} - alone:  # the same pictures, the same answer
        told = found[serial(number)].verdict
        seen[number % len(contents["top"])].add((told.decision, told.score))
    assert all(len(answers) == 1 for answers in seen.values())
    assert len(set.union(*seen.values())) == len(seen)
    assert not any(entry.late for entry in entries)
    for entry in entries:
        for file in entry.files.values():
            assert Path(file).is_file()

    # Receivers have every verdict, in order; a file once, others once by its id.
    ids = [*range(1, planned.packages + 1)]
    assert [json.loads(text)["id"] for text in lines.read_text().splitlines()] == ids
    for told in (heard, published):
        assert [*dict.fromkeys(message["id"] for message in told)] == ids
        assert all(found[each["serial"]].id == each["id"] for each in told)

    # Every bad file is named, in the ledger and in the log, and lies apart.
    problems = Counter(Path(problem.path).name for problem in ledger.problems(10_000))
    assert problems == Counter(line.cut)
    apart = {file.name for file in belt.glob("failed/*/*")}
    assert apart == (line.cut if files == "move" else set())
    log = service.log.read_text()
    assert sum(f"/{name} cannot be used" in log for name in line.cut) >= len(line.cut) - len(kills)
    # The pictures, and nothing that a killed process was writing, hidden or not.
    drawn = sorted(name for _, _, names in os.walk(home / "annotated") for name in names)
    assert drawn == sorted(
        f"{entry.verdict.serial}_{entry.id}_inspect.jpg"
        for entry in entries
        if entry.verdict.decision == "inspect"
    )
    kept = {"annotated", "ledger.sqlite", "ledger.sqlite.lock", "serving.json"}
    assert {path.name for path in home.iterdir()} - {
        f"ledger.sqlite-{end}" for end in ("wal", "shm")
    } == kept
    ledger.close()
    return {
        "packages a second": planned.packages / took,
        "memory at first, MB": memory[0][1],
        "memory half-way, MB": memory[len(memory) // 2][1],
        "memory at the end, MB": memory[-1][1],
        "webhook's messages": len(heard),
        "mqtt's messages": len(published),
        "ledger, MB": path.stat().st_size / 1e6,
    }


def grey(count: int) -> dict[str, list[bytes]]:
    """What stands for rendered packages where there is no time."""
    import numpy as np

    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (*SMALL, 3), np.uint8) for _ in range(count)]
    contents = [cv2.imencode(".jpg", image)[1].tobytes() for image in images]
    return dict.fromkeys(CAMERAS, contents)


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="no /proc")
@pytest.mark.parametrize("files", ["move", "stay"])
def test_a_line_whose_service_is_killed_loses_nothing(tmp_path, files):
    soak(tmp_path, plan(250), grey(8), kills=[50, 100, 150], outages=[70], files=files)


@pytest.mark.sweeps
def test_20_000_packages_at_speed(tmp_path):
    contents = pictures(tmp_path / "rendered", 36)
    kills = [500 + 900 * number for number in range(10)]
    told = soak(tmp_path, plan(20_000), contents, kills, outages=[2000, 6000])
    print("\n" + "\n".join(f"{name}: {value:.1f}" for name, value in told.items()))
    assert told["memory at the end, MB"] < told["memory half-way, MB"] + 8


@pytest.mark.sweeps
def test_1_000_packages_with_an_exported_model(tmp_path, script):
    from untrained import experiment, packages, prepared

    plant = tmp_path / "plant"
    run = experiment(plant, prepared(plant))
    assert script("export", f"run={run}", "output=line.pyz", cwd=plant) == 0
    contents = {
        camera: [file.read_bytes() for file in sorted(images.glob(f"*/{camera}/*.png"))]
        for images in [packages(tmp_path / "images", 12)]
        for camera in CAMERAS
    }
    program = (plant / "line.pyz", "watch")
    told = soak(tmp_path, plan(1000), contents, kills=[150, 350], outages=[250], program=program)
    print("\n" + "\n".join(f"{name}: {value:.1f}" for name, value in told.items()))
    assert told["memory at the end, MB"] < told["memory half-way, MB"] + 8
