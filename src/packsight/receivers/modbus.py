"""Verdicts written to the holding registers of a device, over Modbus TCP."""

import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from packsight.decision.rule import Reason
from packsight.decision.terms import Action
from packsight.domain import Perspective
from packsight.errors import UserError
from packsight.ledger.ledger_entries import Entry
from packsight.receivers.receiver import Receiver, UnreachableError

TIMEOUT_S = 3.0
TAKEN_S = 10.0  # within which a device that acknowledges has to
LOOK_S = 0.01
DECISIONS = {Action.ACCEPT: 1, Action.REJECT: 2, Action.INSPECT: 3}
REASONS = {
    Reason.SCORE: 0,
    Reason.NO_SCORE: 1,
    Reason.NOT_LOCATED: 2,
    Reason.MISSING_CAMERA: 3,
    Reason.UNSEEN_SCORE: 4,
}
CAMERAS = {Perspective.TOP: 1, Perspective.SIDE: 2}  # added up
NO_PROBABILITY = 0xFFFF
SERIAL_REGISTERS = 10  # two signs each


def registers(entry: Entry) -> list[int]:
    """A verdict as 16 registers: id (high, low), decision, reason, probability, cameras, serial."""
    verdict = entry.verdict
    probability = verdict.probability
    signs = verdict.serial.encode("ascii", "replace")[-2 * SERIAL_REGISTERS :]
    signs = signs.ljust(2 * SERIAL_REGISTERS, b"\0")
    return [
        entry.id >> 16 & 0xFFFF,
        entry.id & 0xFFFF,
        DECISIONS[Action(verdict.decision)],
        REASONS[Reason(verdict.reason)],
        NO_PROBABILITY if probability is None else round(1000 * probability),
        sum(CAMERAS[Perspective(camera)] for camera in verdict.cameras.split("+") if camera),
        *(int.from_bytes(signs[at : at + 2]) for at in range(0, len(signs), 2)),
    ]


class Modbus(Receiver):
    def __init__(self, url: str) -> None:
        """Raises UserError for an address that is none, and where pymodbus is not installed."""
        parts = urlsplit(url)
        known: dict[str, int | None] = {"unit": 1, "address": 0, "acknowledge": None}
        try:
            asked = parse_qsl(parts.query, strict_parsing=True) if parts.query else []
            given = {key: int(value) for key, value in asked}
            fits = parts.scheme == "modbus" and parts.hostname and not {*given} - {*known}
            fits = fits and all(0 <= value < 65536 for value in given.values())
            port = parts.port or 502
        except ValueError:
            fits = False
        if not fits:
            raise UserError(
                f"--modbus {url} is no device; give one such as "
                "modbus://plc:502?unit=1&address=100&acknowledge=120."
            )
        try:
            client = import_module("pymodbus.client")
        except ImportError as error:
            raise UserError(
                "--modbus needs pymodbus, which is not installed; use pip install pymodbus."
            ) from error
        values = known | given
        self._unit, self._address, self._acknowledge = values.values()
        self.name = f"modbus {parts.hostname}:{port}/{self._unit}/{self._address}"
        self._client = client.ModbusTcpClient(parts.hostname, port=port, timeout=TIMEOUT_S)

    def deliver(self, entries: Sequence[Entry]) -> Iterator[int]:
        try:
            if not self._client.connect():
                raise UnreachableError("the device does not answer")
            for entry in entries:
                self._told(
                    self._client.write_registers(
                        self._address, registers(entry), device_id=self._unit
                    )
                )
                self._wait_until_taken(entry.id)
                yield entry.id
        except Exception as error:  # pymodbus has its own kinds, which are imported late
            self._client.close()
            raise UnreachableError(str(error)) from error

    def close(self) -> None:
        self._client.close()

    def _wait_until_taken(self, id: int) -> None:
        if self._acknowledge is None:
            return
        end = time.monotonic() + TAKEN_S
        while time.monotonic() < end:
            answer = self._told(
                self._client.read_holding_registers(
                    self._acknowledge, count=2, device_id=self._unit
                )
            )
            if (answer.registers[0] << 16) + answer.registers[1] == id & 0xFFFFFFFF:
                return
            time.sleep(LOOK_S)
        raise UnreachableError(
            f"verdict {id} was not copied to register {self._acknowledge} within {TAKEN_S:g} s"
        )

    def _told(self, answer: Any) -> Any:
        if answer.isError():
            raise UnreachableError(f"the device answers {answer}")
        return answer
