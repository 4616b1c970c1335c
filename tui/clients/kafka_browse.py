"""A look into the topic: messages, consumer groups and where the partitions live.

Messages are read by a consumer that is told its partitions (`assign`): it never joins a group and never commits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]

from tui.clients import kafka_scan as scan
from tui.clients.kafka import _AWAY, _GRACE_S, KafkaClient, _known, _left, _offsets, _text, committed_offsets
from tui.clients.kafka_scan import Found, Record
from tui.model.access import KafkaAccess
from tui.model.errors import CancelledError, LakehouseError, NotFoundError, UnavailableError
from tui.model.kafka import (
    ConsumerGroup,
    GroupMember,
    GroupPartition,
    MessagePage,
    MessageQuery,
    PartitionDetail,
    Position,
    Start,
)

MAX_GROUPS: Final = 20
"""How many groups are asked for their offsets: each takes a connection of its own."""

_BATCH: Final = 1_000
_WAIT_S: Final = 0.1
_SCAN_S: Final = 4.0
_REMEMBERED_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Partition → low and high offset of those that can be read, and why others cannot."""

    low: dict[int, int]
    high: dict[int, int]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Tail:
    """What was found when the tail was read last, at `taken` on the monotonic clock."""

    query: MessageQuery
    found: Found
    taken: float


class TopicBrowser(KafkaClient):
    """`TopicPort` over librdkafka; may be used by several threads, each call ends after `timeout_s`."""

    def __init__(self, access: KafkaAccess, topic: str, group: str, timeout_s: float = 5.0) -> None:
        super().__init__(access, topic, group, timeout_s)
        self._reading = threading.Lock()
        self._asked = 0
        self._browser: Consumer | None = None
        self._readers: dict[str, Consumer] = {}
        self._tail: _Tail | None = None

    # --- messages

    def messages(self, query: MessageQuery) -> MessagePage:
        """One page of messages; a newer call ends one that is still searching with `CancelledError`.

        Raises `NotFoundError` without such a topic or partition, `UnavailableError` when Kafka does not answer.
        """
        deadline = time.monotonic() + self._timeout_s
        with self._lock:
            self._asked += 1
            turn = self._asked
        if not self._reading.acquire(timeout=_left(deadline)):
            raise self._failure(FutureTimeoutError())
        try:
            bounds = self._bounds(query.partition, deadline)
            return self._page(query, bounds, turn, deadline)
        finally:
            self._reading.release()

    def _bounds(self, partition: int | None, deadline: float) -> _Bounds:
        leaders = self._partitions(deadline)
        if partition is not None:
            if partition not in leaders:
                raise NotFoundError(
                    f"{self._topic!r} has no partition {partition}; it has {', '.join(map(str, sorted(leaders)))}."
                )
            leaders = {partition: leaders[partition]}
        reachable = [number for number, has_leader in leaders.items() if has_leader]
        asked_low = self._ask_offsets(reachable, OffsetSpec.earliest(), deadline)  # type: ignore[no-untyped-call]
        asked_high = self._ask_offsets(reachable, OffsetSpec.latest(), deadline)  # type: ignore[no-untyped-call]
        lows, highs = _offsets(asked_low, deadline), _offsets(asked_high, deadline)
        low, high = {}, {}
        missing = [f"partition {p} has no leader, its messages are missing" for p in leaders if p not in reachable]
        for number in reachable:
            first, last = _known(lows.get(number)), _known(highs.get(number))
            if first is None or last is None:
                missing.append(f"partition {number} does not tell its offsets, its messages are missing")
            else:
                low[number], high[number] = first, max(first, last)
        return _Bounds(low, high, tuple(missing))

    def _page(self, query: MessageQuery, bounds: _Bounds, turn: int, deadline: float) -> MessagePage:
        until = min(deadline, time.monotonic() + _SCAN_S)
        read = _Reader(self._consumer_for_browsing(), self._topic, until, lambda: self._check(turn), self._failure)
        start, low, high = query.start, bounds.low, bounds.high
        backwards = start.start in (Start.TAIL, Start.BEFORE)
        hints = list(bounds.missing)
        try:
            if start.start is Start.TAIL:
                found = self._newest(read, query, bounds)
            elif start.start is Start.BEFORE:
                ends = {p.partition: p.offset for p in start.positions}
                found = scan.backward(read, low, {p: _within(ends.get(p, low[p]), low[p], high[p]) for p in low}, query)
            else:
                wanted = self._first(query, bounds, deadline)
                hints += _outside(wanted, bounds, start.start)
                found = scan.forward(read, {p: _within(wanted[p], low[p], high[p]) for p in low}, high, query)
        except KafkaException as error:
            raise self._failure(error) from None
        if not found.in_time and not found.scanned:
            raise self._failure(FutureTimeoutError())
        return MessagePage(
            topic=self._topic,
            query=query,
            taken_at=datetime.now(UTC),
            messages=found.messages,
            begin=_positions(found.begin),
            end=_positions(found.end),
            complete=found.in_time and (len(found.messages) >= query.limit or found.left == 0),
            note=scan.note(found, query, backwards=backwards, missing=hints),
        )

    def _newest(self, read: _Reader, query: MessageQuery, bounds: _Bounds) -> Found:
        """The tail: what came since it was read last is all that is read, if that is little."""
        last, now = self._tail, time.monotonic()
        found: Found | None = None
        if last is not None and last.query == query and now - last.taken < _REMEMBERED_S:
            ends = last.found.end
            fits = ends.keys() == bounds.high.keys() and all(low <= ends[p] for p, low in bounds.low.items())
            if fits and all(ends[p] <= high for p, high in bounds.high.items()):
                news = scan.forward(read, ends, bounds.high, query)
                if not news.left:
                    found = scan.followed(last.found, news, query.limit)
        if found is None:
            found = scan.backward(read, bounds.low, bounds.high, query)
        self._tail = _Tail(query, found, now) if found.in_time else None
        return found

    def _first(self, query: MessageQuery, bounds: _Bounds, deadline: float) -> dict[int, int]:
        """Where to read from, as asked: it may be outside of what the partition holds."""
        start = query.start
        if start.start is Start.OFFSET:
            return dict.fromkeys(bounds.low, start.offset or 0)
        if start.start is Start.AFTER:
            given = {p.partition: p.offset for p in start.positions}
            return {p: given.get(p, low) for p, low in bounds.low.items()}
        moment = start.moment or datetime.now(UTC)
        spec = OffsetSpec.for_timestamp(max(0, round(moment.timestamp() * 1000)))
        answers = _offsets(self._ask_offsets(bounds.low, spec, deadline), deadline)
        reason = next((answer for answer in answers.values() if isinstance(answer, str)), None)
        if reason is not None:
            raise UnavailableError(f"Kafka at {self._bootstrap} does not tell where that time is: {reason}.")
        known = {p: _known(answers.get(p)) for p in bounds.low}  # none: no message is as new as that
        return {p: bounds.high[p] if offset is None else offset for p, offset in known.items()}

    def _check(self, turn: int) -> None:
        if turn != self._asked:
            raise CancelledError("The search was ended, because other messages are wanted.")

    def _consumer_for_browsing(self) -> Consumer:
        with self._lock:
            if self._browser is None:
                own = {
                    "group.id": "lakehouse-tui-browser",  # the library asks for one; nothing is stored under it
                    "enable.auto.commit": False,
                    "enable.auto.offset.store": False,
                    "enable.partition.eof": True,
                    "auto.offset.reset": "earliest",
                    "isolation.level": "read_uncommitted",  # as the job reads
                    "fetch.wait.max.ms": 100,
                    "fetch.queue.backoff.ms": 5,
                    "fetch.message.max.bytes": 262_144,
                    "queued.max.messages.kbytes": 4_096,
                }
                self._browser = self._make(Consumer, {**self._config(), **own})
            return self._browser

    # --- groups and partitions

    def partitions(self) -> tuple[PartitionDetail, ...]:
        """Leader and replicas of every partition; one without a leader is told like the others.

        Raises `NotFoundError` without such a topic, `UnavailableError` when Kafka does not answer in time.
        """
        return tuple(sorted(map(_detail, self._described(time.monotonic() + self._timeout_s)), key=_number))

    def groups(self) -> tuple[ConsumerGroup, ...]:
        """Every consumer group of the cluster, the job's first, with what it committed on the topic.

        What one group does not tell stays `None`, with the reason in its `error`. Raises `UnavailableError` when
        Kafka does not answer in time.
        """
        deadline = time.monotonic() + self._timeout_s
        states = self._group_states(deadline)
        names = sorted(states, key=lambda name: (name != self._group, name))
        described = self._describe_groups(names, deadline)
        try:
            partitions = sorted(self._partitions(deadline))
        except NotFoundError:  # groups need no topic
            partitions = []
        asked = self._ask_offsets(partitions, OffsetSpec.latest(), deadline)  # type: ignore[no-untyped-call]
        high = _offsets(asked, deadline)
        found = []
        for number, name in enumerate(names):
            members, reason = _members(described[name], self._topic, deadline)
            committed: tuple[GroupPartition, ...] = ()
            if number >= MAX_GROUPS:
                reason = reason or f"only {MAX_GROUPS} groups are asked for their offsets"
            elif partitions:
                committed, unknown = self._group_offsets(name, partitions, high, deadline)
                reason = reason or unknown
            found.append(ConsumerGroup(name, states[name], members, committed, reason))
        return tuple(found)

    def _group_states(self, deadline: float) -> dict[str, str]:
        try:
            asked: Future[Any] = self._connection().list_consumer_groups(request_timeout=_left(deadline))
            listed = asked.result(_left(deadline) + _GRACE_S)
        except (KafkaException, FutureTimeoutError) as error:
            raise self._failure(error) from None
        if not listed.valid and listed.errors:
            raise self._failure(KafkaException(listed.errors[0]))
        return {group.group_id: group.state.name if group.state else "UNKNOWN" for group in listed.valid}

    def _describe_groups(self, names: list[str], deadline: float) -> Mapping[str, Future[Any]]:
        if not names:
            return {}
        asked = self._connection().describe_consumer_groups(names, request_timeout=_left(deadline))
        return dict(asked)

    def _group_offsets(
        self, name: str, partitions: list[int], high: Mapping[int, int | str], deadline: float
    ) -> tuple[tuple[GroupPartition, ...], str | None]:
        """What the group committed, and why something is unknown; see `KafkaClient._committed` for the way."""
        asked = [TopicPartition(self._topic, partition) for partition in partitions]
        try:
            answer = committed_offsets(self._reader_of(name).committed(asked, timeout=_left(deadline)))
        except (KafkaException, LakehouseError) as error:
            return (), f"the group's offsets are unknown: {_text(error)}"
        found = []
        for partition, offset in sorted(answer.items()):
            committed, end = _known(offset), _known(high.get(partition))
            lag = None if committed is None or end is None else max(0, end - committed)
            found.append(GroupPartition(partition, committed, lag))
        return tuple(found), next((offset for offset in answer.values() if isinstance(offset, str)), None)

    def _reader_of(self, name: str) -> Consumer:
        with self._lock:
            if name not in self._readers:
                own = {"group.id": name, "enable.auto.commit": False}
                self._readers[name] = self._make(Consumer, {**self._config(), **own})
            return self._readers[name]


class _Reader:
    """Reads ranges of offsets with a consumer until `deadline`; what it was assigned is taken from it again."""

    def __init__(
        self,
        consumer: Consumer,
        topic: str,
        deadline: float,
        check: Callable[[], None],
        failure: Callable[[Exception], LakehouseError],
    ) -> None:
        self._consumer = consumer
        self._topic = topic
        self._deadline = deadline
        self._check = check
        self._failure = failure

    def __call__(self, ranges: scan.Ranges, take: Callable[[Record], None]) -> dict[int, int]:
        reached = {partition: start for partition, (start, _) in ranges.items()}
        self._consumer.assign([TopicPartition(self._topic, p, start) for p, start in reached.items()])
        try:
            while left := sum(end - reached[p] for p, (_, end) in ranges.items()):
                self._check()
                wait = min(_WAIT_S, scan.soon(self._deadline))
                if not wait:
                    break
                for message in self._consumer.consume(min(_BATCH, left), wait):
                    self._one(message, ranges, reached, take)
        finally:
            self._consumer.unassign()
        return reached

    def _one(self, message: Any, ranges: scan.Ranges, reached: dict[int, int], take: Callable[[Record], None]) -> None:
        error, partition, offset = message.error(), message.partition(), message.offset()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                reached[partition] = ranges[partition][1]
            elif error.code() not in _AWAY:
                raise self._failure(KafkaException(error))
            return
        end = ranges[partition][1]
        if reached[partition] <= offset < end:
            kind, stamp = message.timestamp()
            known = stamp if kind != TIMESTAMP_NOT_AVAILABLE and stamp >= 0 else None
            take(Record(partition, offset, known, message.key(), message.value()))
        reached[partition] = min(end, max(reached[partition], offset + 1))


def _within(offset: int, low: int, high: int) -> int:
    return min(max(offset, low), high)


def _positions(offsets: Mapping[int, int]) -> tuple[Position, ...]:
    return tuple(Position(partition, offset) for partition, offset in sorted(offsets.items()))


def _outside(wanted: Mapping[int, int], bounds: _Bounds, start: Start) -> Iterator[str]:
    """What to say when nothing, or not all, of what was asked for is there."""
    if not wanted:
        return
    if all(bounds.low[p] == high for p, high in bounds.high.items()):
        yield "there are no messages"
        return
    past = all(wanted[p] >= high for p, high in bounds.high.items())
    if past and start is Start.OFFSET:
        yield f"no partition has that offset yet, the highest is {max(bounds.high.values()) - 1:,}"
    elif past and start is Start.TIME:
        yield "no message is from that time or later"
    for partition, low in sorted(bounds.low.items()):
        if wanted[partition] < low:
            yield f"partition {partition} begins at {low:,}, older messages are deleted"


def _number(detail: PartitionDetail) -> int:
    return detail.partition


def _detail(described: Any) -> PartitionDetail:
    leader = described.leader.id if described.leader is not None and described.leader.id >= 0 else None
    return PartitionDetail(
        partition=described.id,
        leader=leader,
        replicas=_ids(described.replicas),
        in_sync=_ids(described.isr),
        error=None if leader is not None else "the partition has no leader",
    )


def _ids(nodes: Iterable[Any] | None) -> tuple[int, ...] | None:
    return None if nodes is None else tuple(node.id for node in nodes)


def _members(asked: Future[Any], topic: str, deadline: float) -> tuple[tuple[GroupMember, ...] | None, str | None]:
    try:
        described = asked.result(_left(deadline) + _GRACE_S)
    except (KafkaException, FutureTimeoutError) as error:
        return None, f"the group's members are unknown: {_text(error)}"
    return tuple(_member(member, topic) for member in described.members), None


def _member(member: Any, topic: str) -> GroupMember:
    given = member.assignment.topic_partitions if member.assignment is not None else []
    partitions = tuple(sorted(where.partition for where in given if where.topic == topic))
    return GroupMember(member.member_id, member.client_id, member.host.lstrip("/"), partitions)
