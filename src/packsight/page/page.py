"""The page of a line: what was decided, as it comes, to be read and never to be changed."""

import html
import ipaddress
import json
import logging
import re
import socket
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from packsight.errors import UserError
from packsight.page.overview import Line
from packsight.page.page_text import page_state
from packsight.page.prometheus import CONTENT_TYPE, metrics
from packsight.page.thumbnails import Thumbnails
from packsight.page.words import LANGUAGES, site, spoken, words

AT_ONCE = 32  # requests that are answered; what is beyond is sent away
PATIENCE_S = 10.0  # for whoever sends or takes slowly
# Nothing but the page's own files: no other host, no script or style within the page.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
HTML, JSON, PLAIN = (
    f"{kind}; charset=utf-8" for kind in ("text/html", "application/json", "text/plain")
)
ASSETS = {
    "/page.css": "text/css; charset=utf-8",
    "/page.js": "text/javascript; charset=utf-8",
    "/icon.svg": "image/svg+xml",
}
IMAGE = re.compile(r"/image/(\d{1,18})/([\w-]{1,40})")
log = logging.getLogger("packsight.watch")


class Page:
    """Serves the page from threads of its own until it is closed."""

    def __init__(self, address: str, line: Line) -> None:
        """`address` is host:port; port 0 takes a free one. Raises UserError if it cannot be had."""
        host, _, port = address.rpartition(":")
        self._host = host = host.strip("[]")
        try:
            self._server = _Server(host, int(port), line)
        except (OSError, ValueError, OverflowError) as error:
            told = getattr(error, "strerror", None) or error
            raise UserError(
                f"the page cannot be served at {address} ({told}); give another --page, such as "
                "127.0.0.1:8080."
            ) from error
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(0.1,), name="page", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        host, port = self._host, self._server.server_port
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/"

    def close(self) -> None:
        """Stop; requests in hand are answered."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = AT_ONCE

    def __init__(self, host: str, port: int, line: Line) -> None:
        self.line, self.thumbnails = line, Thumbnails()
        self.names = {"localhost", host.lower(), socket.gethostname().lower()}
        self._free = threading.BoundedSemaphore(AT_ONCE)
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("a request to the page failed", exc_info=True)  # such as one that was given up


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version, sys_version = "packsight", ""
    timeout = PATIENCE_S

    def do_GET(self) -> None:
        host = self.headers.get("Host", "")
        if not _is_ours(host, self.server.names):
            return self._send(HTTPStatus.MISDIRECTED_REQUEST, "this is another host's page\n")
        asked = urlsplit(self.path)
        try:
            return self._answer(
                asked.path, parse_qs(asked.query, keep_blank_values=True, max_num_fields=10)
            )
        except ValueError:
            return self._send(HTTPStatus.BAD_REQUEST, "not a request that the page knows\n")

    def do_HEAD(self) -> None:
        self.do_GET()

    def _answer(self, path: str, query: dict[str, list[str]]) -> None:
        line = self.server.line
        language = query.get("lang", [""])[0]
        if language not in LANGUAGES:
            language = spoken(self.headers.get("Accept-Language", "")[:200])
        if path == "/":
            return self._send(HTTPStatus.OK, _filled(language), HTML)
        if path in ASSETS:
            return self._send(HTTPStatus.OK, site(path[1:]), ASSETS[path])
        if found := IMAGE.fullmatch(path):
            return self._image(int(found[1]), found[2], "large" in query)
        if path not in ("/state.json", "/health", "/metrics"):
            return self._send(HTTPStatus.NOT_FOUND, "there is no such page\n")
        try:
            seen = line.overview()
        except Exception as error:  # of the disk, the ledger or its content: the page says so
            log.debug("the ledger cannot be read", exc_info=True)
            told = {"status": "failing", "problem": f"the ledger cannot be read ({error})"}
            return self._send(HTTPStatus.SERVICE_UNAVAILABLE, json.dumps(told), JSON)
        if path == "/metrics":
            text = metrics(seen, line.monitor, line.description)
            return self._send(HTTPStatus.OK, text, CONTENT_TYPE)
        if path == "/state.json":
            state = page_state(seen, line.monitor, line.description, words(language))
            return self._send(HTTPStatus.OK, json.dumps(state), JSON)
        health = {
            "status": "failing" if seen.problem else "ok",
            "problem": seen.problem,
            "queue": seen.queue,
            "pending": {one.name: one.pending for one in seen.receivers},
            "alarms": [[alarm.kind, alarm.camera] for alarm in line.monitor.active()],
        }
        status = HTTPStatus.SERVICE_UNAVAILABLE if seen.problem else HTTPStatus.OK
        return self._send(status, json.dumps(health), JSON)

    def _image(self, id: int, camera: str, large: bool) -> None:
        ledger = self.server.line.open_ledger()
        try:
            content = self.server.thumbnails.get(ledger, id, camera, large)
        finally:
            ledger.close()
        if content is None:
            return self._send(HTTPStatus.NOT_FOUND, "there is no such image\n")
        return self._send(HTTPStatus.OK, content, "image/jpeg", "private, max-age=3600")

    def _send(
        self, status: HTTPStatus, content: str | bytes, kind: str = PLAIN, kept: str = "no-store"
    ) -> None:
        body = content.encode() if isinstance(content, str) else content
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Cache-Control": kept,
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
        }.items():
            self.send_header(name, value)
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the library refuses, such as another method, without repeating what was sent."""
        status = HTTPStatus(code)
        if status == HTTPStatus.NOT_IMPLEMENTED and self.command:
            status = HTTPStatus.METHOD_NOT_ALLOWED
        self.close_connection = True
        self._send(status, "the page can only be read\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a page that looks every second would fill the log."""


def _is_ours(host: str, names: set[str]) -> bool:
    """Whether a Host header names this machine.

    A foreign name that was led here (DNS rebinding) would let its page read this one; an address
    in figures cannot be led anywhere.
    """
    name = re.sub(r":\d*$", "", host).lower()
    if name in names:
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _filled(language: str) -> str:
    """The page's frame with its words; the rest comes with what happens."""
    say = words(language)
    other = next(one for one in LANGUAGES if one != language)
    values = say.entries | {"lang": language, "other": other}
    return re.sub(
        r"\{\{([\w.]+)\}\}", lambda found: html.escape(values[found[1]]), site("page.html").decode()
    )
