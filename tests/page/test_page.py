"""The page tells what the ledger holds, can only be read, and gives out no other file."""

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from line_stream import Stream, record

from packsight.errors import UserError
from packsight.export.modules import closure
from packsight.ledger.ledger import Ledger
from packsight.line.reference import Reference
from packsight.line.verdict import ImageSeen, Verdict
from packsight.monitoring.drift import ALARMS, KINDS, OF_PACKAGES, Monitor
from packsight.page import overview
from packsight.page.overview import Line
from packsight.page.page import ASSETS, AT_ONCE, Page
from packsight.page.words import LANGUAGES, site, spoken, words

HOSTILE = '<img src=x onerror="alert(1)">'
DESCRIPTION = {"packsight": "0.3", "cameras": ["top", "side"],
               "decision": {"kind": "costs", "share": 0.02, "accept_below": 0.2,
                            "reject_from": 0.7, "packages": {"intact": 18}}}  # fmt: skip


class Served:
    """A page of three packages, and what it answers."""

    def __init__(self, folder: Path) -> None:
        self.stream, self.folder, self.problem = Stream(), folder, ""
        self.ledger = Ledger(folder / "ledger.sqlite")
        self.monitor = Monitor(Reference({}, 0))
        self.verdicts = [self.stream.package() for _ in range(3)]
        self.verdicts[1] = replace(self.verdicts[1], decision="reject", seconds={"decode": 0.02})
        self.files = [record(self.ledger, folder, verdict) for verdict in self.verdicts]
        opened = lambda: Ledger(folder / "ledger.sqlite", read_only=True)  # noqa: E731
        line = Line(opened, self.monitor, DESCRIPTION, lambda: 5, lambda: self.problem)
        self.page = Page("127.0.0.1:0", line)
        self.port = int(self.page.url.rstrip("/").rpartition(":")[2])

    def ask(self, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(
            method, path, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
        answer = connection.getresponse()
        answer.content = answer.read()  # type: ignore[attr-defined]
        return answer

    def state(self, language: str = "en") -> Any:
        return json.loads(self.ask(f"/state.json?lang={language}").content)


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(overview, "FRESH_S", 0.0)
    served = Served(tmp_path)
    yield served
    served.page.close()
    served.ledger.close()


def test_packages_are_told_the_newest_first_with_their_windows(served):
    state = served.state()
    assert [seen["serial"] for seen in state["packages"]] == [
        verdict.serial for verdict in reversed(served.verdicts)
    ]
    seen = state["packages"][1]
    assert (seen["decision"], seen["decision_text"]) == ("reject", "Reject")
    assert [image["camera"] for image in seen["images"]] == ["top", "side"]
    window = served.verdicts[1].images[0].window
    corners = np.array(seen["images"][0]["corners"])
    assert corners.mean(axis=0) == pytest.approx([window.x, window.y], abs=1)
    assert np.linalg.norm(corners[1] - corners[0]) == pytest.approx(window.width, abs=1)
    assert state["shift"]["packages"] == "3"
    assert {one["kind"]: one["count"] for one in state["shift"]["decisions"]}["reject"] == "1"
    assert state["shift"]["latency"] == [["50 %", "20 ms"], ["95 %", "20 ms"], ["99 %", "20 ms"]]
    assert state["shift"]["queue"] == "5"
    assert ["damaged packages on the line", "2.0\u00a0%"] in state["model"]


def test_a_new_package_is_told(served):
    served.state()
    new = served.stream.package()
    record(served.ledger, served.folder, new)
    assert served.state()["packages"][0]["serial"] == new.serial
    assert served.state()["shift"]["packages"] == "4"


def test_images_are_those_of_the_ledger_and_small(served):
    answer = served.ask("/image/2/side")
    assert answer.headers["Content-Type"] == "image/jpeg"
    small = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
    assert small.shape == (270, 480, 3)
    assert abs(int(small[250, 470, 0]) - 120) < 4  # the side camera's grey
    large = served.ask("/image/2/side?large").content
    assert cv2.imdecode(np.frombuffer(large, np.uint8), cv2.IMREAD_COLOR).shape == (540, 960, 3)


@pytest.mark.parametrize(
    "path",
    ["/image/99/top", "/image/0/top", "/image/1/bottom", "/image/1/../top", "/image/-1/top",
     "/image/1/top/..", "/../../../../etc/passwd", "/image/1/%2e%2e%2fledger.sqlite", "/en.json",
     "/page.html", "/site/page.js", "//etc/passwd", "/image/999999999999999999999/top",
     "/image/1/" + "a" * 5000, "/image/99999999999999999/top"],
)  # fmt: skip
def test_no_other_file_is_given_out(served, path):
    assert served.ask(path).status == 404


def test_a_file_that_is_gone_or_no_image_is_not_there(served):
    served.files[0]["top"].unlink()
    served.files[1]["top"].write_text("secret")
    for number in (1, 2):
        answer = served.ask(f"/image/{number}/top")
        assert (answer.status, b"secret" in answer.content) == (404, False)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_nothing_can_be_changed(served, method):
    answer = served.ask("/", method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert served.ask("/", "HEAD").content == b""


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:8080", 200), ("localhost", 200), ("[::1]:8080", 200), ("192.168.0.7:80", 200),
     (f"{socket.gethostname()}:8080", 200), ("evil.example", 421), ("127.0.0.1.evil.example", 421),
     ("localhost.evil.example:8080", 421), ("", 421), ("127.0.0.1@evil.example", 421)],
)  # fmt: skip
def test_only_its_own_names_are_answered(served, host, status):
    """DNS rebinding leads a foreign name here, for its page to read this one."""
    for path in ("/", "/state.json", "/image/1/top", "/metrics"):
        assert served.ask(path, Host=host).status == status


def test_every_answer_forbids_all_but_the_pages_own_files(served):
    paths = ["/", *ASSETS, "/state.json", "/health", "/metrics", "/image/1/top", "/nothing"]
    for path in paths:
        headers = served.ask(path).headers
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy.pop("default-src") == "'none'"
        assert {*policy.values()} <= {"'self'", "'none'"}
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in headers
    page = site("page.html").decode() + site("page.js").decode()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", page)
    assert not re.search(r" style=| on\w+=|<script>|<style>|https?://(?!www\.w3\.org)", page)


def test_what_others_wrote_is_text(served):
    seen = ImageSeen("top", "x.png", f"broken {HOSTILE}")
    verdict = Verdict(HOSTILE, "inspect", HOSTILE, None, None, "", (seen,))
    served.ledger.decide(verdict, [])
    answer = served.ask("/state.json")
    assert answer.headers["Content-Type"].startswith("application/json")
    assert json.loads(answer.content)["packages"][0]["serial"] == HOSTILE
    assert HOSTILE not in served.ask(f"/?lang={HOSTILE.replace(' ', '%20')}").content.decode()


def test_health_is_503_when_something_is_wrong(served, tmp_path):
    assert (served.ask("/health").status, json.loads(served.ask("/health").content)) == (
        200, {"status": "ok", "problem": "", "queue": 5, "pending": {}, "alarms": []}
    )  # fmt: skip
    served.problem = "the disk is full"
    answer = served.ask("/health")
    assert (answer.status, json.loads(answer.content)["problem"]) == (503, "the disk is full")
    assert served.state()["state"] == {
        "kind": "bad", "text": "Not in order", "detail": "the disk is full"
    }  # fmt: skip
    assert b"packsight_up 0.0" in served.ask("/metrics").content


def test_a_ledger_that_cannot_be_read_is_told(served):
    served.ledger.close()
    for file in served.folder.glob("ledger.sqlite*"):
        file.unlink()
    for path in ("/health", "/state.json", "/metrics"):
        answer = served.ask(path)
        assert answer.status == 503
        assert "cannot be read" in json.loads(answer.content)["problem"]


def test_metrics_are_what_prometheus_reads(served):
    answer = served.ask("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = answer.content.decode().splitlines()
    label = r'[a-z_]+="(?:[^"\\\n]|\\[\\"n])*"'
    sample = re.compile(rf"packsight_[a-z_]+(?:\{{{label}(?:,{label})*\}})? [-+\d.e]+(?:inf|nan)?")
    typed = set()
    for line in lines:
        if line.startswith("# TYPE"):
            typed.add(line.split()[2])
        elif not line.startswith("# HELP"):
            assert sample.fullmatch(line), line
            assert re.match(r"\w+", line)[0] in typed
    assert 'packsight_packages_total{decision="reject"} 1.0' in lines
    assert 'packsight_shift_latency_seconds{quantile="0.95"} 0.02' in lines
    assert 'packsight_alarm{kind="rejects",camera=""} 0.0' in lines


def test_an_alarm_is_told_everywhere(served):
    for at in range(500):
        served.monitor.add(time.time(), served.stream.package(rejects=0.8 if at > 400 else 0.02))
    assert [alarm["text"] for alarm in served.state()["alarms"]] == ["More packages are rejected"]
    assert served.state("pt")["state"]["text"] == "1 alarme"
    assert json.loads(served.ask("/health").content)["alarms"] == [["rejects", ""]]
    assert b'packsight_alarm{kind="rejects",camera=""} 1.0' in served.ask("/metrics").content


def test_many_at_once_are_answered_or_sent_away(served):
    """Whoever opens connections and says nothing takes no thread from the line."""
    silent = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(2 * AT_ONCE)]
    time.sleep(0.3)
    threads = [thread for thread in threading.enumerate() if "process_request" in thread.name]
    assert len(threads) <= AT_ONCE
    for connection in silent:
        connection.close()
    time.sleep(0.3)
    assert served.ask("/health").status == 200


def test_an_address_that_cannot_be_had_is_told(served):
    line = Line(lambda: served.ledger, served.monitor, {})
    for address in (f"127.0.0.1:{served.port}", "127.0.0.1:no", "192.0.2.1:80"):
        with pytest.raises(UserError, match=f"cannot be served at {address}"):
            Page(address, line)


@pytest.mark.parametrize(
    ("wanted", "language"),
    [("pt-BR,pt;q=0.9,en;q=0.8", "pt"), ("en-GB,en;q=0.9,pt;q=0.8", "en"), ("de,pt;q=0.2", "pt"),
     ("pt;q=0.1,en;q=0.9", "en"), ("", "en"), ("fr", "en"), ("pt;q=x", "en"), ("pt;q=0", "en")],
)  # fmt: skip
def test_the_language_is_the_browsers_or_the_one_that_was_chosen(served, wanted, language):
    assert spoken(wanted) == language
    tag = words(language)("language.tag")
    assert f'<html lang="{tag}">' in served.ask("/", Accept_Language=wanted).content.decode()
    chosen = served.ask("/?lang=pt", Accept_Language=wanted).content.decode()
    assert '<html lang="pt-BR">' in chosen


def test_both_languages_say_the_same():
    english, *others = (words(language).entries for language in LANGUAGES)
    for entries in others:
        assert entries.keys() == english.keys()
        for key, text in entries.items():
            assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", english[key])), key
            if len(re.findall(r"\b[a-z]{3,}", english[key])) > 2:
                assert text != english[key]
    needed = [f"alarm.{kind}" for kind in ALARMS]
    needed += [f"signal.{name}" for name in (*KINDS, *OF_PACKAGES, "not_found", "missing")]
    needed += re.findall(r"\{\{([\w.]+)\}\}", site("page.html").decode())
    assert {*needed} - {*english, "lang", "other"} == set()
    assert 'say("' not in "".join(english.values())
    assert words("pt").number(1234.5, ",.1f") == "1.234,5"


def test_the_page_works_from_a_lines_file(tmp_path):
    archive = tmp_path / "line.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for place, content in closure("packsight.page.page").items():
            opened.writestr(place, content)
    code = f"import sys; sys.path.insert(0, {str(archive)!r}); from packsight.page import words; "
    code += "print(words.__file__, len(words.site('page.js')), words.words('pt')('title'))"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=os.environ | {"PYTHONPATH": ""},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert str(archive) in ended.stdout
    assert ended.stdout.split()[1:] == [str(len(site("page.js"))), "Linha"]


def test_every_word_is_used():
    folder = Path(__file__).parents[2] / "src/packsight/page"
    text = "".join(file.read_text("utf-8") for file in folder.glob("*.py"))
    text += site("page.html").decode()
    named = (
        "decision",
        "decided",
        "reason",
        "camera",
        "alarm",
        "signal",
        "model",
        "kind",
        "state",
        "receiver",
        "value",
    )
    unused = [
        key for key in words("en").entries if key not in text and key.split(".")[0] not in named
    ]
    assert unused == []
