"""Kafka over librdkafka's admin interface: offsets of one topic and of one consumer group."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import UTC, datetime
from typing import Any, TypeVar

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from tui.clients import kafka_trouble
from tui.model.access import KafkaAccess
from tui.model.errors import NotFoundError, UnavailableError
from tui.model.kafka import PartitionLag, TopicLag

T = TypeVar("T")

_AWAY = frozenset({KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE})
_GRACE_S = 0.5  # librdkafka ends its own requests; this only covers its scheduling

Offsets = Mapping[int, int | str]
"""Partition → offset, or the reason why it is unknown."""


class KafkaClient:
    """Blocking calls, each with `timeout_s` in all; its connections are reused, also by several threads."""

    def __init__(self, access: KafkaAccess, topic: str, group: str, timeout_s: float = 5.0) -> None:
        self._access = access
        self._bootstrap = access.bootstrap
        self._topic = topic
        self._group = group
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._admin: AdminClient | None = None
        self._consumer: Consumer | None = None
        self._trouble: KafkaError | None = None

    @property
    def access(self) -> KafkaAccess:
        """How it is reached."""
        return self._access

    def partition_ids(self) -> tuple[int, ...]:
        """The topic's partitions; raises `NotFoundError` without such a topic, `UnavailableError` without Kafka."""
        return tuple(sorted(self._partitions(time.monotonic() + self._timeout_s)))

    def lag(self, read_offsets: Mapping[int, int] | None = None) -> TopicLag:
        """Offsets of every partition; `read_offsets` (partition → next offset) come from the job's metrics.

        What one partition does not tell stays `None`, with the reason in its `error`; the others are not hidden.
        Raises `NotFoundError` without such a topic, `UnavailableError` when Kafka does not answer in time.
        """
        deadline = time.monotonic() + self._timeout_s
        leaders = self._partitions(deadline)
        reachable = [partition for partition, has_leader in leaders.items() if has_leader]
        asked_low = self._ask_offsets(reachable, OffsetSpec.earliest(), deadline)  # type: ignore[no-untyped-call]
        asked_high = self._ask_offsets(reachable, OffsetSpec.latest(), deadline)  # type: ignore[no-untyped-call]
        committed = self._committed(list(leaders), deadline)
        low, high = _offsets(asked_low, deadline), _offsets(asked_high, deadline)
        if reachable and time.monotonic() >= deadline and not any(map(_is_known, (*low.values(), *high.values()))):
            raise self._away()  # it froze after it had named its partitions
        read = read_offsets or {}
        return TopicLag(
            topic=self._topic,
            group=self._group,
            taken_at=datetime.now(UTC),
            partitions=tuple(
                PartitionLag(
                    partition=partition,
                    low=_known(low.get(partition)),
                    high=_known(high.get(partition)),
                    committed=_known(committed.get(partition)),
                    read=read.get(partition),
                    error=_reason(
                        leaders[partition], low.get(partition), high.get(partition), committed.get(partition)
                    ),
                )
                for partition in sorted(leaders)
            ),
        )

    def _partitions(self, deadline: float) -> dict[int, bool]:
        """Partition → whether it has a leader."""
        return {p.id: p.leader is not None and p.leader.id >= 0 for p in self._described(deadline)}

    def _described(self, deadline: float) -> list[Any]:
        """What Kafka tells of each partition: `id`, `leader`, `replicas`, `isr`."""
        topics = TopicCollection([self._topic])  # this request, unlike others, never creates the topic
        asked = self._connection().describe_topics(topics, request_timeout=_left(deadline))
        try:
            described = asked[self._topic].result(_left(deadline) + _GRACE_S)
        except (KafkaException, FutureTimeoutError) as error:
            raise self._failure(error) from None
        return list(described.partitions)

    def _failure(self, error: Exception) -> NotFoundError | UnavailableError:
        cause = error.args[0] if error.args else None
        code = cause.code() if isinstance(cause, KafkaError) else KafkaError._TIMED_OUT
        if code in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):
            creates = "`lakehouse-tui up` creates it" if self._access.managed else "create it, or check topic"
            return NotFoundError(f"Kafka at {self._bootstrap} has no topic {self._topic!r}: {creates}.")
        if code in _AWAY:
            return self._away()
        return UnavailableError(f"Kafka at {self._bootstrap} refused to describe {self._topic!r}: {_text(error)}.")

    def _away(self) -> UnavailableError:
        if self._admin is not None:
            self._admin.poll(0)  # hands over what its connections said
        return UnavailableError(kafka_trouble.sentence(self._access, self._trouble, self._timeout_s))

    def _ask_offsets(self, partitions: Iterable[int], spec: OffsetSpec, deadline: float) -> dict[int, Future[Any]]:
        wanted = {TopicPartition(self._topic, partition): spec for partition in partitions}
        if not wanted:
            return {}
        asked = self._connection().list_offsets(wanted, request_timeout=_left(deadline))
        return {where.partition: future for where, future in asked.items()}

    def _committed(self, partitions: list[int], deadline: float) -> Offsets:
        """The group's offsets, read by a consumer that never joins the group.

        `AdminClient.list_consumer_group_offsets` of confluent-kafka 2.16.1 crashes the process (SIGSEGV) while the
        group's coordinator is not available, as on a broker that has just been set up.
        """
        asked = [TopicPartition(self._topic, partition) for partition in partitions]
        try:
            return committed_offsets(self._group_reader().committed(asked, timeout=_left(deadline)))
        except KafkaException as error:
            return dict.fromkeys(partitions, f"the group's offsets are unknown: {_text(error)}")

    def _connection(self) -> AdminClient:
        with self._lock:
            if self._admin is None:
                self._admin = self._make(AdminClient, self._config())
            return self._admin

    def _group_reader(self) -> Consumer:
        with self._lock:
            if self._consumer is None:
                own = {"group.id": self._group, "enable.auto.commit": False}
                self._consumer = self._make(Consumer, {**self._config(), **own})
            return self._consumer

    def _make(self, kind: Callable[[dict[str, Any]], T], config: dict[str, Any]) -> T:
        try:
            return kind(config)
        except (KafkaException, ValueError) as error:
            raise UnavailableError(f"{self._bootstrap!r} cannot be used as Kafka's address: {_text(error)}.") from None

    def _config(self) -> dict[str, Any]:
        return {
            **self._access.properties(),
            "client.id": "lakehouse-tui",
            "log_level": 0,  # librdkafka would write to our terminal
            "error_cb": self._note,
            "reconnect.backoff.max.ms": 1000,
        }

    def _note(self, error: KafkaError) -> None:
        """Keep the reason for later: every request reports its own failure, but not why."""
        if error.code() != KafkaError._ALL_BROKERS_DOWN:
            self._trouble = error


def _left(deadline: float) -> float:
    """Seconds until `deadline`; librdkafka refuses 0."""
    return max(0.05, deadline - time.monotonic())


def _offsets(asked: Mapping[int, Future[Any]], deadline: float) -> Offsets:
    found: dict[int, int | str] = {}
    for partition, future in asked.items():
        try:
            found[partition] = future.result(_left(deadline) + _GRACE_S).offset
        except (KafkaException, FutureTimeoutError) as error:
            found[partition] = _text(error)
    return found


def committed_offsets(answer: Iterable[TopicPartition]) -> Offsets:
    """Partition → committed offset or error; a partition that the group never committed has no entry."""
    found: dict[int, int | str] = {}
    for where in answer:
        if where.error is not None:
            found[where.partition] = where.error.str()
        elif where.offset >= 0:  # -1001: nothing committed
            found[where.partition] = where.offset
    return found


def _known(offset: int | str | None) -> int | None:
    return offset if isinstance(offset, int) and offset >= 0 else None


def _is_known(offset: int | str | None) -> bool:
    return _known(offset) is not None


def _reason(has_leader: bool, *offsets: int | str | None) -> str | None:
    if not has_leader:
        return "the partition has no leader"
    return next((offset for offset in offsets if isinstance(offset, str)), None)


def _text(error: Exception) -> str:
    cause = error.args[0] if error.args else error
    return str(cause.str() if isinstance(cause, KafkaError) else cause).rstrip(".") or "no answer in time"
