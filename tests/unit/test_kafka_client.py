"""Kafka's client without a broker: everything a socket can do wrong, and offsets that are only partly known."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException

from tui.clients import kafka
from tui.clients.kafka import KafkaClient
from tui.model.access import KafkaAccess
from tui.model.errors import UnavailableError

TIMEOUT_S = 1.0


@pytest.fixture
def refusing() -> Iterator[str]:
    """An address that refuses: bound, so that nobody else takes it, but not listening."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def serve(answer: bytes | None) -> Iterator[str]:
    """A server that takes connections and gives `answer` to each request (`None`: says nothing, for ever)."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        over = threading.Event()
        held: list[socket.socket] = []

        def run() -> None:
            while not over.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                held.append(connection)
                if answer is not None:
                    connection.settimeout(1)
                    connection.recv(4096)
                    connection.sendall(answer)
                    connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        over.set()
        thread.join()
        for connection in held:
            connection.close()


@pytest.fixture
def silent() -> Iterator[str]:
    yield from serve(None)


@pytest.fixture
def gibberish() -> Iterator[str]:
    yield from serve(b"HTTP/1.1 400 Bad Request\r\n\r\n" + os.urandom(64))


@pytest.mark.parametrize("kind", ["refusing", "silent", "gibberish"])
def test_a_broker_that_is_not_there_is_unavailable_in_time(
    kind: str, request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str]
) -> None:
    address = request.getfixturevalue(kind)
    began = time.monotonic()
    with pytest.raises(UnavailableError) as raised:
        KafkaClient(KafkaAccess(address), "trades", "lakehouse", TIMEOUT_S).lag()
    assert time.monotonic() - began < TIMEOUT_S + 1
    assert str(raised.value).startswith(f"Kafka at {address} did not answer within 1 s")
    assert "\n" not in str(raised.value)
    assert capfd.readouterr() == ("", "")  # librdkafka keeps off the terminal


def test_an_impossible_address_is_unavailable() -> None:
    with pytest.raises(UnavailableError):
        KafkaClient(KafkaAccess("no such host:xyz"), "trades", "lakehouse", TIMEOUT_S).lag()


def done(value: object) -> Future[object]:
    future: Future[object] = Future()
    future.set_result(value)
    return future


def failed(code: int, text: str) -> Future[object]:
    future: Future[object] = Future()
    future.set_exception(KafkaException(KafkaError(code, text)))
    return future


def soon() -> float:
    return time.monotonic() + 0.1


def test_one_broken_partition_does_not_hide_the_others() -> None:
    asked = {
        0: done(SimpleNamespace(offset=7)),
        1: failed(KafkaError.LEADER_NOT_AVAILABLE, "no leader now"),
        2: Future(),
    }
    assert kafka._offsets(asked, soon()) == {0: 7, 1: "no leader now", 2: "no answer in time"}


def committed(partition: int, offset: int, error: KafkaError | None = None) -> SimpleNamespace:
    return SimpleNamespace(partition=partition, offset=offset, error=error)


def frozen_after_naming(monkeypatch: pytest.MonkeyPatch, answers: dict[int, Future[object]]) -> KafkaClient:
    """A client whose broker has named its partitions and gives `answers` for their offsets, then nothing more."""
    client = KafkaClient(KafkaAccess("127.0.0.1:1"), "trades", "lakehouse", timeout_s=0.2)
    described = [SimpleNamespace(id=p, leader=SimpleNamespace(id=1)) for p in answers]
    monkeypatch.setattr(client, "_described", lambda _: described)
    monkeypatch.setattr(client, "_ask_offsets", lambda *_: answers)
    return client


def test_a_broker_that_freezes_after_naming_its_partitions_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    client = frozen_after_naming(monkeypatch, {0: Future(), 1: Future()})
    with pytest.raises(UnavailableError, match=r"did not answer within 0\.2 s"):
        client.lag()


def test_one_offset_in_time_is_told_though_the_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    client = frozen_after_naming(monkeypatch, {0: done(SimpleNamespace(offset=7)), 1: Future()})
    found = client.lag().partitions
    assert [(p.high, p.error is None) for p in found] == [(7, False), (None, False)]
    assert found[1].error == "no answer in time"


def test_no_commit_yet_is_unknown_and_a_commit_at_0_is_not() -> None:
    assert kafka.committed_offsets([committed(0, 0), committed(1, -1001)]) == {0: 0}


def test_an_error_of_one_committed_offset_stays_with_its_partition() -> None:
    error = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED, "not allowed")
    assert kafka.committed_offsets([committed(0, 4), committed(1, -1001, error)]) == {0: 4, 1: "not allowed"}


def test_a_group_that_does_not_answer_leaves_every_commit_unknown_with_the_reason(refusing: str) -> None:
    found = KafkaClient(KafkaAccess(refusing), "trades", "lakehouse")._committed([0, 1], soon())
    assert found.keys() == {0, 1}
    assert all(str(reason).startswith("the group's offsets are unknown: ") for reason in found.values())


def test_unknown_is_never_a_number() -> None:
    assert [kafka._known(o) for o in (None, "reason", -1, -1001, 0, 5)] == [None, None, None, None, 0, 5]


def test_the_reason_of_a_partition() -> None:
    assert kafka._reason(True, 0, 5, None) is None
    assert kafka._reason(True, 0, "timed out", "group") == "timed out"
    assert kafka._reason(False, None, None) == "the partition has no leader"
