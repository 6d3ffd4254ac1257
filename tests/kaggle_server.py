"""A small server that stands for Kaggle: it knows one token, hands out signed addresses, and fails when told to.

Faults are queues; each request takes the next one from its queue, and is answered properly when it is empty.
A fault in ``api`` or ``redirected`` is a status or ``(status, headers)``; one in ``storage`` may also be
``"cut N"`` (close after N bytes), ``"stall N"`` (send nothing after N bytes) or ``"slow"``.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "KGAT_5ecret0fTheTest"
USER, KEY = "someone", "0123456789abcdefSecretKey"
SECRETS = (TOKEN, KEY, base64.b64encode(f"{USER}:{KEY}".encode()).decode(), "signature=")


class FakeKaggle(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.archives: dict[str, bytes] = {}  # "owner/name" -> zip
        self.introspection: dict | int = {"active": True, "username": USER}
        self.api, self.redirected, self.storage = [], [], []
        self.ignores_range = self.sends_directly = False
        self.length_is_off = 0
        self.version = '"v1"'
        self.log: list[tuple[str, dict]] = []  # what was asked for, with its headers
        self.closing = threading.Event()

    def asked(self, what: str) -> list[dict]:
        return [headers for path, headers in self.log if what in path]

    def ranges(self) -> list[str | None]:
        """What each request for bytes asked for; the client's own visit to the signed address is left out."""
        return [h.get("Range") for h in self.asked("/storage/") if h.get("Accept-Encoding") == "identity"]


class _Handler(BaseHTTPRequestHandler):
    server: FakeKaggle

    def log_message(self, *_) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.log.append((self.path, dict(self.headers)))
        if "IntrospectToken" in self.path:
            known = body["token"] == TOKEN
            answer = self.server.introspection if known else {"active": False}
            return self._json(200, answer) if isinstance(answer, dict) else self._fail(answer)
        basic = "Basic " + base64.b64encode(f"{USER}:{KEY}".encode()).decode()
        if self.headers["Authorization"] not in (f"Bearer {TOKEN}", basic):
            return self._fail(401)
        if self.server.api:
            return self._fail(self.server.api.pop(0))
        slug = f"{body['ownerSlug']}/{body['datasetSlug']}"
        if slug not in self.server.archives:
            return self._fail(404)
        if self.server.sends_directly:
            return self._send(self.server.archives[slug])
        self.send_response(302)
        self.send_header("Location", f"{self.server.url}/storage/{slug}?signature=abc")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.server.log.append((self.path, dict(self.headers)))
        mine = self.headers["Accept-Encoding"] == "identity"
        queue = self.server.storage if mine else self.server.redirected
        fault = queue.pop(0) if queue else ""
        if isinstance(fault, (int, tuple)):
            return self._fail(fault)
        with suppress(ConnectionError):  # the client hangs up once it knows the address
            self._send(self.server.archives[self.path.removeprefix("/storage/").split("?")[0]], fault)

    def _send(self, content: bytes, fault: str = "") -> None:
        wanted = self.headers.get("Range")
        changed = self.headers.get("If-Range", self.server.version) != self.server.version
        start = 0
        if wanted and not self.server.ignores_range and not changed:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                return self._fail((416, {"Content-Range": f"bytes */{len(content)}"}))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Type", "application/zip")
        self.send_header("ETag", self.server.version)
        self.send_header("Content-Length", str(len(content) - start + self.server.length_is_off))
        self.end_headers()
        kind, _, number = fault.partition(" ")
        until = int(number) if number else len(content)
        for position in range(start, until, 1 << 14):
            self.wfile.write(content[position : min(position + (1 << 14), until)])
            if kind == "slow":
                time.sleep(0.05)
        if kind == "stall":
            self.server.closing.wait()

    def _fail(self, fault: int | tuple[int, dict]) -> None:
        status, headers = fault if isinstance(fault, tuple) else (fault, {})
        self._json(status, {"code": status, "message": "as the test wants it"}, headers)

    def _json(self, status: int, content: dict, headers: dict | None = None) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
