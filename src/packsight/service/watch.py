"""`watch`: the service that decides on packages as their images arrive in folders."""

import argparse
import logging
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from packsight.errors import UserError
from packsight.ledger.ledger import Ledger
from packsight.ledger.ledger_entries import Entry
from packsight.ledger.ledger_file import alone
from packsight.monitoring.drift import Monitor
from packsight.monitoring.monitoring import FILE
from packsight.page.overview import Line
from packsight.page.page import Page
from packsight.preparation.layout import Name
from packsight.preparation.layout_pattern import PatternLayout
from packsight.preparation.layout_standard import StandardLayout
from packsight.receivers.annotation import Annotations
from packsight.receivers.delivery import Delivery
from packsight.receivers.json_lines import JsonLines
from packsight.receivers.modbus import Modbus
from packsight.receivers.mqtt import Mqtt
from packsight.receivers.receiver import Receiver
from packsight.receivers.webhook import Webhook
from packsight.service.alarms import Alarms
from packsight.service.opening import add_line_options, open_line
from packsight.service.options import add_settings, read_settings
from packsight.service.retention import Retention
from packsight.service.settings import Settings
from packsight.service.watcher import Watcher
from packsight.system.files import making_folder
from packsight.system.half_written import clear_below, clear_beside

ANNOTATED = "annotated"  # in the service's folder
DRAIN_S = 5.0  # for receivers, once the watch has ended
log = logging.getLogger("packsight.watch")


def register(commands: Any) -> None:
    """Add the command to argparse's subcommands."""
    parser = commands.add_parser(
        "watch",
        help="decide on packages as their images arrive in folders, and tell receivers",
        description="Decide on packages as their images arrive in folders. Each is decided on once "
        "per content, whatever is killed when; what a receiver has not acknowledged is sent again. "
        "SIGTERM or Ctrl-C finishes the package in hand and ends with exit code 0.",
    )
    add_settings(parser)
    add_line_options(parser)
    parser.set_defaults(run=run)


def watch(settings: Settings, model: Any) -> int:
    """Watch until a signal says to stop; gives the exit code. Raises UserError for mistakes.

    `model` is a LineModel, or has its cameras, decide, description and reference.
    """
    path = making_folder(settings.home) / "ledger.sqlite"
    with closing(alone(path)), closing(Ledger(path)) as ledger, _logging(settings.verbose):
        _clear(settings.home)
        monitor = Monitor(model.reference)
        receivers = [*_receivers(settings, ledger.origin), Alarms(monitor, settings.home)]
        deliveries = [Delivery(each, path) for each in receivers]
        for delivery in deliveries:
            ledger.add_receiver(delivery.name)
        for gone in ledger.keep_receivers([delivery.name for delivery in deliveries]):
            log.warning("%s is wanted no more: %d verdicts stay unsent", gone.name, gone.pending)

        def decided(entry: Entry) -> None:
            for delivery in deliveries:
                delivery.tell()

        watcher = Watcher(
            model, ledger, settings.folders, namer(settings),
            settle=settings.settle, wait=settings.wait, poll=settings.poll,
            moves=settings.files == "move", skip=[settings.home], decided=decided,
        )  # fmt: skip
        with _page(settings, path, monitor, model, watcher), _signals(watcher.stopping.set):
            for delivery in deliveries:
                delivery.start()
            retention = Retention(
                path, settings.home / ANNOTATED, settings.keep_days, settings.folders
            )
            if settings.keep_days:
                retention.start()
            folders = ", ".join(map(str, settings.folders))
            log.info("watching %s; ledger %s", folders, path)
            try:
                watcher.run()
            finally:
                retention.end()
                _end(deliveries)
            log.info("stopped; %d packages were decided on since the start", watcher.count)
    return 0


@contextmanager
def _page(
    settings: Settings, path: Path, monitor: Monitor, model: Any, watcher: Watcher
) -> Iterator[None]:
    """The page, where one is wanted."""
    if settings.page is None:
        yield
        return
    line = Line(
        lambda: Ledger(path, read_only=True), monitor, model.description,
        queue=watcher.waiting, problem=lambda: watcher.problem, hours=settings.shifts,
    )  # fmt: skip
    with closing(Page(settings.page, line)) as page:
        log.info("the page of the line is %s", page.url)
        yield


def namer(settings: Settings) -> Callable[[str], Name]:
    """What tells serial and camera of a path that begins with the watched folder's name."""
    cameras = {"top": settings.top_words, "side": settings.side_words}
    if settings.pattern:
        layout = PatternLayout(settings.pattern, settings.camera, cameras=cameras)
        return layout.namer(Path(), [])
    named = StandardLayout(cameras=cameras).namer(Path(), [])

    def name(path: str) -> Name:
        found = named(path)
        return found._replace(perspective=found.perspective or settings.camera)

    return name


def _receivers(settings: Settings, origin: str) -> list[Receiver]:
    """Raises UserError for what cannot be one, and for two that are the same."""
    files = settings.json_lines
    for file in files:
        making_folder(file.parent)
    receivers: list[Receiver] = [
        *(JsonLines(file, origin) for file in files),
        *(Mqtt(url, origin) for url in settings.mqtt),
        *(Webhook(url, origin) for url in settings.webhook),
        *(Modbus(url) for url in settings.modbus),
    ]
    names = [each.name for each in receivers]
    same = {name for name in names if names.count(name) > 1}
    if same or len({file.resolve() for file in files}) < len(files):
        told = ", ".join(sorted(same) or map(str, files))
        raise UserError(f"a receiver of verdicts is named twice ({told}); name each once.")
    if wanted := [decision for decision in settings.annotate if decision != "none"]:
        receivers.append(Annotations(settings.home / ANNOTATED, wanted))
    return receivers


def _clear(home: Path) -> None:
    """Remove what a killed service was writing; nobody else does while its ledger is held."""
    clear_below(home / ANNOTATED)
    clear_beside(home / FILE)


def _end(deliveries: Sequence[Delivery]) -> None:
    """Let receivers take what is there, for as long as DRAIN_S."""
    for delivery in deliveries:
        delivery.end()
    end = time.monotonic() + DRAIN_S
    for delivery in deliveries:
        delivery.join(max(0.0, end - time.monotonic()))


@contextmanager
def _logging(verbose: bool) -> Iterator[None]:
    """A plain line per event on standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    propagated, log.propagate = log.propagate, False
    log.setLevel(logging.DEBUG if verbose else logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.propagate = propagated


@contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT ask the watch to stop."""

    def asked(number: int, frame: FrameType | None) -> None:
        stop()

    before = {each: signal.signal(each, asked) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def run(args: argparse.Namespace) -> int:
    """Of the command line's arguments."""
    settings = read_settings(args)
    try:
        return watch(settings, open_line(args))
    except sqlite3.OperationalError as error:  # such as a disk that is full: the next start goes on
        print(f"error: the ledger in {settings.home} cannot be used ({error})", file=sys.stderr)
        return 1
    except sqlite3.DatabaseError as error:
        raise UserError(
            f"the ledger in {settings.home} is damaged ({error}); restore it from a copy, or move "
            "it away, and a new one is made."
        ) from error
