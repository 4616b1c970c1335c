"""How the REST server is reached: connections stay open, every call ends in time, an order is given once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from tests.flink_server import Flink
from tui.clients.flink_rest import FlinkRest
from tui.model.access import FlinkAccess
from tui.model.errors import NotFoundError, UnavailableError


@pytest.fixture
def flink() -> Iterator[Flink]:
    server = Flink()
    yield server
    server.close()


class Caller:
    """An answer that notes the client's address, which is new for each connection."""

    def __init__(self, *, close: bool = False) -> None:
        self.seen: list[object] = []
        self.close = close

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        self.seen.append(handler.client_address)
        handler.send_response(200)
        handler.send_header("Content-Length", "2")
        handler.end_headers()
        handler.wfile.write(b"{}")
        handler.close_connection = self.close


def test_calls_share_one_connection(flink: Flink) -> None:
    caller, rest = Caller(), FlinkRest(FlinkAccess(flink.url), 5.0)
    flink.on("/x", caller).on("/missing", (404, b"{}")).on("/empty", (200, b""))
    for _ in range(5):
        rest.get("/x")
        with pytest.raises(NotFoundError):
            rest.get("/missing")
        rest.get("/empty")
    assert len(set(caller.seen)) == 1


def test_threads_at_once_have_connections_of_their_own_and_few_are_kept(flink: Flink) -> None:
    together = threading.Barrier(8)
    caller, rest = Caller(), FlinkRest(FlinkAccess(flink.url), 5.0)

    def meet(handler: BaseHTTPRequestHandler) -> None:
        together.wait(5)
        caller(handler)

    flink.on("/x", meet)
    threads = [threading.Thread(target=rest.get, args=("/x",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(caller.seen)) == 8
    assert len(rest._idle) == 4


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_connection_that_the_server_has_closed_is_replaced(flink: Flink, method: str) -> None:
    caller, rest = Caller(close=True), FlinkRest(FlinkAccess(flink.url), 5.0)
    flink.on("/x", caller).on("/x", caller, method="POST")
    for _ in range(3):
        rest.get("/x") if method == "GET" else rest.send("POST", "/x", {})
        until_closed(rest)
    assert len(set(caller.seen)) == 3


def until_closed(rest: FlinkRest) -> None:
    (kept,) = rest._idle
    kept.sock.settimeout(5)
    assert kept.sock.recv(1) == b""


def test_an_order_on_a_kept_connection_that_breaks_is_not_given_again(flink: Flink) -> None:
    def drop(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True

    flink.on("/x", Caller()).on("/order", drop, method="POST").on("/read", drop, Caller())
    rest = FlinkRest(FlinkAccess(flink.url), 5.0)
    rest.get("/x")
    with pytest.raises(UnavailableError, match=r"closed the connection"):
        rest.send("POST", "/order", {})
    rest.get("/x")
    assert rest.get("/read") == {}
    assert [path for _, path, _ in flink.asked] == ["/x", "/order", "/x", "/read", "/read"]


def test_an_answer_that_drips_is_given_up_in_time(flink: Flink) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        while not flink.released.wait(0.02):
            try:
                handler.wfile.write(b" ")
            except OSError:
                break
        handler.close_connection = True

    flink.on("/x", drip)
    began = time.monotonic()
    with pytest.raises(UnavailableError, match=r"did not answer within 0\.3 s"):
        FlinkRest(FlinkAccess(flink.url), 0.3).get("/x")
    assert time.monotonic() - began < 2


def test_all_tries_together_end_in_time(flink: Flink) -> None:
    def slow(handler: BaseHTTPRequestHandler) -> None:
        flink.released.wait(0.25)
        handler.send_response(503)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    flink.on("/x", slow)
    began = time.monotonic()
    with pytest.raises(UnavailableError):
        FlinkRest(FlinkAccess(flink.url), 0.4).get("/x")
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    "address", ["localhost:1", "http://", "ftp://127.0.0.1", "http://127.0.0.1:99999", "", "http://[::"]
)
def test_an_address_that_is_none_is_one_sentence(address: str) -> None:
    with pytest.raises(UnavailableError, match=r"^Flink at .* does not answer \(.+\): start it"):
        FlinkRest(FlinkAccess(address), 1.0).get("/x")
