"""Verdicts published to an MQTT broker with QoS 1, each acknowledged before the next."""

import json
import os
import threading
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any
from urllib.parse import unquote, urlsplit

from packsight.errors import UserError
from packsight.ledger.ledger_entries import Entry
from packsight.receivers.receiver import Receiver, UnreachableError, message, without_password

TIMEOUT_S = 10.0
PASSWORD = "PACKSIGHT_MQTT_PASSWORD"  # the variable that may hold it


class Mqtt(Receiver):
    def __init__(self, url: str, origin: str) -> None:
        """Raises UserError for an address that is none, and where paho-mqtt is not installed."""
        parts = urlsplit(url)
        self._topic = unquote(parts.path.strip("/"))
        self._tls = parts.scheme == "mqtts"
        try:
            self._port = parts.port or (8883 if self._tls else 1883)
            fits = parts.scheme in ("mqtt", "mqtts") and parts.hostname and self._topic
        except ValueError:  # of a port that is none
            fits = False
        if not fits or {*"#+"} & {*url}:  # which stand for many topics
            raise UserError(
                f"--mqtt {without_password(url)} is no broker with a topic; give one such as "
                "mqtt://broker:1883/line7."
            )
        try:
            self._paho = import_module("paho.mqtt.client")
        except ImportError as error:
            raise UserError(
                "--mqtt needs paho-mqtt, which is not installed; use pip install paho-mqtt."
            ) from error
        self._host = parts.hostname
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else os.environ.get(PASSWORD)
        self.name = f"mqtt {self._host}:{self._port}/{self._topic}"
        self._origin = origin
        self._client: Any = None

    def deliver(self, entries: Sequence[Entry]) -> Iterator[int]:
        try:
            client = self._connected()
            for entry in entries:
                content = json.dumps(message(entry, self._origin))
                sent = client.publish(self._topic, content, qos=1)
                sent.wait_for_publish(TIMEOUT_S)
                if not sent.is_published():
                    raise UnreachableError(f"no acknowledgement within {TIMEOUT_S:g} s")
                yield entry.id
        except (ValueError, RuntimeError, OSError) as error:  # paho's, of a lost connection
            self.close()
            raise UnreachableError(str(error)) from error
        except UnreachableError:
            self.close()
            raise

    def close(self) -> None:
        """What is on its way is forgotten here, and sent again from the ledger."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None

    def _connected(self) -> Any:
        if self._client is not None:
            return self._client
        client = self._paho.Client(self._paho.CallbackAPIVersion.VERSION2)
        answered, refused = threading.Event(), []

        def heard(_client: Any, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
            if code.is_failure:
                refused.append(str(code))
            answered.set()

        client.on_connect = heard
        client.connect_timeout = TIMEOUT_S
        if self._user:
            client.username_pw_set(self._user, self._password)
        if self._tls:
            client.tls_set()
        self._client = client
        client.connect(self._host, self._port)
        client.loop_start()
        if not answered.wait(TIMEOUT_S):
            raise UnreachableError("the broker does not answer")
        if refused:
            raise UnreachableError(f"the broker refuses the connection ({refused[0]})")
        return client
