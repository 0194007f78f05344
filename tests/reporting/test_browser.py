"""The page in a real browser: it shows all, sorts, filters, and fits a phone and a desk."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from reported import decide, report, write_experiment

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here"),
]
# Stands first in a copy of the page and asks it everything once it is loaded.
ASK = """
const told = {errors: []};
addEventListener("error", (event) => told.errors.push(String(event.message)), true);
addEventListener("securitypolicyviolation", (event) => told.errors.push(event.violatedDirective));
addEventListener("load", async () => {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
  const pictures = [...document.images];
  for (const picture of pictures) picture.loading = "eager";
  await Promise.allSettled(pictures.map((picture) => picture.decode()));
  told.pictures = pictures.map((picture) => picture.naturalWidth);
  told.width = innerWidth;
  told.wide = document.documentElement.scrollWidth;
  const cut = (element) => element.getBoundingClientRect().right > innerWidth + 1;
  const inside = [...document.body.querySelectorAll("*")].filter((one) => !one.closest(".scroll"));
  told.cut = inside.filter(cut).map((one) => one.outerHTML.slice(0, 80));
  const cells = [...document.querySelectorAll("th, td")];
  told.beyond = cells.filter((one) => cut(one)).map((one) => one.textContent);
  told.caption = [...document.querySelectorAll(".note")].map((one) => !!one.closest(".scroll"));
  const table = document.querySelector("table");
  const heads = [...table.tHead.rows[0].cells];
  const column = heads.findIndex((head) => head.textContent.startsWith("AUROC"));
  const values = () => [...table.tBodies[0].rows].map((row) => row.cells[column].dataset.value);
  heads[column].querySelector("button").click();
  told.rising = [values(), heads[column].getAttribute("aria-sort")];
  heads[column].querySelector("button").click();
  told.falling = [values(), heads[column].getAttribute("aria-sort")];
  const filter = document.querySelector("input.filter");
  const rows = () => [...table.tBodies[0].rows].filter((row) => row.offsetHeight > 0).length;
  told.rows = [rows()];
  for (const text of ["guessing side", ""]) {
    filter.value = text;
    filter.dispatchEvent(new Event("input"));
    told.rows.push(rows());
  }
  parent.postMessage(told, "*");
});
"""


# No window is as narrow as a phone: a frame is. What the copy tells stands in the frame's page.
AROUND = """<!doctype html>
<script>
addEventListener("message", (event) => { document.body.textContent = JSON.stringify(event.data); });
</script>
<body><iframe src="asked.html" style="border: 0; width: %dpx; height: 900px"></iframe></body>
"""


def opened(page: Path) -> subprocess.CompletedProcess[str]:
    assert BROWSER is not None
    return subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         f"--user-data-dir={page.parent / 'browser'}", "--window-size=1600,1000", "--dump-dom",
         "--enable-logging=stderr", "--virtual-time-budget=10000", page.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip


def asked(page: Path, folder: Path, width: int) -> tuple[dict[str, Any], str]:
    """What a copy of the page tells of itself, and what the browser logged."""
    source = page.read_text(encoding="utf-8")
    allowed = base64.b64encode(hashlib.sha256(ASK.encode()).digest()).decode()
    source = source.replace("script-src ", f"script-src 'sha256-{allowed}' ", 1)
    copy = folder / "asked.html"
    copy.write_text(source.replace("<style>", f"<script>{ASK}</script><style>", 1), "utf-8")
    around = folder / "around.html"
    around.write_text(AROUND % width, "utf-8")
    ended = opened(around)
    found = re.search(r"<body>({.*?})</body>", ended.stdout, re.DOTALL)
    assert found, ended.stderr[-2000:]
    return json.loads(unescape(found[1])), ended.stderr


@pytest.fixture(scope="module", params=["en", "pt"])
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    experiment = write_experiment(tmp_path_factory.mktemp("outputs") / "shown")
    decide(experiment)
    return report(experiment, request.param)


@pytest.mark.parametrize("width", [360, 1400])
def test_page_in_a_browser(page: Path, tmp_path: Path, width: int) -> None:
    told, log = asked(page, tmp_path, width)
    assert told["errors"] == []
    assert ":CONSOLE" not in log
    assert len(told["pictures"]) > 20
    assert min(told["pictures"]) > 0
    assert told["width"] == told["wide"] == width
    assert told["cut"] == []
    assert told["caption"] == [False] * 4  # captions stay where wide tables scroll
    values, direction = told["rising"]
    numbers = list(map(float, values))
    assert (numbers, direction) == (sorted(numbers), "ascending")
    assert numbers[0] < numbers[-1]
    values, direction = told["falling"]
    assert (list(map(float, values)), direction) == (numbers[::-1], "descending")
    everything, found, again = told["rows"]
    assert found < everything == again


def test_nothing_is_cut_off_in_print(page: Path, tmp_path: Path) -> None:
    """On A4 landscape without its margins, with as long a name as a folder's model may have."""
    source = page.read_text(encoding="utf-8").replace("@media print", "@media all")
    copy = tmp_path / "printed.html"
    copy.write_text(
        re.sub(r">good<", f">local-dir:{'exports_of_the_plant_' * 6}<", source), "utf-8"
    )
    told, _ = asked(copy, tmp_path, 1031)
    assert told["beyond"] == told["cut"] == []
    assert told["wide"] == 1031


def test_a_script_that_is_not_ours_does_not_run(page: Path, tmp_path: Path) -> None:
    """Whatever got into the page: its policy lets one script run, by its hash."""
    hostile = page.read_text(encoding="utf-8").replace(
        "<h1>", "<h1><script>document.title = 'taken'</script><img src=x onerror=alert(1)>", 1
    )
    copy = tmp_path / "hostile.html"
    copy.write_text(hostile, "utf-8")
    ended = opened(copy)
    assert "<title>taken" not in ended.stdout
    assert 'class="filter"' in ended.stdout  # ours did
    assert "Content Security Policy" in ended.stderr
