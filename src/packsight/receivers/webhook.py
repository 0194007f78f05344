"""Verdicts posted to an address as JSON; an answer of 2xx acknowledges."""

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from packsight.errors import UserError
from packsight.ledger.ledger_entries import Entry
from packsight.receivers.receiver import Receiver, UnreachableError, message, without_password

TIMEOUT_S = 10.0
HEADER = "X-Packsight-Verdict"


class _Direct(HTTPRedirectHandler):
    """Elsewhere the verdict would be asked for, not posted."""

    def redirect_request(self, *arguments: Any, **named: Any) -> None:
        return None


class Webhook(Receiver):
    def __init__(self, url: str, origin: str) -> None:
        """Raises UserError for an address that is none."""
        parts = urlsplit(url)
        try:
            fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:  # of a port that is none
            fits = False
        if not fits:
            raise UserError(
                f"--webhook {without_password(url)} is no address; give one such as http://mes:8000/line7."
            )
        # What stands after the question mark is often a secret.
        self.name = f"webhook {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        self._url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        self._headers = {"Content-Type": "application/json"}
        if parts.username:
            secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            told = base64.b64encode(secret.encode()).decode()
            self._headers["Authorization"] = f"Basic {told}"
        self._origin = origin
        self._opener = build_opener(_Direct)

    def deliver(self, entries: Sequence[Entry]) -> Iterator[int]:
        for entry in entries:
            request = Request(
                self._url,
                data=json.dumps(message(entry, self._origin)).encode(),
                headers=self._headers | {HEADER: f"{self._origin}-{entry.id}"},
            )
            try:
                with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                    answer.read()
            except HTTPError as error:
                with error:
                    raise UnreachableError(f"it answers {error.code} {error.reason}") from error
            except URLError as error:
                raise UnreachableError(str(error.reason)) from error
            yield entry.id
