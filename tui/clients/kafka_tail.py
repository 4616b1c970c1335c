"""Trades from the end of the topic as they come: one consumer that joins no group and commits nothing.

A thread of its own owns the consumer, because librdkafka may hang for long when a consumer of a dead broker goes.
Messages are judged as the job does, lateness included: that needs each partition in order from a known `ts` on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from tui.clients.kafka import KafkaClient
from tui.clients.trades import trade_fields
from tui.model.errors import UnavailableError
from tui.model.live import TailBatch, Trade

MOST_WAITING = 50_000
"""So many trades wait to be asked for; then reading pauses."""

_TAKE, _TAKE_S = 2_000, 0.15  # messages at once, and how long to wait for them
_QUIET_S = 0.5  # how long the first message is waited for, and a new start may have to
_SILENT_S = 2.0  # after so long without a message the broker is asked whether it is there
_ASK_S = 1.5
_LOST = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE})
_GONE = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION})


@dataclass(slots=True)
class _Read:
    """What was read since the last start; `waiting` since the last poll."""

    positions: dict[int, int]
    highest_ts: dict[int, int]
    waiting: list[Trade] = field(default_factory=list)
    first_times: dict[int, int] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    error: str | None = None
    lost: bool = False
    news: bool = False


class KafkaTail:
    """The tail of one topic; `late_after_ms` is how far behind its partition's newest `ts` a trade may be."""

    def __init__(self, kafka: KafkaClient, topic: str, late_after_ms: int) -> None:
        self._kafka = kafka
        self._bootstrap = kafka.access.bootstrap
        self._topic = topic
        self._late_after_ms = late_after_ms
        self._changed = threading.Condition()
        self._order: Mapping[int, int] | None = None
        self._read = _Read({}, {})
        self._thread: threading.Thread | None = None
        self._closed = False

    def ends(self) -> Mapping[int, tuple[int, int]]:
        """The first and the next offset of every partition; raises `NotFoundError`, `UnavailableError`."""
        found: dict[int, tuple[int, int]] = {}
        for partition in self._kafka.lag().partitions:
            if partition.low is None or partition.high is None:
                reason = partition.error or "no answer in time"
                raise UnavailableError(f"Partition {partition.partition} of {self._topic!r} cannot be read: {reason}.")
            found[partition.partition] = (partition.low, partition.high)
        return found

    def start(self, offsets: Mapping[int, int], highest_ts: Mapping[int, int]) -> None:
        """Read from these offsets on; what waits from before is dropped."""
        with self._changed:
            self._order = dict(offsets)
            self._read = _Read(dict(offsets), dict(highest_ts))
            self._closed = False
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._serve, name="kafka-tail", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def poll(self, timeout_s: float) -> TailBatch:
        """What was read since the last call; waits at most `timeout_s` for something."""
        with self._changed:
            self._changed.wait_for(lambda: self._read.news, timeout_s)
            read = self._read
            trades, read.waiting, read.news = read.waiting, [], False
            self._changed.notify_all()
            return TailBatch(
                tuple(trades), dict(read.positions), dict(read.first_times), dict(read.ends), read.error, read.lost
            )

    def close(self) -> None:
        """Stop reading; the thread ends by itself."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    # --- the thread

    def _serve(self) -> None:
        consumer: Consumer | None = None
        messages: list[Message] = []
        heard = time.monotonic()
        while self._wait(consumer is not None):
            read, order = self._ordered()
            try:
                consumer = consumer or Consumer(self._config())
                if order is not None:
                    consumer.assign([TopicPartition(self._topic, p, o) for p, o in order.items()])
                    heard = time.monotonic()
                messages = _next(consumer, quiet=not messages)
            except (KafkaException, ValueError) as error:
                self._say(read, f"Kafka at {self._bootstrap} cannot be read: {error}.", lost=True)
                continue
            if messages:
                self._note_ends(read, consumer)
            if messages and self._take(messages):
                heard = time.monotonic()
            elif time.monotonic() - heard > _SILENT_S:
                self._look(read, consumer)
                heard = time.monotonic()
        if consumer is not None:
            consumer.close()

    def _wait(self, reading: bool) -> bool:
        """Wait until there is something to do; `False` to end."""
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._closed
                    or self._order is not None
                    or (reading and not self._read.lost and len(self._read.waiting) < MOST_WAITING)
                )
            )
            return not self._closed

    def _ordered(self) -> tuple[_Read, Mapping[int, int] | None]:
        """What is read now, and from where it is to start, if it is new."""
        with self._changed:
            order, self._order = self._order, None
            return self._read, order

    def _take(self, messages: list[Message]) -> bool:
        """Judge and keep messages; whether any was one."""
        with self._changed:
            if self._order is not None:  # a new start was ordered meanwhile: these are from before
                return False
            read = self._read
            positions, firsts = dict(read.positions), dict(read.first_times)
        trades: list[Trade] = []
        for message in messages:
            error = message.error()
            if error is not None:
                self._refused(read, error)
                continue
            partition, offset = message.partition(), message.offset()
            if partition is None or offset is None or offset < positions.get(partition, offset + 1):
                continue
            positions[partition] = offset + 1
            _, time_ms = message.timestamp()
            firsts.setdefault(partition, time_ms)
            fields = trade_fields(message.value(), time_ms)
            if fields is not None and not self._too_late(read.highest_ts, partition, fields[0]):
                trades.append((partition, offset, *fields))
        heard = positions != read.positions
        with self._changed:
            read.waiting.extend(trades)
            read.positions, read.first_times = positions, firsts
            if heard:
                read.error, read.news = None, True
                self._changed.notify_all()
        return heard

    def _too_late(self, highest_ts: dict[int, int], partition: int, ts: int) -> bool:
        """The rule of `jobs/sql/late.sql`: too far behind the newest `ts` at lower offsets of the partition."""
        highest = highest_ts.get(partition, ts)
        if ts >= highest:
            highest_ts[partition] = ts
        return ts < highest - self._late_after_ms

    def _refused(self, read: _Read, error: KafkaError) -> None:
        code = error.code()
        if code in _GONE:
            self._say(read, f"Kafka at {self._bootstrap} has no topic {self._topic!r} any more.", lost=True)
        elif code in _LOST:
            self._say(read, f"Topic {self._topic!r} no longer holds what comes after the tables.", lost=True)
        else:
            self._say(read, f"Kafka at {self._bootstrap} says: {error.str()}.")

    def _note_ends(self, read: _Read, consumer: Consumer) -> None:
        """What the last answers told of the ends, without asking."""
        for partition, position in list(read.positions.items()):
            _, high = consumer.get_watermark_offsets(TopicPartition(self._topic, partition), cached=True)
            if high >= position:  # -1001: not told yet
                read.ends[partition] = high

    def _look(self, read: _Read, consumer: Consumer) -> None:
        """Ask for the ends, because nothing has come for a while."""
        for partition, position in list(read.positions.items()):
            try:
                found = consumer.get_watermark_offsets(TopicPartition(self._topic, partition), _ASK_S)
            except KafkaException as error:
                if error.args[0].code() in _GONE:
                    self._refused(read, error.args[0])
                    return
                found = None
            if found is None:
                self._say(read, f"Kafka at {self._bootstrap} does not answer: `lakehouse-tui status` tells more.")
                return
            low, high = found
            if not low <= position <= high:
                self._say(read, f"Topic {self._topic!r} no longer holds what comes after the tables.", lost=True)
                return
            read.ends[partition] = high
        self._say(read, None)

    def _say(self, read: _Read, error: str | None, *, lost: bool = False) -> None:
        with self._changed:
            if (error, lost) != (read.error, read.lost):
                read.error, read.lost, read.news = error, lost, True
                self._changed.notify_all()

    def _config(self) -> dict[str, Any]:
        return {
            **self._kafka.access.properties(),
            "client.id": "lakehouse-tui",
            "group.id": "lakehouse-tui",  # asked for by librdkafka; never joined
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "fetch.wait.max.ms": 1_000,  # where nothing comes one answer a second is enough,
            "queued.min.messages": 1,  # and where much comes few answers with many messages are: the next one is
            "fetch.queue.backoff.ms": 150,  # asked for so long after the last one was taken
            "queued.max.messages.kbytes": 8_192,
            "reconnect.backoff.max.ms": 1_000,
            "log_level": 0,  # librdkafka would write to our terminal
            "error_cb": _ignore,
        }


def _next(consumer: Consumer, *, quiet: bool) -> list[Message]:
    """What comes within a moment; where it is quiet, after the first message, which is waited for longer."""
    first = consumer.poll(_QUIET_S) if quiet else None
    if first is None:
        return [] if quiet else consumer.consume(_TAKE, _TAKE_S)
    return [first, *consumer.consume(_TAKE - 1, _TAKE_S)]


def _ignore(_error: KafkaError) -> None:
    """Take no notice: silence is asked about."""
