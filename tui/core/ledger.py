"""The ledger: which Kafka offsets are missing from the tables, and which are there more than once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tui.model.audit import OffsetRun


class Span(NamedTuple):
    """Offsets from `first` to `last`, both included, each `times` times in the tables."""

    first: int
    last: int
    times: int

    def __str__(self) -> str:
        offsets = str(self.first) if self.first == self.last else f"{self.first}–{self.last}"
        return f"{offsets}{_TIMES.get(self.times, f' {self.times} times')}"


_TIMES = {0: "", 1: "", 2: " twice"}


@dataclass(frozen=True, slots=True)
class PartitionLedger:
    """One partition: offsets from `start` up to but without `end` must be there exactly once, later ones at most."""

    partition: int
    start: int
    end: int
    missing: tuple[Span, ...]
    doubled: tuple[Span, ...]

    @property
    def required(self) -> int:
        """How many offsets must be there."""
        return max(0, self.end - self.start)

    @property
    def ok(self) -> bool:
        """Whether nothing is missing or double."""
        return not self.missing and not self.doubled

    def sentence(self, most: int = 10) -> str:
        """What is wrong, with at most `most` spans of each kind: `partition 1: missing 100–105, 7 twice`."""
        parts = [f"missing {_listed(self.missing, most)}"] if self.missing else []
        parts += [_listed(self.doubled, most)] if self.doubled else []
        return f"partition {self.partition}: {', '.join(parts) or 'complete'}"


def _listed(spans: tuple[Span, ...], most: int) -> str:
    text = ", ".join(str(s) for s in spans[:most])
    return text if len(spans) <= most else f"{text} and {len(spans) - most:,} more spans"


def count(spans: Iterable[Span]) -> int:
    """How many offsets the spans hold."""
    return sum(s.last - s.first + 1 for s in spans)


def judge(runs: Iterable[OffsetRun], required: Mapping[int, tuple[int, int]]) -> tuple[PartitionLedger, ...]:
    """Compare the offsets found with those required, partition → (first, one past the last).

    Partitions that are not required are judged for double offsets only.
    """
    found: dict[int, list[OffsetRun]] = defaultdict(list)
    for run in runs:
        found[run.partition].append(run)
    return tuple(
        _judge_one(partition, found.get(partition, []), *required.get(partition, (0, 0)))
        for partition in sorted(found.keys() | required.keys())
    )


def _judge_one(partition: int, runs: list[OffsetRun], start: int, end: int) -> PartitionLedger:
    spans = tuple(_depths(runs, start, end))
    gaps = (Span(max(s.first, start), min(s.last, end - 1), 0) for s in spans if s.times == 0)
    return PartitionLedger(
        partition,
        start,
        end,
        missing=tuple(s for s in gaps if s.first <= s.last),
        doubled=tuple(s for s in spans if s.times > 1),
    )


def _depths(runs: list[OffsetRun], start: int, end: int) -> Iterator[Span]:
    """How often every offset is there, as adjoining spans that cover at least `start` to `end`."""
    edges = [(r.first, 1) for r in runs] + [(r.last + 1, -1) for r in runs] + [(start, 0), (end, 0)]
    edges.sort()
    depth, since = 0, edges[0][0]
    for position, change in edges:
        if change and position > since:
            yield Span(since, position - 1, depth)
        if change:
            since = max(since, position)
        depth += change
    if end > since:
        yield Span(since, end - 1, depth)
