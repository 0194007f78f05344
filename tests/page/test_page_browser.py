"""The line's page in a real browser: it shows what happens, and fits a phone and a desk."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from line_stream import Stream, record

from packsight.ledger.ledger import Ledger
from packsight.line.verdict import ImageSeen, Verdict
from packsight.monitoring.drift import Monitor
from packsight.page import page as served
from packsight.page.overview import Line
from packsight.page.page import Page
from packsight.page.words import site

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here"),
]
HOSTILE = "<img src=x onerror=\"document.title='taken'\">" + "long" * 40
# Stands first in the page and asks it everything once it has shown what there is.
ASK = """
const found = {errors: []};
addEventListener("error", (event) => found.errors.push(String(event.message)), true);
addEventListener("securitypolicyviolation", (event) => found.errors.push(event.violatedDirective));
async function ask() {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
  for (const image of document.images) image.loading = "eager";
  await Promise.allSettled([...document.images].map((image) => image.decode()));
  found.pictures = [...document.images].map((image) => image.naturalWidth);
  found.width = innerWidth;
  found.wide = document.documentElement.scrollWidth;
  const cut = (one) => one.getBoundingClientRect().right > innerWidth + 1;
  const all = [...document.body.querySelectorAll("*")];
  const told = (some) => some.map((one) => one.outerHTML.slice(0, 80));
  found.cut = told(all.filter((one) => !one.closest("svg") && cut(one)));
  const clipped = (one) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0;
  const boxed = (one) => getComputedStyle(one).display !== "inline";
  found.clipped = told(all.filter((one) => boxed(one) && clipped(one)));
  found.text = document.body.innerText;
  found.serials = [...document.querySelectorAll(".serial")].map((one) => one.textContent);
  found.windows = document.querySelectorAll("polygon.window").length;
  parent.postMessage(found, "*");
}
const ready = setInterval(() => {
  if (!document.querySelector(".package")) return;
  clearInterval(ready);
  ask();
}, 50);
"""
# No window is as narrow as a phone: a frame is. What the page tells stands in the frame's page.
AROUND = """<!doctype html><script src="/around.js"></script>
<body><iframe src="/?lang=%s" width="%d" height="900" frameborder="0"></iframe></body>"""
LISTEN = """
addEventListener("message", (event) => { document.body.textContent = JSON.stringify(event.data); });
"""


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    stream = Stream()
    monitor = Monitor(stream.reference())
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.add_receiver("mqtt")
    now = time.time()
    for place in range(400):
        verdict = stream.package(light=0.5 if place > 350 else 1.0)
        monitor.add(now - 400 + place, verdict)
        if place >= 390:
            record(ledger, tmp_path, verdict)
    lost = ImageSeen("side", "x.png", f"cannot be used {HOSTILE}")
    ledger.decide(Verdict(HOSTILE, "inspect", "no_score", None, None, "", (lost,)), [])
    ledger.failed("mqtt", f"refused {HOSTILE}")
    description = {"version": "1", "runs": {"top": "a/very/long/path/of/a/run" * 4}}
    opened = lambda: Ledger(tmp_path / "ledger.sqlite", read_only=True)  # noqa: E731
    page = Page("127.0.0.1:0", Line(opened, monitor, description))
    added = {"around.js": LISTEN, "ask.js": ASK}
    added |= {f"{one}-{size}": AROUND % (one, size) for one in ("en", "pt") for size in (360, 1400)}
    kinds = {"js": "text/javascript"}

    def with_questions(name: str) -> bytes:
        if name == "page.html":
            return site(name).replace(b"<title>", b'<script src="/ask.js"></script><title>', 1)
        return added[name].encode() if name in added else site(name)

    monkeypatch.setattr(served, "site", with_questions)
    monkeypatch.setattr(served, "POLICY", served.POLICY + "; frame-src 'self'")
    more = {f"/{name}": kinds.get(name.rpartition(".")[2], "text/html") for name in added}
    monkeypatch.setattr(served, "ASSETS", served.ASSETS | more)
    yield page
    page.close()
    ledger.close()


def told(url: str, folder: Path) -> tuple[dict[str, Any], str]:
    """What the page tells of itself, and what the browser logged."""
    assert BROWSER is not None
    ended = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         f"--user-data-dir={folder / 'browser'}", "--window-size=1600,1000", "--dump-dom",
         "--enable-logging=stderr", "--virtual-time-budget=10000", url],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = re.search(r"<body>({.*?})</body>", ended.stdout, re.DOTALL)
    assert found, ended.stderr[-2000:] + ended.stdout[-2000:]
    return json.loads(unescape(found[1])), ended.stderr


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize(
    ("language", "alarm"), [("en", "The image became darker"), ("pt", "A imagem ficou mais escura")]
)
def test_page_in_a_browser(
    page: Page, tmp_path: Path, width: int, language: str, alarm: str
) -> None:
    found, log = told(f"{page.url}{language}-{width}", tmp_path)
    assert found["errors"] == []
    assert ":CONSOLE" not in log
    assert len(found["pictures"]) == 20
    assert min(found["pictures"]) == 480
    assert found["windows"] == 20
    assert found["width"] == found["wide"] == width
    assert found["cut"] == []
    assert found["clipped"] == []
    assert found["serials"][0] == HOSTILE  # as text
    assert alarm in found["text"]
