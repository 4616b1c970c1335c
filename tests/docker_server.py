"""A server that answers as a Docker engine did (20.10), with what a test changes in it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

RECORDED = Path(__file__).parent / "payloads" / "docker-20.10" / "stack.json"


def recorded() -> dict[str, Any]:
    """`version`, `containers` (the list) and `inspect` (by id), as recorded."""
    found: dict[str, Any] = json.loads(RECORDED.read_text(encoding="utf-8"))
    return found


class Engine:
    """What the server says; `started` are the ids of containers that it was told to start."""

    def __init__(self) -> None:
        self.told = recorded()
        self.started: list[str] = []

    def inspect(self, name: str) -> dict[str, Any]:
        """The inspected container of that name."""
        found: dict[str, Any] = next(c for c in self.told["inspect"].values() if c["Name"] == f"/{name}")
        return found

    def end(self, name: str, exit_code: int) -> None:
        """Let the container have ended."""
        state = self.inspect(name)["State"]
        state |= {"Status": "exited", "Running": False, "ExitCode": exit_code, "Pid": 0}

    def listed(self, filters: dict[str, list[str]]) -> list[dict[str, Any]]:
        """The containers that have the labels of `filters`."""
        wanted = [label.partition("=") for label in filters.get("label", ())]
        return [c for c in self.told["containers"] if all(c["Labels"].get(name) == value for name, _, value in wanted)]


@contextmanager
def serve(engine: Engine) -> Iterator[str]:
    """Run it; yields a value for DOCKER_HOST."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            path = re.sub(r"^/v[\d.]+", "", url.path)
            if path == "/version":
                self._answer(200, engine.told["version"])
            elif path == "/containers/json":
                asked = parse_qs(url.query).get("filters", ["{}"])[0]
                self._answer(200, engine.listed(json.loads(asked)))
            elif (found := re.fullmatch(r"/containers/(\w+)/json", path)) and found[1] in engine.told["inspect"]:
                self._answer(200, engine.told["inspect"][found[1]])
            else:
                self._answer(404, {"message": f"No such thing: {path}"})

        def do_POST(self) -> None:
            found = re.search(r"/containers/(\w+)/start$", self.path)
            if found:
                engine.started.append(found[1])
                self._answer(204, None)
            else:
                self._answer(500, {"message": "driver failed"})

        def _answer(self, status: int, value: object) -> None:
            body = b"" if value is None else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"tcp://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
