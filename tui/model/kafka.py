"""Values read from Kafka."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """One partition of the topic; offsets count records, `None` is unknown (never 0).

    `low` and `high` are the log start offset and the high watermark. `committed` is the consumer group's
    committed offset, `read` the next offset that the running job will read.
    """

    partition: int
    low: int | None
    high: int | None
    committed: int | None
    read: int | None
    error: str | None = None

    @property
    def lag_committed(self) -> int | None:
        """Records between the committed offset and the high watermark; never negative."""
        return _lag(self.high, self.committed, self.low)

    @property
    def lag_read(self) -> int | None:
        """Records between what the job has read and the high watermark; never negative."""
        return _lag(self.high, self.read, self.low)


def _lag(high: int | None, position: int | None, low: int | None) -> int | None:
    if high is None or position is None:
        return None
    return max(0, high - max(position, low or 0))


@dataclass(frozen=True, slots=True)
class TopicLag:
    """The lag of one consumer group on one topic at one moment (UTC)."""

    topic: str
    group: str
    taken_at: datetime
    partitions: tuple[PartitionLag, ...]


@dataclass(frozen=True, slots=True)
class PartitionDetail:
    """Where one partition lives; ids of brokers, `None` is unknown. `leader` is `None` while it has none."""

    partition: int
    leader: int | None
    replicas: tuple[int, ...] | None
    in_sync: tuple[int, ...] | None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class GroupPartition:
    """One group's committed offset of one partition of the topic, and the records behind the high watermark."""

    partition: int
    committed: int | None
    lag: int | None


@dataclass(frozen=True, slots=True)
class GroupMember:
    """A consumer that is in the group now, with the topic's partitions that it was given."""

    id: str
    client: str
    host: str
    partitions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ConsumerGroup:
    """A consumer group as its coordinator tells; `members` is `None` when it does not.

    `partitions` are those of the topic that the group has committed; `error` says why something is unknown.
    """

    id: str
    state: str
    members: tuple[GroupMember, ...] | None
    partitions: tuple[GroupPartition, ...]
    error: str | None = None

    @property
    def lag(self) -> int | None:
        """Records behind the high watermarks in all; `None` while a committed partition's is unknown, or none is."""
        lags = [p.lag for p in self.partitions]
        return None if not lags or None in lags else sum(lag for lag in lags if lag is not None)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the topic; `timestamp` is UTC.

    `key` and `value` are text, bytes that are not UTF-8 replaced and control characters left in; `value` is cut
    at 64 KiB, `size_bytes` counts all of it. `problem` says why it is not a trade; `None`: it is one.
    """

    partition: int
    offset: int
    timestamp: datetime | None
    key: str | None
    value: str | None
    size_bytes: int
    problem: str | None


class Start(StrEnum):
    """Where a page of messages starts."""

    TAIL = "tail"
    OFFSET = "offset"
    TIME = "time"
    AFTER = "after"
    BEFORE = "before"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in one partition: before the message at `offset`."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class BrowseFrom:
    """Where to read: the newest messages, those from `offset` (in each partition) or from `moment` (UTC) on, or
    those after or before the `positions` where another page ends or begins.
    """

    start: Start = Start.TAIL
    offset: int | None = None
    moment: datetime | None = None
    positions: tuple[Position, ...] = ()


@dataclass(frozen=True, slots=True)
class MessageQuery:
    """Which messages to read: at most `limit`, whose value contains `text` and whose key contains `key`.

    Letters a-z match in both cases; `None` matches all. `partition` is the only one to read, `None` reads all.
    """

    start: BrowseFrom = BrowseFrom()
    limit: int = 200
    text: str | None = None
    key: str | None = None
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class MessagePage:
    """The answer to `query`: `messages` in the order of time, each partition's in the order of offsets.

    `begin` and `end` are where the page before and the page after it meet this one. `complete` is false when the
    search ended for want of time or at its limit of messages; `note` says how far it looked, or what is missing.
    """

    topic: str
    query: MessageQuery
    taken_at: datetime
    messages: tuple[Message, ...]
    begin: tuple[Position, ...] = ()
    end: tuple[Position, ...] = ()
    complete: bool = True
    note: str | None = None
