"""A real HTTP server on loopback that holds jars and misbehaves on request."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tui.stack.fetch import Jar


class MavenServer:
    """Serves `files`; `plan` holds, per path, how the next answers go wrong (`ok` when it is used up).

    `404`, `503`: that status; `no-range`: all of it, whatever was asked; `wrong`: other bytes; `longer`: too many;
    `truncated`: the connection ends half way; `stall`: half of it, the rest only after `go_on` is set.
    """

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.files: dict[str, bytes] = {}
        self.plan: dict[str, list[str]] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.half_sent, self.go_on = threading.Event(), threading.Event()

    def add(self, coordinate: str, content: bytes) -> Jar:
        jar = Jar(coordinate, hashlib.sha256(content).hexdigest(), len(content))
        self.files[jar.path] = content
        return jar

    def ranges(self, jar: Jar) -> list[str | None]:
        """The `Range` header of every request for `jar`, in order."""
        return [header for path, header in self.requests if path == jar.path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    maven: MavenServer

    def do_GET(self) -> None:
        path, asked = self.path.lstrip("/"), self.headers.get("Range")
        self.maven.requests.append((path, asked))
        steps = self.maven.plan.get(path, [])
        step = steps.pop(0) if steps else "ok"
        if step in ("404", "503") or path not in self.maven.files:
            self._answer(int(step) if step.isdigit() else 404, b"no")
            return
        content = self.maven.files[path]
        if step == "wrong":
            content = bytes(byte ^ 1 for byte in content)
        if step == "longer":
            content += b"more"
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and step != "no-range" else 0
        if start >= len(content):
            self._answer(416, b"")
            return
        self._answer(206 if start else 200, content, start, step)

    def _answer(self, status: int, content: bytes, start: int = 0, step: str = "ok") -> None:
        body = content[start:]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if step in ("truncated", "stall"):
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.maven.half_sent.set()
            if step == "stall" and self.maven.go_on.wait(30):
                self.wfile.write(body[len(body) // 2 :])
            self.close_connection = True
            return
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Keep quiet."""


@contextmanager
def maven_server() -> Iterator[MavenServer]:
    """Run the server until the block ends."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that were killed
    maven = MavenServer(server.server_port)
    handler.maven = maven  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield maven
    finally:
        maven.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()
