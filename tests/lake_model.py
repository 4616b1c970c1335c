"""A table of two minds: what a writer put into it, and which rows a reader must find, decided row by row.

The rules are written here once more, as the specification says them and as slowly as they can be: for each row, each
delete file of the snapshot is asked whether it deletes it.
"""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.lake_writer import Row, Scope, Writer
from tui.clients.lake.metadata import Field

FIELDS = (Field(1, "k", "string"), Field(2, "n", "long"), Field(3, "x", "double"), Field(4, "v", "string"))
OTHER_NAN = struct.unpack("<d", struct.pack("<Q", 0x7FF8_0000_0000_0001))[0]
DOMAIN: dict[str, tuple[Any, ...]] = {
    "k": (None, "a", "b"),
    "n": (None, 0, 1, 2),
    "x": (None, 0.0, -0.0, math.nan, OTHER_NAN, 1.5),
}
KEYS = (("k",), ("n",), ("x",), ("k", "n"), ("n", "x"), ("k", "n", "x"))
PARTITIONS = (None, "k", "x")
Range = tuple[str, Any, Any]
"""Column, lowest and highest value."""


@dataclass(frozen=True)
class File:
    """A data file, or a delete file: by the values of `columns`, or by (URI, position) in `rows`."""

    uri: str
    sequence: int
    scope: Scope | None
    rows: tuple[Any, ...]
    columns: tuple[str, ...] = ()


@dataclass
class State:
    """What is live in one snapshot."""

    data: list[File] = field(default_factory=list)
    equality: list[File] = field(default_factory=list)
    positions: list[File] = field(default_factory=list)

    def without(self, uris: Sequence[str]) -> State:
        kinds = (self.data, self.equality, self.positions)
        return State(*([f for f in files if f.uri not in uris] for files in kinds))

    def rows(self, where: Sequence[Range] = ()) -> list[Row]:
        """The live rows that pass the filter."""
        return [
            row
            for file in self.data
            for place, row in enumerate(file.rows)
            if not self._deleted(file, place, row) and all(_within(row[c], low, high) for c, low, high in where)
        ]

    def _deleted(self, file: File, place: int, row: Row) -> bool:
        by_place = any(
            file.sequence <= d.sequence and d.scope in (None, file.scope) and (file.uri, place) in d.rows
            for d in self.positions
        )
        by_value = any(
            file.sequence < d.sequence
            and d.scope in (None, file.scope)
            and any(all(same(row[c], gone[c]) for c in d.columns) for gone in d.rows)
            for d in self.equality
        )
        return by_place or by_value


def same(left: Any, right: Any) -> bool:
    """Equal as a delete means it: null is null, NaN is NaN, -0.0 is not 0.0."""
    return comparable(left) == comparable(right)


def comparable(value: Any) -> Any:
    """A value that Python compares as deletes do."""
    if isinstance(value, float):
        return ("number", "NaN" if math.isnan(value) else value.hex())
    return value


def _within(value: Any, low: Any, high: Any) -> bool:
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


class History:
    """Writes commits, and knows what is live after each; `states` are by snapshot id, oldest first."""

    def __init__(self, root: str, partition_by: str | None = None, fields: Sequence[Field] = FIELDS) -> None:
        self.writer = Writer.create(root, fields, partition_by)
        self.state = State()
        self.states: dict[int, State] = {}
        self.uris: list[str] = []

    def commit(
        self,
        data: Sequence[Sequence[Row]] = (),
        equality: Sequence[tuple[Sequence[str], Sequence[Row]]] = (),
        positions: Sequence[tuple[str | int, int]] = (),
        drop: Sequence[str] = (),
        position_scope: Scope | None = None,
        wide: bool = False,
        operation: str = "append",
    ) -> list[str]:
        """As `Writer.commit`."""
        writer = self.writer
        uris = writer.commit(
            data, equality, positions, drop=drop, position_scope=position_scope, wide=wide, operation=operation
        )
        sequence = int(writer.document["last-sequence-number"])
        state = self.state.without(drop)
        state.data += [File(uri, sequence, self._scope(uri), tuple(rows)) for uri, rows in zip(uris, data, strict=True)]
        for uri, (columns, rows) in zip(writer.deletes, equality, strict=False):
            spec = len(writer.specs) - 1
            scope = (spec, (comparable(rows[0][writer.partition_by]),)) if writer.partition_by else None
            state.equality.append(File(uri, sequence, scope, tuple(rows), tuple(columns)))
        named = sorted((uris[f] if isinstance(f, int) else f, place) for f, place in positions)
        scopes = [position_scope] if position_scope else list(dict.fromkeys(self._scope(uri) for uri, _ in named))
        for uri, scope in zip(writer.deletes[len(equality) :], scopes, strict=True):
            rows = tuple((u, p) for u, p in named if position_scope or self._scope(u) == scope)
            one = len({u for u, _ in rows}) == 1  # a file that names one data file is asked for nothing else
            state.positions.append(File(uri, sequence, None if one else scope, rows))
        self.state = self.states[writer.document["current-snapshot-id"]] = state
        self.uris += uris
        return uris

    def _scope(self, uri: str) -> Scope:
        spec, partition = self.writer.scopes[uri]
        return spec, tuple(comparable(v) for v in partition)


def random_history(dice: random.Random, root: str) -> History:
    """Some commits of everything there is: values, deletes of every kind, partitions, files that go."""
    history = History(root, dice.choice(PARTITIONS))
    for _ in range(dice.randint(1, 5)):
        if dice.random() < 0.15:
            history.writer.partition(dice.choice(PARTITIONS))
        _random_commit(dice, history)
    return history


def _random_commit(dice: random.Random, history: History) -> None:
    data = [_random_rows(dice, history, 5) for _ in range(dice.randint(0, 3))]
    equality = [(dice.choice(KEYS), _random_rows(dice, history, 3)) for _ in range(dice.choice((0, 0, 1, 1, 2)))]
    targets: list[str | int] = [*history.uris, *range(len(data))]
    positions = [
        (dice.choice(targets), dice.randrange(5)) for _ in range(dice.choice((0, 0, 1, 3, 6)) if targets else 0)
    ]
    live = [f.uri for f in (*history.state.data, *history.state.equality, *history.state.positions)]
    drop = [uri for uri in live if dice.random() < 0.07]
    history.commit(data, equality, positions, drop, wide=dice.random() < 0.3)


def _random_rows(dice: random.Random, history: History, most: int) -> list[Row]:
    """Rows of one partition, each with a text of its own."""
    rows = [
        {**{c: dice.choice(values) for c, values in DOMAIN.items()}, "v": f"{dice.getrandbits(40):010x}"}
        for _ in range(dice.randint(1, most))
    ]
    column = history.writer.partition_by
    return [{**row, column: rows[0][column]} for row in rows] if column else rows
