import json
import os
import signal
import subprocess
import sys
import urllib.request
from argparse import ArgumentParser
from pathlib import Path

import pytest
from fake_line import FakeLine, picture, write
from service_receivers import Hook, free_port, opened, until

from packsight.errors import UserError
from packsight.service.command import main
from packsight.service.options import add_settings, read_settings
from packsight.service.watch import watch

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def service(tmp_path):
    """Start the service with these options on the folder `belt`."""
    (tmp_path / "belt").mkdir()
    processes = []

    def start(*options):
        command = [sys.executable, ROOT / "tests" / "fake_line.py", "belt", *options]
        path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
        process = subprocess.Popen(
            [*map(str, command)], cwd=tmp_path, env=os.environ | {"PYTHONPATH": path},
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_what_is_in_hand_and_ends_with_0(service, tmp_path, stop):
    process = service("--json-lines", "verdicts.jsonl", "--verbose")
    for camera in ("top", "side"):
        write(tmp_path / "belt", f"1_{camera}.png", picture(20))
    lines = tmp_path / "verdicts.jsonl"
    until(lambda: lines.is_file() and lines.read_text(), 30)
    process.send_signal(stop)
    told = process.communicate(timeout=20)[1].splitlines()
    assert process.returncode == 0
    assert json.loads(lines.read_text())["serial"] == "1"
    assert [line.split(" ", 2)[2] for line in told] == [
        "INFO watching belt; ledger line/ledger.sqlite",
        "DEBUG package 1: reject (score)",
        "INFO stopped; 1 packages were decided on since the start",
    ]
    assert [*(tmp_path / "line" / "annotated").glob("*/1_1_reject.jpg")]


def test_what_a_killed_service_was_writing_is_gone_after_the_next_start(service, tmp_path):
    home = tmp_path / "line"
    half = [home / "annotated/2026-11-20/.32659.1_1_reject.jpg", home / ".32659.serving.json"]
    others = [home / "annotated/2026-11-20/1_1_reject.jpg", home / ".32659.of_somebody.json"]
    arriving = tmp_path / "belt" / ".32659.png"  # as a careful writer names what is not whole
    for path in (*half, *others, arriving):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    service()
    opened(home / "ledger.sqlite")
    until(lambda: not any(path.exists() for path in half))
    assert all(path.is_file() for path in (*others, arriving))


def test_one_ledger_has_one_watch(service, tmp_path):
    service()
    opened(tmp_path / "line" / "ledger.sqlite")
    second = service()
    told = second.communicate(timeout=30)[1]
    assert second.returncode != 0
    assert "in the hands of another watch" in told


def test_the_page_shows_the_line(service, tmp_path):
    port = free_port()
    service("--page", f"127.0.0.1:{port}")
    for camera in ("top", "side"):
        write(tmp_path / "belt", f"1_{camera}.png", picture(20))
    ledger = opened(tmp_path / "line" / "ledger.sqlite")
    until(lambda: ledger.recent(1))
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        assert b"reject" in answer.read()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
        assert answer.status == 200


def test_each_of_several_receivers_has_all(service, tmp_path):
    hooks = [Hook(), Hook()]
    options = [value for hook in hooks for value in ("--webhook", hook.url)]
    service(*options, "--json-lines", "a.jsonl", "--json-lines", "b.jsonl")
    for serial in range(5):
        for camera in ("top", "side"):
            write(tmp_path / "belt", f"{serial}_{camera}.png", picture(20, mark=serial))
    until(lambda: all(len(hook.heard) == 5 for hook in hooks), 30)
    files = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    until(lambda: all(len(file.read_text().splitlines()) == 5 for file in files))
    for hook in hooks:
        assert [told["id"] for told in hook.heard] == [1, 2, 3, 4, 5]
        hook.close()


@pytest.mark.parametrize(
    "twice",
    [("--json-lines", "a.jsonl", "b/../a.jsonl"), ("--webhook", "http://a/b?c", "http://a/b?d")],
)
def test_a_receiver_is_named_once(tmp_path, twice):
    option, first, second = twice
    values = [tmp_path / value if option == "--json-lines" else value for value in (first, second)]
    parser = ArgumentParser()
    add_settings(parser)
    arguments = [tmp_path, "--home", tmp_path / "home", option, values[0], option, values[1]]
    with pytest.raises(UserError, match="a receiver of verdicts is named twice"):
        watch(read_settings(parser.parse_args([*map(str, arguments)])), FakeLine())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["watch"], "watch needs a folder"),
        (["watch", "nowhere"], "nowhere is no folder"),
        (["watch", ".", "--settings", "none.yaml"], "none.yaml cannot be read"),
        (["watch", "."], "no line's file was given"),
    ],
)
def test_mistakes_are_sentences_and_exit_code_2(capsys, monkeypatch, tmp_path, arguments, told):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert told in capsys.readouterr().err


def test_help_teaches_each_setting(capsys):
    with pytest.raises(SystemExit) as raised:
        main(["watch", "--help"])
    assert raised.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Choose more than the longest pause of whatever writes the files" in shown
    assert "(default: 10.0)" in shown
