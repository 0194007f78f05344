"""The settings of `watch`, each defined once; `options` reads them."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packsight.decision.terms import Action
from packsight.domain import Perspective


def _seconds(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise ValueError
    return value


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not 0 < int(port) < 65536:
        raise ValueError
    return text


def _hour(text: str) -> int:
    value = int(text)
    if not 0 <= value < 24:
        raise ValueError
    return value


def _days(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError
    return value


def _path(text: str) -> Path:
    if not text.strip():
        raise ValueError
    return Path(text).expanduser()


def _setting(
    default: Any, help: str, read: Callable[[str], Any] = str, **more: Any
) -> Any:  # dataclasses.field is typed the same way
    """A field with its help; `form` is what a value looks like, `choices` are the only values.

    There may be several where `many` (with commas between them) or `repeated` (the option, or a
    list in the file) is true.
    """
    return field(default=default, metadata={"help": help, "read": read, **more})


@dataclass(frozen=True)
class Settings:
    folders: tuple[Path, ...] = _setting(
        (), "folder in which images arrive, with the folders below it", _path, many=True,
        form="FOLDER",
    )  # fmt: skip
    pattern: str | None = _setting(
        None,
        "how an image's path tells serial and camera, such as {serial}-{camera} or "
        "{camera}/{anything}_{serial}; without it names are <serial>_<camera>.<suffix>. The path "
        "begins with the watched folder's own name, so that a folder for each camera can tell it",
        form="PATTERN",
    )
    camera: str | None = _setting(
        None, "camera that took the images whose path tells none", choices=tuple(Perspective)
    )
    top_words: tuple[str, ...] = _setting(
        (), "further words that stand for the camera above, such as cam1", many=True, form="WORD"
    )
    side_words: tuple[str, ...] = _setting(
        (), "further words that stand for the camera beside", many=True, form="WORD"
    )
    settle: float = _setting(
        10.0,
        "how long a file has to keep its size and time before it counts as complete although its "
        "end cannot be seen. PNG, JPEG, WebP and BMP show their end: they are taken at once when "
        "it is there, and without it they are damaged after this time. Choose more than the "
        "longest pause of whatever writes the files",
        _seconds, form="SECONDS",
    )  # fmt: skip
    wait: float = _setting(
        10.0,
        "how long a package waits for its other camera before one camera decides alone. Choose "
        "more than the time between the two cameras, and less than the way to the ejector",
        _seconds, form="SECONDS",
    )  # fmt: skip
    poll: float = _setting(
        0.1,
        "time between two looks into the folders; longer where they lie on a slow network",
        _seconds, form="SECONDS",
    )  # fmt: skip
    files: str = _setting(
        "stay",
        "what becomes of an image that is decided on: it stays, or moves to done/<day>/ in the "
        "watched folder, and to failed/<day>/ if it cannot be used",
        choices=("stay", "move"),
    )
    home: Path = _setting(  # noqa: RUF009
        Path("line"),
        "the service's own folder: ledger.sqlite, which holds every verdict, and annotated/",
        _path, form="FOLDER",
    )  # fmt: skip
    keep_days: int = _setting(
        0,
        "days for which a package stays in the ledger and in annotated/; 0, the default, is for "
        "ever. It leaves only once every receiver has taken its verdict and its files lie no more "
        "where they came; the same content counts as new after that. Images are never removed, "
        "nor are they from done/ and failed/",
        _days, form="DAYS",
    )  # fmt: skip
    annotate: tuple[str, ...] = _setting(
        (Action.REJECT.value, Action.INSPECT.value),
        "decisions whose packages are drawn into annotated/<day>/, both cameras side by side",
        many=True, choices=(*(action.value for action in Action), "none"),
    )  # fmt: skip
    json_lines: tuple[Path, ...] = _setting(
        (),
        "file to which each verdict is appended as a line of JSON",
        _path, repeated=True, form="FILE",
    )  # fmt: skip
    mqtt: tuple[str, ...] = _setting(
        (),
        "broker and topic to which verdicts go with QoS 1, such as mqtt://user@broker:1883/line7 "
        "(mqtts:// for TLS; the password also from PACKSIGHT_MQTT_PASSWORD)",
        repeated=True, form="URL",
    )  # fmt: skip
    webhook: tuple[str, ...] = _setting(
        (), "address to which verdicts are posted as JSON; 2xx acknowledges", repeated=True,
        form="URL",
    )  # fmt: skip
    modbus: tuple[str, ...] = _setting(
        (),
        "device to whose holding registers verdicts are written, such as "
        "modbus://plc:502?unit=1&address=100; with &acknowledge=120 the device copies there the "
        "number of the verdict that it has taken",
        repeated=True, form="URL",
    )  # fmt: skip
    page: str | None = _setting(
        None,
        "address of the page of the line, such as 127.0.0.1:8080, read-only, with /health and "
        "/metrics; nothing asks for a password, so leave it to this machine",
        _address, form="HOST:PORT",
    )  # fmt: skip
    shifts: tuple[int, ...] = _setting(
        (6, 14, 22), "hours of the day at which shifts begin, for the page", _hour, many=True,
        form="HOUR",
    )  # fmt: skip
    verbose: bool = _setting(False, "a line in the log for each package")
