"""Alarms of a line that no longer looks like validation, told and kept as they begin."""

import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from packsight.ledger.ledger import Ledger
from packsight.ledger.ledger_entries import Entry
from packsight.monitoring.drift import Alarm, Monitor
from packsight.monitoring.monitoring import catch_up
from packsight.page.words import words
from packsight.receivers.receiver import Receiver

log = logging.getLogger("packsight.watch")


class Alarms(Receiver):
    """Takes verdicts as receivers do: comparing them takes longer than a package may wait."""

    name = "alarms"

    def __init__(self, monitor: Monitor, home: Path) -> None:
        self._monitor, self._home = monitor, home

    def begin(self, ledger: Ledger) -> None:
        self._ledger = ledger
        catch_up(self._monitor, ledger, self._home, ledger.acknowledged(self.name))

    def deliver(self, entries: Sequence[Entry]) -> Iterator[int]:
        for entry in entries:
            for alarm in self._monitor.add(entry.at, entry.verdict):
                text = _told(alarm)
                log.warning(text)
                self._ledger.add_alarm(alarm.kind, alarm.camera, alarm.began, text)
            yield entry.id


def _told(alarm: Alarm) -> str:
    """An alarm as a sentence."""
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(alarm.began))
    of = f" ({alarm.camera})" if alarm.camera else ""
    return f"{words('en')(f'alarm.{alarm.kind}')}{of}, since {began}"
