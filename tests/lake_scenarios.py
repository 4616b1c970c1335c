"""Small tables, each for one rule of merge-on-read, with what a reader must find in them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.lake_model import FIELDS, OTHER_NAN, History, Range, comparable, random_history
from tests.lake_writer import Row, Writer
from tui.clients.lake.metadata import Field

COLUMNS = tuple(f.name for f in FIELDS)
RANGES: tuple[tuple[Range, ...], ...] = (
    (), (("k", "a", "a"),), (("n", 1, None),), (("n", None, 1), ("k", "a", "b")), (("n", 1, 1),),
)  # fmt: skip
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Check:
    """What a reading of the table `db.t` in the warehouse `root` must give; rows in no order."""

    root: str
    expected: tuple[tuple[Any, ...], ...]
    columns: tuple[str, ...] = COLUMNS
    where: tuple[Range, ...] = ()
    snapshot_id: int | None = None

    def found(self, reader: Reader) -> tuple[tuple[Any, ...], ...]:
        """The rows that a reader finds."""
        where = [reader.package.scan.Between(*r) for r in self.where]
        batches = reader.client(self.root).scan("t", self.columns, where=where, snapshot_id=self.snapshot_id)
        return in_order(row for b in batches for row in zip(*(c.to_pylist() for c in b.columns), strict=True))


class Reader:
    """A client for each warehouse, of the package `tui.clients.lake` or of a copy."""

    def __init__(self, package: ModuleType) -> None:
        self.package = package
        self._clients: dict[str, Any] = {}

    def client(self, root: str) -> Any:
        """The one client of that warehouse."""
        return self._clients.setdefault(root, self.package.LakeClient(root, "db"))


def in_order(rows: Any) -> tuple[tuple[Any, ...], ...]:
    """Rows as they are compared: numbers exactly, in one order."""
    return tuple(sorted((tuple(comparable(v) for v in row) for row in rows), key=repr))


def checks(history: History, root: Path) -> list[Check]:
    """Every snapshot of the history, with every filter."""
    asked = [*((where, COLUMNS) for where in RANGES), (RANGES[0], ("v",)), (RANGES[3], ("v",))]
    return [
        Check(str(root), in_order([r[c] for c in columns] for r in state.rows(where)), columns, where, snapshot)
        for snapshot, state in history.states.items()
        for where, columns in asked
    ]


def row(k: str | None = None, n: int | None = None, x: float | None = None) -> Row:
    """A row with a text that no other row has."""
    return {"k": k, "n": n, "x": x, "v": f"{next(_NUMBERS)}"}


def rewritten(history: History) -> None:
    """As Flink's upsert writer in one checkpoint: older rows by value, those of the same checkpoint by position."""
    history.commit(data=[[row("a", 1), row("b", 1)]])
    history.commit(data=[[row("a", 2), row("b", 2), row("a", 3)]], equality=[(("k",), [row("a")])], positions=[(0, 0)])
    history.commit(data=[[row("a", 4)]], equality=[(("k",), [row("a")])])


def newest_of_many(history: History) -> None:
    """The newest delete of a key counts for rows between the older ones."""
    for _ in range(3):
        history.commit(data=[[row("a", 1), row("b", 1)]])
        history.commit(equality=[(("k",), [row("a")])])


def positions_older_and_newer(history: History) -> None:
    """A position delete reaches its own commit and older ones, not a file that was added later under its name."""
    old, new = history.commit(data=[[row("a", 0), row("a", 1)], [row("b", 0), row("b", 1)]])
    history.commit(data=[[row("c", 0), row("c", 1)]], positions=[(0, 1), (old, 0), (new, 1)])
    history.commit(positions=[(new, 0), (old, 9)])


def early_position(history: History) -> None:
    """A position delete hits nothing in a data file with a higher sequence number."""
    history.commit(data=[[row("b", 1)]])
    (uri,) = history.writer.reserve(1)
    history.writer.scopes[uri] = (0, ())
    history.commit(positions=[(uri, 0)])
    assert history.commit(data=[[row("a", 1), row("a", 2)]]) == [uri]
    history.commit(positions=[(uri, 1)])


def first_commit(history: History) -> None:
    """A position delete in the very commit of the oldest data, with newer data after it."""
    history.commit(data=[[row("a", 1), row("a", 2)]], positions=[(0, 0)])
    history.commit(data=[[row("a", 3)]])


def same_partition_of_two_specs(history: History) -> None:
    """A partition is told by its values and its spec."""
    (old,) = history.commit(data=[[row("a", 1), row("a", 2)]])
    history.writer.partition("k")
    (new,) = history.commit(data=[[row("a", 1), row("a", 2)]])
    history.commit(equality=[(("n",), [row("a", 1)])])
    history.commit(positions=[(old, 1), (new, 1)], position_scope=(1, ("a",)))


def global_deletes(history: History) -> None:
    """The deletes of an unpartitioned spec, older and newer than the data of a partition."""
    history.commit(data=[[row("a", 1), row("a", 2)]])
    history.commit(equality=[(("n",), [row("a", 1)])])
    history.writer.partition("k")
    history.commit(data=[[row("b", 1), row("b", 2)]])
    history.writer.partition(None)
    history.commit(equality=[(("n",), [row("a", 2)])])


def boundaries(history: History) -> None:
    """Files whose bounds are just what is asked for, or just what is deleted."""
    history.commit(data=[[row("a", 1)], [row("b", 1)], [row("a", 2)], [row("b", 0)]])
    history.commit(equality=[(("n",), [row(n=2)]), (("k", "n"), [row("b", 1)])])


def wide_deletes(history: History) -> None:
    """A delete file may hold whole rows; only its equality columns count, for bounds too."""
    history.commit(data=[[row("a", 1), row("b", 1), row("a", None), row("c", 1)]])
    history.commit(equality=[(("k",), [row("a", 2)])], wide=True)
    history.commit(equality=[(("k",), [row("b", 0)])], wide=True)


def nulls(history: History) -> None:
    history.commit(data=[[row(None, 1), row("a", None), row(None, None), row("a", 1)]])
    history.commit(equality=[(("k", "n"), [row(None, 1), row("a", None)])])
    history.commit(equality=[(("k",), [row(None)])])


def numbers(history: History) -> None:
    nan = float("nan")
    history.commit(data=[[row("a", 1, x) for x in (nan, OTHER_NAN, -nan, 0.0, -0.0, 1.5, None)]])
    history.commit(equality=[(("x",), [row(x=nan), row(x=-0.0)])])
    history.commit(data=[[row("a", 2, x) for x in (OTHER_NAN, 0.0, -0.0)]])
    history.commit(equality=[(("k", "x"), [row("a", x=0.0)])])


def several_sets(history: History) -> None:
    history.commit(data=[[row(k, n, x) for k in "ab" for n in (1, 2) for x in (0.5, 1.5)]])
    history.commit(equality=[(("k", "n"), [row("a", 1)]), (("n",), [row(n=2, k="a")])])
    history.commit(equality=[(("x",), [row("b", 1, 1.5)])])


def set_in_a_later_file(history: History) -> None:
    """Sets of columns whose values have the same types must not be taken for each other."""
    history.commit(data=[[row("a", 1), row("b", 2)]])
    history.commit(equality=[(("k",), [row("b")]), (("n",), [row(n=1)])])


def gone_files(history: History) -> None:
    """Data that is gone, deletes that are gone, and deletes for data that is gone."""
    one, two = history.commit(data=[[row("a", 1), row("b", 1)], [row("a", 2), row("b", 2)]])
    history.commit(equality=[(("k",), [row("a")])], positions=[(one, 1), (two, 1)])
    equality, positions = history.writer.deletes
    history.commit(drop=[one], positions=[(one, 0)])
    history.commit(drop=[equality])
    history.commit(drop=[positions], data=[[row("c", 3)]])


def carried_over(history: History) -> None:
    """A manifest written anew keeps the sequence numbers of its files."""
    uris = history.commit(data=[[row("a", 1)], [row("b", 1)]])
    history.commit(equality=[(("k",), [row("a")])])
    history.commit(data=[[row("a", 2)]])
    history.commit(drop=[uris[1]])
    history.commit(data=[[row("a", 3)]])


def partitions(history: History) -> None:
    """Deletes stay in their partition, also when the partition is null."""
    a, b, c = history.commit(data=[[row(k, 1), row(k, 2)] for k in ("a", "b", None)])
    history.commit(equality=[(("n",), [row("a", 1)])])
    history.commit(equality=[(("n",), [row(None, 2)])])
    history.commit(data=[[row("b", 3)], [row("a", 3)]], positions=[(a, 1), (b, 0), (c, 0)])
    history.commit(positions=[(a, 0), (b, 1), (0, 0)][:2], position_scope=(0, ("a",)))


def number_partitions(history: History) -> None:
    nan = float("nan")
    history.commit(data=[[row("a", 1, x), row("a", 2, x)] for x in (nan, 0.0, -0.0, None)])
    history.commit(equality=[(("n",), [row("a", 1, nan)]), (("n",), [row("a", 2, -0.0)])])


def evolved_specs(history: History) -> None:
    """Deletes of an unpartitioned spec are for all, others for their own spec only."""
    writer = history.writer
    history.commit(data=[[row("a", 1), row("a", 2), row("a", 3)]])
    writer.partition("k")
    history.commit(data=[[row("a", 1), row("a", 2), row("a", 3)], [row("b", 1)]])
    history.commit(equality=[(("n",), [row("a", 1)])])
    writer.partition(None)
    history.commit(data=[[row("a", 1), row("a", 2), row("a", 3)]])
    history.commit(equality=[(("n",), [row("a", 2)])])
    first, second = history.uris[0], history.uris[1]
    history.commit(positions=[(first, 2), (second, 2)], position_scope=(0, ()))
    history.commit(positions=[(second, 2)], position_scope=(0, ()))


def both_kinds(history: History) -> None:
    (uri,) = history.commit(data=[[row(k, n) for n in (1, 2, 3) for k in "ab"]])
    history.commit(equality=[(("n",), [row("a", 2)])], positions=[(uri, 0), (uri, 2), (uri, 5)])


_UNPARTITIONED = (
    rewritten, first_commit, newest_of_many, positions_older_and_newer, early_position, boundaries, wide_deletes, nulls,
    numbers, several_sets, set_in_a_later_file, gone_files, carried_over, evolved_specs, global_deletes, both_kinds,
)  # fmt: skip
HISTORIES: dict[str, tuple[Callable[[History], None], str | None]] = {
    **{h.__name__: (h, None) for h in _UNPARTITIONED},
    "partitions": (partitions, "k"),
    "number_partitions": (number_partitions, "x"),
    "same_partition_of_two_specs": (same_partition_of_two_specs, "k"),
}


def dropped_column(root: Path) -> list[Check]:
    """A column that deletes go by is dropped, and its name given to another one; old snapshots keep their columns."""
    table = Writer.create(f"{root}/db/t", FIELDS)
    table.commit(data=[[{"k": "a", "n": 1, "v": "one"}, {"k": "b", "n": 2, "v": "two"}]])
    before = table.document["current-snapshot-id"]
    table.commit(equality=[(("n",), [{"n": 1}])])
    table.evolve((Field(9, "n", "string"), FIELDS[0], Field(4, "text", "string")))
    table.commit(data=[[{"n": "new", "k": "c", "text": "three"}]])
    return [
        Check(str(root), in_order([(None, "b", "two"), ("new", "c", "three")]), ("n", "k", "text")),
        Check(str(root), in_order([("two",)]), ("text",), (("k", "a", "b"),)),
        Check(str(root), in_order([(1, "one"), (2, "two")]), ("n", "v"), (), before),
        Check(str(root), in_order([(2, "two")]), ("n", "v"), (("n", 2, 3),), before),
    ]


def promoted_types(root: Path) -> list[Check]:
    """int became long and float double; deletes and filters go by the value, over old files and new ones."""
    old = (Field(1, "i", "int"), Field(2, "f", "float"), Field(3, "v", "string"))
    new = (Field(2, "f", "double"), Field(3, "v", "string"), Field(1, "i", "long"))
    table = Writer.create(f"{root}/db/t", old)
    table.commit(data=[[{"i": i, "f": f, "v": f"old{i}"} for i, f in ((1, 0.5), (2, 1.5), (3, None))]])
    table.commit(equality=[(("i",), [{"i": 1}])])
    table.evolve(new)
    table.commit(data=[[{"i": 2**40, "f": 0.1, "v": "new"}]], equality=[(("f",), [{"f": 1.5}])])
    rows = in_order([(3, None, "old3"), (2**40, 0.1, "new")])
    return [
        Check(str(root), rows, ("i", "f", "v")),
        Check(str(root), in_order([(3,)]), ("i",), (("i", 3, 4),)),
        Check(str(root), in_order([("new",)]), ("v",), (("i", 4, None),)),
    ]


def partition_value(root: Path) -> list[Check]:
    """A column that a file lacks is what its partition says, else null."""
    table = Writer.create(f"{root}/db/t", FIELDS, "k")
    table.commit(data=[[{"k": "a", "n": 1}], [{"k": "b", "n": 2}], [{"k": None, "n": 3}]], lacking=("k", "x"))
    table.commit(equality=[(("k", "n"), [{"k": "b", "n": 2}])])
    return [Check(str(root), in_order([("a", 1), (None, 3)]), ("k", "n"))]


def version_1(root: Path) -> list[Check]:
    """A table of version 1."""
    table = _version_1(root)
    first = table.document["snapshots"][0]["snapshot-id"]
    return [
        Check(str(root), in_order([("a", 1), ("a", 2), ("b", 1)]), ("k", "n"), (), first),
        Check(str(root), in_order([("a", 2), ("a", 3)]), ("k", "n"), (("n", 2, None),)),
    ]


def version_1_lifted_to_2(root: Path) -> list[Check]:
    """What a table had in version 1 is older than every delete that came with version 2."""
    table = _version_1(root)
    document = table.document
    document |= {"format-version": 2, "table-uuid": "lifted", "schemas": [document["schema"]], "current-schema-id": 0}
    document |= {"partition-specs": [{"spec-id": 0, "fields": []}], "default-spec-id": 0}
    document["snapshots"] = [{"sequence-number": 0, **s} for s in document["snapshots"]]
    table.commit(data=[[row("a", 4)]], equality=[(("k",), [row("a")])])
    return [Check(str(root), in_order([("b", 1), ("a", 4)]), ("k", "n"))]


def _version_1(root: Path) -> Writer:
    table = Writer.create(f"{root}/db/t", FIELDS)
    document = table.document
    document |= {"format-version": 1, "schema": document.pop("schemas")[0], "partition-spec": []}
    for key in ("partition-specs", "default-spec-id", "table-uuid"):
        del document[key]
    table.commit(data=[[row("a", 1), row("b", 1)], [row("a", 2)]])
    table.commit(data=[[row("a", 3)]])
    return table


TABLES: dict[str, Callable[[Path], list[Check]]] = {
    t.__name__: t for t in (dropped_column, promoted_types, partition_value, version_1, version_1_lifted_to_2)
}


def build(root: Path, seeds: Sequence[int] = ()) -> dict[str, list[Check]]:
    """Writes every table into a folder of its own; returns what to check, by name."""
    found: dict[str, list[Check]] = {}
    for name, (write, partition_by) in HISTORIES.items():
        history = History(f"{root}/{name}/db/t", partition_by)
        write(history)
        found[name] = checks(history, root / name)
    for name, table in TABLES.items():
        (root / name).mkdir()
        found[name] = table(root / name)
    for seed in seeds:
        folder = root / f"random-{seed}"
        found[folder.name] = checks(random_history(random.Random(seed), f"{folder}/db/t"), folder)
    return found
