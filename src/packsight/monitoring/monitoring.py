"""A line's monitor across restarts: the first packages of a model, and the last ones."""

import hashlib
import json
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from packsight.ledger.ledger_entries import LedgerEntries
from packsight.line.reference import Reference
from packsight.monitoring.drift import Monitor
from packsight.monitoring.signals import KEPT, SETTLE
from packsight.system.files import read_json, write_json

FILE = "serving.json"  # since when which model serves, in the service's folder
FIRST = 2 * SETTLE  # packages at most in which the first ones of a camera are looked for
RESUMED = 2 * KEPT  # last packages that are looked at again
REMEDY = "remove it: scores and decisions are then compared with the next packages"


def catch_up(monitor: Monitor, ledger: LedgerEntries, home: Path, until: int) -> None:
    """Show a new monitor packages of before a restart, up to the one with the id `until`.

    Those are the first of its model, which scores and decisions are compared with, and the last.
    Another reference than before is that of another model: it begins with what comes from now on.
    Raises UserError where the service's folder cannot be read or written.
    """
    since = _since(monitor.reference, home / FILE)
    last = max(until - RESUMED, 0)
    for entry in islice(ledger.since(since), FIRST):
        if entry.id > last or monitor.settled:
            break
        monitor.add(entry.at, entry.verdict)
    newest = ledger.after(last, RESUMED)
    monitor.resume((one.at, one.verdict) for one in newest if since <= one.at and one.id <= until)


def spared(ledger: LedgerEntries, home: Path) -> Callable[[int], bool]:
    """Whether a restart needs the package with an id, however old it is: see `catch_up`."""
    newest, first = ledger.recent(1), range(0)
    last = newest[0].id - RESUMED if newest else 0
    if (home / FILE).exists():
        since = float(read_json(home / FILE, ["since"], REMEDY)["since"])
        ids = [entry.id for entry in islice(ledger.since(since), FIRST)]
        first = range(ids[0], ids[-1] + 1) if ids else first
    return lambda id: id in first or id > last


def _since(reference: Reference, file: Path) -> float:
    """The time from which on this reference's model serves."""
    content = json.dumps(reference.to_dict(), sort_keys=True).encode()
    digest = hashlib.sha256(content).hexdigest()
    if file.exists():
        known = read_json(file, ["reference", "since"], REMEDY)
        if known["reference"] == digest:
            return float(known["since"])
    now = time.time()
    write_json(file, {"reference": digest, "since": now})
    return now
