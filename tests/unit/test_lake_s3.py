"""An S3 server that is gone, frozen, or refuses: one sentence, within a few seconds."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tui.clients.lake import LakeClient
from tui.clients.lake.storage import open_storage, path_of
from tui.model.access import S3Access
from tui.model.errors import NotFoundError, UnavailableError


def client(port: int) -> LakeClient:
    s3 = S3Access(f"http://127.0.0.1:{port}", access_key="key", secret_key="secret")
    return LakeClient("s3a://warehouse/iceberg", "lakehouse", s3)


@pytest.fixture
def frozen() -> Iterator[int]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


def test_frozen(frozen: int) -> None:
    started = time.monotonic()
    with pytest.raises(UnavailableError, match="does not answer within 3 s"):
        client(frozen).history("agg_1m")
    assert time.monotonic() - started < 12


def test_refused(frozen: int) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    started = time.monotonic()
    with pytest.raises(UnavailableError, match=f"127.0.0.1:{port} refuses the connection"):
        client(port).candles()
    assert time.monotonic() - started < 6


ERRORS = {
    "InvalidAccessKeyId": (403, UnavailableError, "credentials"),
    "SignatureDoesNotMatch": (403, UnavailableError, "credentials"),
    "NoSuchBucket": (404, NotFoundError, "does not exist yet"),
    "NoSuchKey": (404, NotFoundError, "does not exist yet"),
    "InternalError": (500, UnavailableError, "fails on"),
}


class Refuses(BaseHTTPRequestHandler):
    code = "InternalError"

    def _answer(self) -> None:
        body = f'<?xml version="1.0"?><Error><Code>{self.code}</Code><Message>no</Message></Error>'.encode()
        if self.code == "NoSuchKey" and "list-type" in self.path:
            body = b"<ListBucketResult><Name>warehouse</Name><KeyCount>0</KeyCount></ListBucketResult>"
            self.send_response(200)
        else:
            self.send_response(ERRORS[self.code][0])
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = _answer  # noqa: N815

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_refusals_are_one_sentence(code: str) -> None:
    handler = type("Handler", (Refuses,), {"code": code})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    _, error, words = ERRORS[code]
    try:
        with pytest.raises(error, match=words) as caught:
            client(server.server_address[1]).history("agg_1m")
        assert "\n" not in str(caught.value)
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("s3a://warehouse/iceberg/", "warehouse/iceberg"),
        ("s3://b/k", "b/k"),
        ("file:///a/b", "/a/b"),
        ("file:/a/b%20c", "/a/b c"),
        ("/a/b", "/a/b"),
    ],
)
def test_paths(uri: str, path: str) -> None:
    assert path_of(uri) == path


class Grows(BaseHTTPRequestHandler):
    """`version-hint.text` goes from 9 to 10 between the request for its size and the first one for its bytes."""

    gets = 0

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1" if type(self).gets == 0 else "2")
        self.end_headers()

    def do_GET(self) -> None:
        type(self).gets += 1
        self.send_response(206)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"10")

    def log_message(self, *args: object) -> None:
        """Quiet."""


def test_a_file_that_is_replaced_by_a_longer_one_while_it_is_read_is_read_again() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Grows) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        storage = open_storage("s3a://warehouse/x", S3Access(endpoint, access_key="k", secret_key="s"))
        assert storage.read("warehouse/x/version-hint.text") == b"10"
        assert Grows.gets == 2
        server.shutdown()
