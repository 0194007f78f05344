"""Servers that hear what a line tells its receivers, and entries to be told."""

import asyncio
import json
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from packsight.errors import UserError
from packsight.ledger.ledger import Ledger
from packsight.ledger.ledger_entries import Entry
from packsight.line.verdict import ImageSeen, Verdict


def entry(id: int, serial: str = "1234567890123", **values) -> Entry:
    seen = ImageSeen("top", f"/in/{serial}_top.png", "", 0.5)
    told = {"decision": "reject", "reason": "score", "score": 0.5, "probability": 0.875}
    told |= {"cameras": "top+side", "images": (seen,)} | values
    return Entry(id, 1_800_000_000.0, Verdict(serial, **told), {"top": f"{serial}_top.png"}, False)


def until(holds, seconds: float = 10.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it does not come to hold"
        time.sleep(0.01)


def opened(path) -> Ledger:
    """The ledger of a service that starts."""
    end = time.monotonic() + 30
    while True:
        try:
            return Ledger(path, read_only=True)
        except UserError:
            assert time.monotonic() < end, "the service does not start"
            time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Hook:
    """An HTTP server that answers `status`, and keeps what it was sent when that is 2xx."""

    def __init__(self, port: int = 0) -> None:
        self.status, self.heard, self.headers, self.posts = 204, [], [], 0
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.posts += 1
                if hook.status < 300:
                    hook.heard.append(content)
                    hook.headers.append(self.headers)
                self.send_response(hook.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self):
                raise AssertionError("asked for, not posted")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/line"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def broker(port: int):
    """An MQTT broker on this machine."""
    from amqtt.broker import Broker

    loop = asyncio.new_event_loop()
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    listeners = {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def started() -> Broker:
        served = Broker({"listeners": listeners, "plugins": plugins})
        await served.start()
        return served

    served = asyncio.run_coroutine_threadsafe(started(), loop).result(10)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(served.shutdown(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def subscriber(port: int, topic: str):
    """Messages of a topic with the quality they came with, in a list that grows."""
    from paho.mqtt.client import CallbackAPIVersion, Client

    heard, ready = [], threading.Event()
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _client, _data, message: heard.append(
        json.loads(message.payload) | {"qos": message.qos}
    )
    client.on_subscribe = lambda *_: ready.set()
    client.connect("127.0.0.1", port)
    client.subscribe(topic, qos=1)
    client.loop_start()
    assert ready.wait(5)
    try:
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()
