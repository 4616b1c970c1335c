"""What an audit of the tables finds, before it is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class OffsetRun(NamedTuple):
    """Consecutive Kafka offsets of one partition, `first` to `last`, both included."""

    partition: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class TableOffsets:
    """The offsets that one table holds; an offset in two runs is there twice.

    `unidentified` counts rows without partition or offset.
    """

    rows: int
    unidentified: int
    runs: tuple[OffsetRun, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """How many things are wrong in one way, and the first of them in words."""

    count: int = 0
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CandleAudit:
    """Candles of a table beside those recomputed from the trades of another one.

    `expected` and `actual` count candles; `differing` counts candles with at least one column that differs.
    """

    trades: int
    expected: int
    actual: int
    missing: Findings = Findings()
    surplus: Findings = Findings()
    differing: Findings = Findings()
    doubled: Findings = Findings()
