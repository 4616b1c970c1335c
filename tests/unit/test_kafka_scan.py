"""Searching a topic: pages that meet exactly, filters, limits of number and time."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.clients import kafka_scan as scan
from tui.clients.kafka_scan import Record
from tui.model.kafka import Message, MessageQuery

TRADE = b'{"symbol":"BTCUSDT","ts":1767225600000,"price":1,"qty":1,"side":"BUY"}'
NOW_MS = 1_767_225_600_000


class Log:
    """A topic in memory: offsets may have gaps, and reading may end early."""

    def __init__(self, records: list[Record], reads: int = 10**9) -> None:
        self.records = records
        self.reads = reads
        self.seen = 0

    def read(self, ranges: scan.Ranges, take: Callable[[Record], None]) -> Mapping[int, int]:
        ended = {p: end for p, (_, end) in ranges.items()}
        for record in self.records:
            start, end = ranges.get(record.partition, (0, 0))
            if not start <= record.offset < end:
                continue
            if self.seen == self.reads:
                ended[record.partition] = min(ended[record.partition], record.offset)
                continue
            self.seen += 1
            take(record)
        return ended

    @property
    def high(self) -> dict[int, int]:
        return {p: max((r.offset + 1 for r in self.records if r.partition == p), default=0) for p in range(3)}


LOW = dict.fromkeys(range(3), 0)


def record(
    partition: int, offset: int, second: float = 0.0, key: str = "BTCUSDT", value: bytes | None = TRADE
) -> Record:
    return Record(partition, offset, NOW_MS + round(second * 1000), key.encode(), value)


def places(found: tuple[Message, ...]) -> list[tuple[int, int]]:
    return [(m.partition, m.offset) for m in found]


def log_of(count: int, seed: int = 0) -> Log:
    """Messages over three partitions, with gaps in the offsets and times that are not quite in order."""
    draw, offsets, records = random.Random(seed), [0, 0, 0], []
    for number in range(count):
        partition = draw.choice((0, 0, 0, 1, 2))
        offsets[partition] += draw.choice((1, 1, 1, 2))
        key = draw.choice(("BTCUSDT", "ETHUSDT"))
        records.append(record(partition, offsets[partition] - 1, number + draw.choice((0, 0, -3)), key))
    return Log(records)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 200), st.integers(1, 60), st.sampled_from((None, "eth")), st.integers(0, 9))
def test_pages_meet_exactly_in_both_directions(count: int, limit: int, key: str | None, seed: int) -> None:
    log = log_of(count, seed)
    wanted = sorted((r.partition, r.offset) for r in log.records if not key or b"ETH" in (r.key or b""))
    query = MessageQuery(limit=limit, key=key)
    at, forwards = dict(LOW), []
    while at != log.high:
        page = scan.forward(log.read, at, log.high, query)
        assert len(page.messages) == limit or page.end == log.high
        forwards += places(page.messages)
        at = dict(page.end)
    at, backwards = log.high, []
    while at != LOW:
        page = scan.backward(log.read, LOW, at, query)
        assert len(page.messages) == limit or page.begin == LOW
        backwards += places(page.messages)
        at = dict(page.begin)
    assert sorted(forwards) == wanted
    assert sorted(backwards) == wanted


def test_a_page_is_in_the_order_of_time_and_each_partition_in_that_of_offsets() -> None:
    log = Log([record(0, 0, 1), record(0, 1, 4), record(0, 2, 3), record(1, 0, 2), record(1, 1, 5)])
    expected = [(0, 0), (1, 0), (0, 1), (0, 2), (1, 1)]
    assert places(scan.forward(log.read, LOW, log.high, MessageQuery()).messages) == expected
    assert places(scan.backward(log.read, LOW, log.high, MessageQuery()).messages) == expected
    assert places(scan.backward(log.read, LOW, log.high, MessageQuery(limit=2)).messages) == [(0, 2), (1, 1)]


def test_a_filter_finds_text_and_key_in_any_case() -> None:
    log = Log([record(0, 0), record(0, 1, key="ETHUSDT"), record(0, 2, value=b"Hello \xff"), record(0, 3, value=None)])

    def found(**query: str) -> list[int]:
        return [m.offset for m in scan.backward(log.read, LOW, log.high, MessageQuery(**query)).messages]

    assert found(text="hELLO") == [2]
    assert found(text='"side":"buy"') == [0, 1]
    assert found(key="eth") == [1]
    assert found(key="btc", text="hello") == [2]
    assert found(key="é") == []


def test_a_message_without_a_key_matches_no_key() -> None:
    log = Log([Record(0, 0, None, None, TRADE)])
    assert scan.backward(log.read, LOW, log.high, MessageQuery(key="b")).messages == ()
    (found,) = scan.backward(log.read, LOW, log.high, MessageQuery()).messages
    assert (found.key, found.timestamp, found.problem) == (None, None, None)


def test_a_search_ends_at_its_limit_and_says_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "SCAN_LIMIT", 3_000)
    log = Log([record(0, n, n) for n in range(9_000)])
    query = MessageQuery(text="nothing like it")
    back = scan.backward(log.read, {0: 0}, {0: 9_000}, query)
    assert (back.scanned, back.begin, back.left, back.in_time) == (3_000, {0: 6_000}, 6_000, True)
    assert scan.note(back, query, backwards=True) == ("0 of 3,000 messages match; 6,000 older ones were not looked at")
    forth = scan.forward(log.read, {0: 100}, {0: 9_000}, query)
    assert (forth.scanned, forth.end, forth.left) == (3_000, {0: 3_100}, 5_900)
    assert scan.note(forth, query, backwards=False) == (
        "0 of 3,000 messages match; 5,900 newer ones were not looked at"
    )


def test_a_full_page_says_how_many_match() -> None:
    log = Log([record(0, n, n) for n in range(500)])
    query = MessageQuery(limit=10, text="BUY")
    page = scan.backward(log.read, {0: 0}, {0: 500}, query)
    assert places(page.messages) == [(0, n) for n in range(490, 500)]
    assert scan.note(page, query, backwards=True) == "500 of 500 messages match, the newest 10 are here"


def test_without_a_filter_no_more_than_a_page_of_each_partition_is_read() -> None:
    log = Log([record(0, n, n) for n in range(500)])
    page = scan.backward(log.read, {0: 0}, {0: 500}, MessageQuery(limit=10))
    assert (log.seen, page.scanned, page.left) == (10, 10, 490)
    assert scan.note(page, MessageQuery(limit=10), backwards=True) is None


def test_a_search_that_runs_out_of_time_leaves_no_hole() -> None:
    records = [record(0, n, n) for n in range(100)] + [record(1, n, n) for n in range(100)]
    query = MessageQuery(limit=50)
    back = scan.backward(Log(records, reads=70).read, LOW, {0: 100, 1: 100}, query)
    assert not back.in_time
    assert places(back.messages) == [(0, n) for n in range(50, 100)]  # what partition 1 had begun is not shown
    assert back.begin == {0: 50, 1: 100}
    assert scan.note(back, query, backwards=True) == "the time was up before all was read"
    forth = scan.forward(Log(records, reads=70).read, {0: 0, 1: 0}, {0: 100, 1: 100}, query)
    assert not forth.in_time
    assert len(forth.messages) == 50
    again = scan.forward(Log(records).read, forth.end, {0: 100, 1: 100}, MessageQuery(limit=1000))
    assert sorted(places(forth.messages) + places(again.messages)) == sorted((r.partition, r.offset) for r in records)


def test_a_tail_that_is_followed_is_what_a_new_search_would_find() -> None:
    log = log_of(300)
    query = MessageQuery(limit=40, key="eth")
    half = {p: high // 2 for p, high in log.high.items()}
    before = scan.backward(log.read, LOW, half, query)
    news = scan.forward(log.read, half, log.high, replace(query, limit=1000))
    whole = scan.backward(log.read, LOW, log.high, query)
    followed = scan.followed(before, news, 40)
    assert (followed.messages, followed.begin, followed.end) == (whole.messages, whole.begin, whole.end)
    assert followed.scanned == before.scanned + news.scanned


def test_a_value_is_text_cut_between_letters() -> None:
    long = scan.message(Record(0, 0, NOW_MS, b"\xff", "é".encode() * 40_000))
    assert long.value == "é" * 32_768
    assert (long.size_bytes, long.problem, long.key) == (80_000, "too large (80000 bytes)", "�")
    odd = scan.message(Record(0, 0, NOW_MS, None, b"a" + "é".encode() * 40_000))
    assert odd.value == "a" + "é" * 32_767
    short = scan.message(Record(0, 0, NOW_MS, b"k", b"\x00\xff"))
    assert (short.value, short.problem) == ("\x00�", "invalid UTF-8")
    assert scan.message(Record(0, 0, NOW_MS, b"k", None)).problem == "tombstone"


def test_a_time_is_utc_and_an_impossible_one_is_unknown() -> None:
    assert scan.message(record(0, 0)).timestamp == datetime(2026, 1, 1, tzinfo=UTC)
    assert scan.message(Record(0, 0, 10**18, None, None)).timestamp is None
