"""Values read from Kafka."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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
