"""Every rule of merge-on-read is held by a test: the reader with one rule broken reads some table wrong.

A mutant is the reader's own source with one place replaced, loaded as a package of its own. It must disagree with
what `tests.lake_model` says of the tables of `tests.lake_scenarios`; the reader as it is must agree with all of it.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from tests.lake_scenarios import Check, Reader, build
from tui.clients import lake

SEEDS = range(12)
_NAME = "tui.clients.lake"
_FOLDER = Path(lake.__file__).parent
_NUMBERS = itertools.count()


class Mutant(NamedTuple):
    """A rule, and how it is broken: `old` stands just once in the module and becomes `new`."""

    rule: str
    module: str
    old: str
    new: str


MUTANTS = (
    # --- position deletes
    Mutant("position: ≤ made <", "deletes", "pc.less_equal(pc.take(self._sequences", "pc.less(pc.take(self._sequences"),
    Mutant(
        "position: any sequence", "deletes", "pc.take(self._sequences, files), deletes)", "pc.multiply(files, 0), 0)"
    ),
    Mutant("position: ignored", "scan", "if gone is not None:", "if False:"),
    Mutant(
        "position: file dropped by ≥ made >",
        "scan",
        "f.content == POSITION_DELETES and f.sequence >= oldest",
        "f.content == POSITION_DELETES and f.sequence > oldest",
    ),
    Mutant("position: scope dropped", "deletes", "pc.equal(own, wanted))", "pc.is_valid(own))"),
    Mutant(
        "position: scope of its file asked for one file",
        "deletes",
        "pc.or_(pc.equal(wanted, _ANYWHERE), pc.equal(own, wanted))",
        "pc.equal(own, wanted)",
    ),
    Mutant(
        "position: a file for one data file kept to its scope",
        "manifests",
        "content == POSITION_DELETES and _names_one(file)",
        "False",
    ),
    Mutant(
        "position: unpartitioned made global",
        "manifests",
        "if content == EQUALITY_DELETES and spec",
        "if content != DATA and spec",
    ),
    Mutant(
        "position: path equal to the lowest one missed",
        "scan",
        "bisect_left(ordered, low)",
        "bisect_left(ordered, low + b'0')",
    ),
    Mutant("position: path equal to the highest one missed", "scan", "ordered[first] <= high", "ordered[first] < high"),
    Mutant(
        "position: counted over files",
        "scan",
        "starts.append((length, part.offset - end))",
        "starts.append((length, 0))",
    ),
    # --- equality deletes
    Mutant("equality: < made ≤", "deletes", "pc.greater(newest, sequences)", "pc.greater_equal(newest, sequences)"),
    Mutant("equality: any sequence", "deletes", "pc.greater(newest, sequences)", "pc.is_valid(newest)"),
    Mutant("equality: ignored", "scan", "if concerned:", "if False:"),
    Mutant(
        "equality: oldest delete of a key taken",
        "deletes",
        'newest["sequence_max"].combine_chunks()',
        'grouped.aggregate([("sequence", "min")]).sort_by("code")["sequence_min"].combine_chunks()',
    ),
    Mutant(
        "equality: group dropped by a delete too old", "deletes", "self.highest > oldest", "self.highest > oldest + 1"
    ),
    Mutant(
        "file of deletes dropped by newest data",
        "scan",
        "oldest = min((f.sequence for f in self._data), default=0)",
        "oldest = max((f.sequence for f in self._data), default=0)",
    ),
    Mutant(
        "equality: highest sequence not kept",
        "deletes",
        "self.highest = max(self.highest, sequence)",
        "self.highest = sequence if self.highest < 0 else self.highest",
    ),
    Mutant("equality: scope dropped", "deletes", "(self._scope is None or self._scope == scope)", "True"),
    Mutant(
        "equality: global deletes dropped",
        "deletes",
        "(self._scope is None or self._scope == scope)",
        "self._scope == scope",
    ),
    Mutant(
        "equality: unpartitioned kept to its spec",
        "manifests",
        "content == EQUALITY_DELETES and spec in table.unpartitioned_specs",
        "False",
    ),
    Mutant("equality: partitioned made global", "manifests", "spec in table.unpartitioned_specs", "True"),
    Mutant("equality: spec not part of the scope", "manifests", "return spec, tuple(", "return 0, tuple("),
    Mutant(
        "equality: scopes put together",
        "scan",
        "groups.setdefault((ids, file.scope),",
        "groups.setdefault((ids, None),",
    ),
    Mutant(
        "equality: rows of several scopes in one block",
        "scan",
        "self._data[parts[0].file].scope != file.scope",
        "False",
    ),
    Mutant(
        "equality: field sets merged",
        "scan",
        "groups.setdefault((ids, file.scope),",
        "groups.setdefault((len(ids), file.scope),",
    ),
    Mutant(
        "equality: only the first field set",
        "scan",
        "in sorted({f.equality_ids for f in self._equalities}):",
        "in sorted({f.equality_ids for f in self._equalities})[:1]:",
    ),
    Mutant(
        "equality: only the first column of a set",
        "deletes",
        "pairs = pc.add(pc.multiply(codes, len(distinct)), own)",
        "pairs = pc.multiply(codes, len(distinct))",
    ),
    Mutant(
        "equality: pruned by a column that it does not go by", "scan", "if b[0].id in file.equality_ids]", "if True]"
    ),
    Mutant(
        "equality: shelved by a column that it does not go by",
        "shelf",
        "file.content == EQUALITY_DELETES and field.id not in file.equality_ids",
        "False",
    ),
    Mutant("equality: never pruned and never read", "scan", "and self._may_delete(f)", "and not self._may_delete(f)"),
    # --- what is equal
    Mutant("null equals nothing", "deletes", "skip_nulls=absent_is_null)", "skip_nulls=True)"),
    Mutant("null equals what is absent", "deletes", "fill_value=False)", "fill_value=True)"),
    Mutant(
        "NaN by its bits",
        "deletes",
        "pc.if_else(pc.is_nan(column), pa.scalar(math.nan, column.type), column)",
        "column",
    ),
    Mutant(
        "NaN equals nothing",
        "deletes",
        "pa.scalar(math.nan, column.type), column)",
        "pa.scalar(None, column.type), column)",
    ),
    Mutant(
        "-0.0 equals 0.0",
        "deletes",
        "pa.scalar(math.nan, column.type), column)",
        "pa.scalar(math.nan, column.type), pc.add(column, 0.0))",
    ),
    Mutant(
        "partitions of numbers compared as Python does",
        "manifests",
        "ExactFloat(v) if isinstance(v, float) else v",
        "v",
    ),
    # --- live files
    Mutant("sequence: not inherited", "manifests", 'int(manifest.get("sequence_number") or 0)', "0"),
    Mutant(
        "sequence: always inherited", "manifests", "if own is not None:", 'if own is not None and entry["status"] == 9:'
    ),
    Mutant(
        "sequence: carried over from the manifest",
        "manifests",
        "return int(own)",
        'return int(manifest["sequence_number"])',
    ),
    Mutant("removed entries kept", "manifests", 'if entry["status"] == _DELETED:', "if False:"),
    Mutant(
        "existing entries left out", "manifests", 'if entry["status"] == _DELETED:', 'if entry["status"] != _ADDED:'
    ),
    # --- bounds
    Mutant("bounds: highest equal to what is asked", "files", "most < low", "most <= low"),
    Mutant("bounds: lowest equal to what is asked", "files", "least > high", "least >= high"),
    Mutant(
        "bounds: of an int read as a long",
        "files",
        '"<i" if len(raw) == 4 else "<q"',
        '"<i" if len(raw) == 8 else "<q"',
    ),
    Mutant("filter: not applied to rows", "scan", "mask = self._filter(rows)", "mask = None"),
    # --- columns
    Mutant(
        "columns without the value of their partition",
        "parquet",
        "partition[place] is not None",
        "partition[place] is None",
    ),
    Mutant("dropped columns forgotten", "metadata", "if former else None", "if not former else None"),
    Mutant(
        "a dropped column takes its old name", "metadata", 'replace(former[-1], name=f"\\0{field_id}")', "former[-1]"
    ),
    Mutant(
        "old snapshots with the columns of today",
        "metadata",
        "return replace(self, fields=self.schemas.get(schema_id, self.fields))",
        "return self",
    ),
    Mutant(
        "version 1: not older than every delete", "manifests", '("sequence_number") or 0)', '("sequence_number") or 99)'
    ),
)


class _Copy(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the modules of a copy of the package under another name, one of them changed."""

    def __init__(self, name: str, mutant: Mutant | None) -> None:
        self.name = name
        self.mutant = mutant

    def find_spec(self, fullname: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.name and not fullname.startswith(f"{self.name}."):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=fullname == self.name)

    def exec_module(self, module: ModuleType) -> None:
        part = module.__name__.removeprefix(self.name).removeprefix(".") or "__init__"
        source = (_FOLDER / f"{part}.py").read_text()
        if self.mutant is not None and self.mutant.module == part:
            assert source.count(self.mutant.old) == 1, f"{part}.py no longer has just once: {self.mutant.old}"
            source = source.replace(self.mutant.old, self.mutant.new)
        exec(compile(source.replace(_NAME, self.name), f"{self.name}/{part}.py", "exec"), module.__dict__)


@contextmanager
def copy_of_the_reader(mutant: Mutant | None) -> Iterator[ModuleType]:
    """The package with that change, as a module; forgotten afterwards."""
    finder = _Copy(f"lake_mutant_{next(_NUMBERS)}", mutant)
    sys.meta_path.insert(0, finder)
    try:
        package = importlib.import_module(finder.name)
        importlib.import_module(f"{finder.name}.scan")
        yield package
    finally:
        sys.meta_path.remove(finder)
        for name in [n for n in sys.modules if n.split(".")[0] == finder.name]:
            del sys.modules[name]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Check]]:
    return build(tmp_path_factory.mktemp("tables"), SEEDS)


def disagreement(package: ModuleType, tables: dict[str, list[Check]]) -> str | None:
    """The first table that this reader reads wrong, or fails to read."""
    reader = Reader(package)
    for name, checks in tables.items():
        for check in checks:
            try:
                found = check.found(reader)
            except Exception as error:  # noqa: BLE001
                return f"{name}: {error!r}"
            if found != check.expected:
                return f"{name}, {check.columns} where {check.where}: {found}, not {check.expected}"
    return None


def test_the_reader_reads_every_table_right(tables: dict[str, list[Check]]) -> None:
    with copy_of_the_reader(None) as package:
        assert package is not lake
        assert disagreement(package, tables) is None


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.rule)
def test_a_broken_rule_is_noticed(mutant: Mutant, tables: dict[str, list[Check]]) -> None:
    with copy_of_the_reader(mutant) as package:
        assert disagreement(package, tables) is not None, f"nothing notices: {mutant.rule}"
