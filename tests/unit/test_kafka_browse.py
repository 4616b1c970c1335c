"""The topic's browser without a broker: sockets that fail, and a consumer that gives what it is told."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_NOT_AVAILABLE, KafkaError, KafkaException, TopicPartition

from tests.unit.test_kafka_client import gibberish, refusing, silent
from tui.clients import kafka_browse
from tui.clients.kafka_browse import TopicBrowser, _Bounds, _Reader
from tui.clients.kafka_scan import Record
from tui.model.access import KafkaAccess
from tui.model.errors import CancelledError, LakehouseError, NotFoundError, UnavailableError
from tui.model.kafka import ConsumerGroup, GroupPartition, MessageQuery, PartitionDetail, Start

__all__ = ["gibberish", "refusing", "silent"]
TIMEOUT_S = 1.0
CALLS: dict[str, Callable[[TopicBrowser], object]] = {
    "messages": lambda browser: browser.messages(MessageQuery()),
    "groups": TopicBrowser.groups,
    "partitions": TopicBrowser.partitions,
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", ["refusing", "silent", "gibberish"])
def test_a_broker_that_is_not_there_is_unavailable_in_time(
    kind: str, call: str, request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str]
) -> None:
    address = request.getfixturevalue(kind)
    began = time.monotonic()
    with pytest.raises(UnavailableError, match=f"Kafka at {address} did not answer within 1 s"):
        CALLS[call](TopicBrowser(KafkaAccess(address), "trades", "lakehouse", TIMEOUT_S))
    assert time.monotonic() - began < TIMEOUT_S + 1
    assert capfd.readouterr() == ("", "")


class Told:
    """A consumer that gives what it is told, and remembers what it was assigned."""

    def __init__(self, *batches: list[SimpleNamespace]) -> None:
        self.batches = list(batches)
        self.assigned: list[list[tuple[int, int]]] = []

    def assign(self, where: list[TopicPartition]) -> None:
        self.assigned.append([(w.partition, w.offset) for w in where])

    def unassign(self) -> None:
        self.assigned.append([])

    def consume(self, _count: int, _timeout: float) -> list[SimpleNamespace]:
        return self.batches.pop(0) if self.batches else []


def sent(partition: int, offset: int, *, error: KafkaError | None = None, stamp: int = 5) -> SimpleNamespace:
    kind = TIMESTAMP_CREATE_TIME if stamp >= 0 else TIMESTAMP_NOT_AVAILABLE
    values: dict[str, Any] = {
        "error": error,
        "partition": partition,
        "offset": offset,
        "timestamp": (kind, stamp),
        "key": b"k",
        "value": b"v",
    }
    return SimpleNamespace(**{name: (lambda value=value: value) for name, value in values.items()})


def read(consumer: Told, ranges: dict[int, tuple[int, int]], timeout_s: float = 5.0) -> tuple[dict[int, int], list]:
    taken: list[Record] = []
    reader = _Reader(consumer, "trades", time.monotonic() + timeout_s, lambda: None, LakehouseError)  # type: ignore[arg-type]
    return reader(ranges, taken.append), [(r.partition, r.offset) for r in taken]


def test_ranges_are_read_to_their_ends_and_not_beyond() -> None:
    consumer = Told([sent(0, 5), sent(1, 0), sent(0, 6)], [sent(0, 7), sent(0, 8), sent(1, 1)])
    assert read(consumer, {0: (5, 8), 1: (0, 2)}) == ({0: 8, 1: 2}, [(0, 5), (1, 0), (0, 6), (0, 7), (1, 1)])
    assert consumer.assigned == [[(0, 5), (1, 0)], []]


def test_gaps_and_an_early_end_of_the_log_end_a_range_too() -> None:
    end = KafkaError(KafkaError._PARTITION_EOF)
    consumer = Told([sent(0, 5), sent(0, 90), sent(1, 3), sent(1, 4, error=end)])
    assert read(consumer, {0: (0, 50), 1: (3, 9)}) == ({0: 50, 1: 9}, [(0, 5), (1, 3)])


def test_a_range_that_is_not_read_in_time_says_how_far_it_got() -> None:
    assert read(Told([sent(0, 3)]), {0: (3, 9), 1: (0, 1)}, 0.1) == ({0: 4, 1: 0}, [(0, 3)])


def test_a_lost_connection_is_waited_for_and_a_refusal_is_told() -> None:
    away = KafkaError(KafkaError._TRANSPORT)
    assert read(Told([sent(0, 0, error=away)], [sent(0, 0)]), {0: (0, 1)}) == ({0: 1}, [(0, 0)])
    denied = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED, "not allowed")
    consumer = Told([sent(0, 0, error=denied)])
    with pytest.raises(LakehouseError):
        read(consumer, {0: (0, 1)})
    assert consumer.assigned[-1] == []


def test_a_message_without_a_time_has_none() -> None:
    taken: list[Record] = []
    reader = _Reader(Told([sent(0, 0, stamp=-1), sent(0, 1)]), "t", time.monotonic() + 5, lambda: None, LakehouseError)  # type: ignore[arg-type]
    reader({0: (0, 2)}, taken.append)
    assert [r.timestamp_ms for r in taken] == [None, 5]


def done(value: object) -> Future[object]:
    future: Future[object] = Future()
    future.set_result(value)
    return future


def failed(code: int, text: str) -> Future[object]:
    future: Future[object] = Future()
    future.set_exception(KafkaException(KafkaError(code, text)))
    return future


def node(number: int) -> SimpleNamespace:
    return SimpleNamespace(id=number)


class Fake(TopicBrowser):
    """A browser whose broker is in memory."""

    def __init__(self, *, leaderless: tuple[int, ...] = (), high: int = 10) -> None:
        super().__init__(KafkaAccess("nowhere:1"), "trades", "lakehouse", TIMEOUT_S)
        self.leaderless = leaderless
        self.high = high
        self.groups_told: dict[str, Future[object]] = {}
        self.committed_told: dict[str, object] = {}
        self.consumer = Told()

    def _described(self, deadline: float) -> list[Any]:
        return [
            SimpleNamespace(
                id=p,
                leader=None if p in self.leaderless else node(1),
                replicas=[node(1), node(2)],
                isr=[] if p in self.leaderless else [node(1)],
            )
            for p in (2, 0, 1)
        ]

    def _ask_offsets(self, partitions: Any, spec: Any, deadline: float) -> dict[int, Future[Any]]:
        latest = "LATEST" in str(spec._value) or spec._value == -1
        return {p: done(SimpleNamespace(offset=self.high if latest else 0)) for p in partitions}

    def _group_states(self, deadline: float) -> dict[str, str]:
        return dict.fromkeys(self.groups_told, "STABLE")

    def _describe_groups(self, names: list[str], deadline: float) -> dict[str, Future[Any]]:
        return self.groups_told

    def _reader_of(self, name: str) -> Any:
        told = self.committed_told[name]

        def committed(asked: Any, timeout: float) -> Any:
            if isinstance(told, Exception):
                raise told
            return told

        return SimpleNamespace(committed=committed)

    def _consumer_for_browsing(self) -> Any:
        return self.consumer


def test_a_partition_without_a_leader_does_not_hide_the_others() -> None:
    assert Fake(leaderless=(1,)).partitions() == (
        PartitionDetail(0, 1, (1, 2), (1,)),
        PartitionDetail(1, None, (1, 2), (), "the partition has no leader"),
        PartitionDetail(2, 1, (1, 2), (1,)),
    )


def test_messages_of_the_partitions_that_have_a_leader_are_shown() -> None:
    browser = Fake(leaderless=(1,), high=1)
    browser.consumer.batches = [[sent(0, 0), sent(2, 0)]]
    page = browser.messages(MessageQuery())
    assert [m.partition for m in page.messages] == [0, 2]
    assert page.note == "partition 1 has no leader, its messages are missing"


def test_a_partition_that_does_not_exist_is_named() -> None:
    with pytest.raises(NotFoundError, match="'trades' has no partition 7; it has 0, 1, 2"):
        Fake().messages(MessageQuery(partition=7))


def test_only_the_partition_that_was_asked_for_is_read() -> None:
    browser = Fake(high=1)
    browser.consumer.batches = [[sent(2, 0)]]
    assert [m.partition for m in browser.messages(MessageQuery(partition=2)).messages] == [2]
    assert browser.consumer.assigned == [[(2, 0)], []]


def test_the_tail_reads_only_what_is_new() -> None:
    browser = Fake(high=1)
    browser.consumer.batches = [[sent(p, 0) for p in range(3)]]
    browser.messages(MessageQuery())
    browser.high = 2
    browser.consumer.batches = [[sent(p, 1, stamp=9) for p in range(3)]]
    page = browser.messages(MessageQuery())
    assert [m.offset for m in page.messages] == [0, 0, 0, 1, 1, 1]
    assert browser.consumer.assigned == [[(2, 0), (0, 0), (1, 0)], [], [(2, 1), (0, 1), (1, 1)], []]


@pytest.mark.parametrize("later", [0, 3])
def test_a_topic_made_anew_is_read_anew(later: int) -> None:
    browser = Fake(high=5)
    browser.consumer.batches = [[sent(p, n) for p in range(3) for n in range(5)]]
    assert len(browser.messages(MessageQuery()).messages) == 15
    browser.high = later
    browser.consumer.batches = [[sent(p, n) for p in range(3) for n in range(later)]]
    assert len(browser.messages(MessageQuery()).messages) == 3 * later


def test_kafka_that_sends_nothing_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_browse, "_SCAN_S", 0.1)
    with pytest.raises(UnavailableError, match="did not answer"):
        Fake().messages(MessageQuery())


def test_a_newer_question_ends_the_one_before() -> None:
    browser = Fake()

    def ask_again(_count: int, _timeout: float) -> list[SimpleNamespace]:
        browser._asked += 1
        return []

    browser.consumer.consume = ask_again  # type: ignore[method-assign]
    with pytest.raises(CancelledError):
        browser.messages(MessageQuery())
    assert browser.consumer.assigned[-1] == []
    assert not browser._reading.locked()


BOUNDS = _Bounds({0: 100, 1: 0}, {0: 200, 1: 50}, ())


@pytest.mark.parametrize(
    ("wanted", "start", "hints"),
    [
        ({0: 150, 1: 20}, Start.OFFSET, []),
        ({0: 500, 1: 500}, Start.OFFSET, ["no partition has that offset yet, the highest is 199"]),
        ({0: 120, 1: 500}, Start.OFFSET, []),
        ({0: 7, 1: 7}, Start.OFFSET, ["partition 0 begins at 100, older messages are deleted"]),
        ({0: 200, 1: 50}, Start.TIME, ["no message is from that time or later"]),
        ({0: 200, 1: 50}, Start.AFTER, []),
    ],
)
def test_what_is_not_there_is_said(wanted: dict[int, int], start: Start, hints: list[str]) -> None:
    assert list(kafka_browse._outside(wanted, BOUNDS, start)) == hints


def test_an_empty_topic_says_so() -> None:
    assert Fake(high=0).messages(MessageQuery()).note is None
    assert list(kafka_browse._outside({0: 9}, _Bounds({0: 4}, {0: 4}, ()), Start.OFFSET)) == ["there are no messages"]


def test_what_no_partition_tells_is_not_said_to_be_empty() -> None:
    assert list(kafka_browse._outside({}, _Bounds({}, {}, ("gone",)), Start.OFFSET)) == []


def committed(partition: int, offset: int) -> SimpleNamespace:
    return SimpleNamespace(partition=partition, offset=offset, error=None)


def member(*partitions: int) -> SimpleNamespace:
    given = [TopicPartition("trades", p) for p in partitions] + [TopicPartition("other", 9)]
    assignment = SimpleNamespace(topic_partitions=given)
    return SimpleNamespace(member_id="m-1", client_id="c", host="/127.0.0.1", assignment=assignment)


def test_groups_are_told_one_by_one() -> None:
    browser = Fake()
    browser.groups_told = {
        "a": done(SimpleNamespace(members=[member(2, 0)])),
        "lakehouse": failed(KafkaError.COORDINATOR_NOT_AVAILABLE, "no coordinator"),
        "z": done(SimpleNamespace(members=[])),
    }
    browser.committed_told = {
        "a": [committed(0, 4), committed(1, -1001), committed(2, 12)],
        "lakehouse": [committed(0, 10)],
        "z": KafkaException(KafkaError(KafkaError._TIMED_OUT, "timed out")),
    }
    job, first, last = browser.groups()
    assert job == ConsumerGroup(
        "lakehouse", "STABLE", None, (GroupPartition(0, 10, 0),), "the group's members are unknown: no coordinator"
    )
    assert (first.id, first.lag, first.error) == ("a", 6, None)
    assert first.partitions == (GroupPartition(0, 4, 6), GroupPartition(2, 12, 0))
    assert [m.partitions for m in first.members or ()] == [(0, 2)]
    assert [m.host for m in first.members or ()] == ["127.0.0.1"]
    assert (last.partitions, last.lag, last.error) == ((), None, "the group's offsets are unknown: timed out")


def test_no_more_groups_are_asked_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_browse, "MAX_GROUPS", 1)
    browser = Fake()
    browser.groups_told = {name: done(SimpleNamespace(members=[])) for name in ("a", "b")}
    browser.committed_told = {"a": [committed(0, 1)]}
    first, second = browser.groups()
    assert first.error is None
    assert (second.partitions, second.error) == ((), "only 1 groups are asked for their offsets")
