"""Searching a topic forwards or backwards for one page of messages; pure, the reading itself is handed in.

Each partition is searched on its own and the finds are merged by time. A page is exact: where it ends in each
partition, the next one begins, whatever was found and not shown.
"""

from __future__ import annotations

import codecs
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, NamedTuple

from tui.clients.kafka_judge import problem
from tui.model.kafka import Message, MessageQuery

SCAN_LIMIT: Final = 100_000
"""Most messages that one search with a filter reads."""

CHUNK: Final = 5_000
"""Messages that a search with a filter reads of a partition at a time."""

MAX_TEXT_BYTES: Final = 65_536
"""Longer values are cut."""

_EARLIEST = datetime.min.replace(tzinfo=UTC)


class Record(NamedTuple):
    """A message as Kafka gives it; `timestamp_ms` is in epoch milliseconds."""

    partition: int
    offset: int
    timestamp_ms: int | None
    key: bytes | None
    value: bytes | None


Ranges = Mapping[int, tuple[int, int]]
"""Partition → first offset, and the offset behind the last one."""

Read = Callable[[Ranges, Callable[[Record], None]], Mapping[int, int]]
"""Reads ranges in the order of offsets until all is read or the time is up; returns partition → where it ended."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search brought.

    `begin` and `end` are partition → offset. `matched` of `scanned` messages match, of which `messages` are the
    newest or the oldest; `left` counts offsets that were not searched, `in_time` is false when the time was up.
    """

    messages: tuple[Message, ...]
    begin: Mapping[int, int]
    end: Mapping[int, int]
    matched: int
    scanned: int
    left: int = 0
    in_time: bool = True


def message(record: Record) -> Message:
    """The message as the screen shows it, judged."""
    value, stamp = record.value, record.timestamp_ms
    return Message(
        partition=record.partition,
        offset=record.offset,
        timestamp=None if stamp is None else _moment(stamp),
        key=_text(record.key),
        value=_text(value),
        size_bytes=len(value or b""),
        problem=problem(value, stamp),
    )


def _moment(epoch_ms: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(epoch_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _text(value: bytes | None) -> str | None:
    if value is None:
        return None
    whole = len(value) <= MAX_TEXT_BYTES
    return codecs.getincrementaldecoder("utf-8")("replace").decode(value[:MAX_TEXT_BYTES], final=whole)


def matcher(query: MessageQuery) -> Callable[[Record], bool]:
    """Whether a record holds the query's text and key; ASCII letters match in both cases."""
    text = (query.text or "").encode().lower()
    key = (query.key or "").encode().lower()

    def matches(record: Record) -> bool:
        if key and (record.key is None or key not in record.key.lower()):
            return False
        return not text or (record.value is not None and text in record.value.lower())

    return matches


@dataclass(slots=True)
class _Search:
    """The finds of one search while it runs."""

    query: MessageQuery
    matched: int = 0
    scanned: int = 0
    dropped: dict[int, int] = field(default_factory=dict)

    @property
    def filtered(self) -> bool:
        return bool(self.query.text or self.query.key)

    def chunk(self, partitions: int, step: int) -> int:
        """How many offsets of each of `partitions` to read next; 0 when the search has to end."""
        if not self.filtered:
            return self.query.limit
        return min(step, (SCAN_LIMIT - self.scanned) // partitions)


def forward(read: Read, start: Mapping[int, int], high: Mapping[int, int], query: MessageQuery) -> Found:
    """The oldest messages that match from `start` on, below `high`."""
    search, matches = _Search(query), matcher(query)
    kept: dict[int, list[Message]] = {partition: [] for partition in start}
    reached, in_time = dict(start), True

    def take(record: Record) -> None:
        search.scanned += 1
        if matches(record):
            search.matched += 1
            if len(kept[record.partition]) < query.limit:
                kept[record.partition].append(message(record))
            else:
                search.dropped.setdefault(record.partition, record.offset)

    while in_time:
        wanted = [p for p in start if reached[p] < high[p] and len(kept[p]) < query.limit]
        chunk = search.chunk(len(wanted), CHUNK) if wanted else 0
        if not chunk:
            break
        ranges = {p: (reached[p], min(high[p], reached[p] + chunk)) for p in wanted}
        ended = read(ranges, take)
        reached.update(ended)
        in_time = all(ended[p] == ranges[p][1] for p in wanted)
    shown, rest = oldest(kept, query.limit)
    end = {p: rest[p] if p in rest else search.dropped.get(p, reached[p]) for p in start}
    left = sum(max(0, high[p] - end[p]) for p in start)
    return Found(shown, dict(start), end, search.matched, search.scanned, left, in_time)


def backward(read: Read, low: Mapping[int, int], end: Mapping[int, int], query: MessageQuery) -> Found:
    """The newest messages that match below `end`, not below `low`."""
    search, matches = _Search(query), matcher(query)
    kept: dict[int, list[Message]] = {partition: [] for partition in end}
    begin, in_time, step = dict(end), True, min(1_000, CHUNK)
    while in_time:
        wanted = [p for p in end if begin[p] > low[p] and len(kept[p]) < query.limit]
        chunk = search.chunk(len(wanted), step) if wanted else 0
        if not chunk:
            break
        ranges = {p: (max(low[p], begin[p] - chunk), begin[p]) for p in wanted}
        fresh: dict[int, deque[Message]] = {p: deque(maxlen=query.limit) for p in wanted}
        counts = dict.fromkeys(wanted, 0)

        def take(record: Record, fresh: dict[int, deque[Message]] = fresh, counts: dict[int, int] = counts) -> None:
            search.scanned += 1
            if matches(record):
                counts[record.partition] += 1
                fresh[record.partition].append(message(record))

        ended = read(ranges, take)
        for p in wanted:
            if ended[p] < ranges[p][1]:  # a part of the chunk would leave a hole
                in_time = False
                continue
            search.matched += counts[p]
            begin[p] = ranges[p][0]
            if counts[p] > len(fresh[p]):
                begin[p] = fresh[p][0].offset
            kept[p][:0] = fresh[p]
        step = min(CHUNK, step * 2)
    shown, rest = newest(kept, query.limit)
    begin.update(rest)
    left = sum(max(0, begin[p] - low[p]) for p in end)
    return Found(shown, begin, dict(end), search.matched, search.scanned, left, in_time)


def followed(before: Found, after: Found, limit: int) -> Found:
    """The newest messages of two searches, of which `after` went on where `before` ended."""
    kept: dict[int, list[Message]] = {partition: [] for partition in after.end}
    for found in (*before.messages, *after.messages):
        kept[found.partition].append(found)
    shown, rest = newest(kept, limit)
    return replace(
        before,
        messages=shown,
        begin={**before.begin, **rest},
        end=after.end,
        matched=before.matched + after.matched,
        scanned=before.scanned + after.scanned,
        left=before.left,
        in_time=after.in_time,
    )


def oldest(kept: Mapping[int, list[Message]], limit: int) -> tuple[tuple[Message, ...], dict[int, int]]:
    """The first `limit` by time, and partition → offset of the first one that is left over."""
    heads = {p: 0 for p, found in kept.items() if found}
    taken: list[Message] = []
    while heads and len(taken) < limit:
        partition = min(heads, key=lambda p: (kept[p][heads[p]].timestamp or _EARLIEST, p))
        taken.append(kept[partition][heads[partition]])
        heads[partition] += 1
        if heads[partition] == len(kept[partition]):
            del heads[partition]
    return tuple(taken), {p: kept[p][head].offset for p, head in heads.items()}


def newest(kept: Mapping[int, list[Message]], limit: int) -> tuple[tuple[Message, ...], dict[int, int]]:
    """The last `limit` by time, and partition → the offset behind the last one that is left over."""
    tails = {p: len(found) for p, found in kept.items() if found}
    taken: list[Message] = []
    while tails and len(taken) < limit:
        partition = max(tails, key=lambda p: (kept[p][tails[p] - 1].timestamp or _EARLIEST, p))
        tails[partition] -= 1
        taken.append(kept[partition][tails[partition]])
        if tails[partition] == 0:
            del tails[partition]
    return tuple(reversed(taken)), {p: kept[p][tail - 1].offset + 1 for p, tail in tails.items()}


def note(found: Found, query: MessageQuery, *, backwards: bool, missing: Iterable[str] = ()) -> str | None:
    """How far a search looked and what is missing; `None` when there is nothing to tell."""
    parts = []
    if query.text or query.key:
        matching = f"{found.matched:,} of {found.scanned:,} messages match"
        if found.matched > len(found.messages):
            matching += f", the {'newest' if backwards else 'oldest'} {len(found.messages):,} are here"
        parts.append(matching)
        if found.left and len(found.messages) < query.limit:
            parts.append(f"{found.left:,} {'older' if backwards else 'newer'} ones were not looked at")
    if not found.in_time:
        parts.append("the time was up before all was read")
    parts.extend(missing)
    return "; ".join(parts) or None


def soon(deadline: float) -> float:
    """Seconds until `deadline` of the monotonic clock; 0 when it is over."""
    return max(0.0, deadline - time.monotonic())
