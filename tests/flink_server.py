"""A real HTTP server that stands in for Flink's REST interface: recorded answers, and every kind of broken one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PAYLOADS = Path(__file__).parent / "payloads" / "flink-1.19.3"


def recorded(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text())


class Flink:
    """A real HTTP server. `answers`: (method, path) → answers given in turn, the last one for ever.

    An answer is a JSON value, (status, bytes), or a callable that gets the handler and does what it likes.
    """

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], list[Any]] = {}
        self.asked: list[tuple[str, str, bytes]] = []
        self.released = threading.Event()
        flink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                flink.asked.append((self.command, self.path, self.rfile.read(length)))
                turns = flink.answers.get((self.command, self.path)) or flink.answers.get(
                    (self.command, urlsplit(self.path).path), [(404, b'{"errors":["Not found."]}')]
                )
                answer = turns.pop(0) if len(turns) > 1 else turns[0]
                if callable(answer):
                    answer(self)
                    return
                status, body = answer if isinstance(answer, tuple) else (200, json.dumps(answer).encode())
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PATCH = answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def on(self, path: str, *answers: Any, method: str = "GET") -> Flink:
        self.answers[(method, path)] = list(answers)
        return self

    def hang(self, _handler: BaseHTTPRequestHandler) -> None:
        self.released.wait(20)

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def truncated(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    handler.wfile.write(b'{"flink-version": "1.1')
    handler.close_connection = True


def dropped(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


BROKEN = {
    "html": (200, b"<html><body>Welcome to nginx!</body></html>"),
    "empty": (200, b""),
    "half": (200, b'{"flink-version": "1.1'),
    "list": (200, b"[]"),
    "null": (200, b"null"),
    "number": (200, b"5"),
    "other": (
        200,
        b'{"jobs": [1], "vertices": [null], "latest": 3, "status": [], "exceptionHistory": {"entries": [7]}}',
    ),
    "missing": (200, b'{"jobs": [{}], "vertices": [{}], "counts": {}, "exceptionHistory": {"entries": [{}]}}'),
    "html 503": (503, b"<html>busy</html>"),
    "redirect": (302, b""),
    "binary": (200, b"\xff\xfe\x00"),
}


def spoiled(value: Any) -> Iterator[Any]:
    """Every variant of `value` with one field missing, null, of another type or far out of range."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(entries):
        for other in (None, "x", -(2**63), [], {}, True, 1.5, 10**30):
            copy = value.copy()
            copy[key] = other
            yield copy
        for variant in spoiled(inner):
            copy = value.copy()
            copy[key] = variant
            yield copy
    if isinstance(value, dict):
        for key in value:
            yield {k: v for k, v in value.items() if k != key}
