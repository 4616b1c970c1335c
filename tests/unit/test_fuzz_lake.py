"""A table whose files are damaged anywhere is read, or refused in a sentence; never a crash, never a wrong type."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import recorded_lake
from tests.flink_server import spoiled
from tests.fuzzing import answered, anything, changed, damaged, deep, fuzz, mutated, places, zeros
from tests.lake_writer import RAW, Writer
from tui.clients.lake import LakeClient, metadata
from tui.clients.lake.audit import LakeAudit
from tui.clients.lake.detail import LakeDetail
from tui.clients.lake.parquet import arrow_type

TABLES = ("agg_1m", "raw_trades", "bad_trades")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded_lake.unpacked(tmp_path_factory.mktemp("recorded"))


def document(folder: Path, table: str) -> tuple[Path, Any]:
    path = max(
        (folder / "lakehouse" / table / "metadata").glob("v*.metadata.json"),
        key=lambda p: int(p.name[1:].split(".")[0]),
    )
    return path, json.loads(path.read_text())


class Served:
    """A storage in which every file is the same."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, path: str) -> bytes:
        return self._content


def parse(found: Any) -> object:
    """As `load` does with a document that is an object."""
    storage = Served(json.dumps(found).encode())
    return metadata.load(storage, "/t", "t", metadata.Located(1, "/t/metadata/v1.metadata.json", True))[1]  # type: ignore[arg-type]


def reads(folder: Path) -> dict[str, Callable[[], object]]:
    """Everything that is read of tables, each by a client that knows nothing yet."""

    def lake() -> LakeClient:
        return LakeClient(str(folder), "lakehouse")

    return {
        "history": lambda: [lake().history(t) for t in TABLES],
        "candles": lambda: lake().candles(limit=5),
        "one": lambda: lake().candles("BTCUSDT"),
        "rows": lambda: [sum(b.num_rows for b in lake().scan(t)) for t in TABLES],
        "detail": lambda: [part for t in TABLES for part in _details(LakeDetail(lake()), t)],
        "audit": lambda: _audited(LakeAudit(lake())),
    }


def _details(detail: LakeDetail, table: str) -> list[object]:
    found = detail.files(table)
    return [detail.schema(table), found, detail.rows(table, limit=20), detail.change(table, found.snapshot_id or 0)]


def _audited(audit: LakeAudit) -> object:
    newest = {t: audit.history(t).current_id for t in TABLES}
    offsets = [audit.offsets(t, newest[t] or 0) for t in ("raw_trades", "bad_trades")]
    return [*offsets, audit.candles(newest["raw_trades"], newest["agg_1m"])]


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is being written is not waited for."""
    monkeypatch.setattr(metadata, "_RETRY_S", 0.0)


@fuzz
@given(st.data())
@pytest.mark.parametrize("table", TABLES)
def test_metadata_with_parts_changed(folder: Path, table: str, data: st.DataObject) -> None:
    _, known = document(folder, table)
    known["snapshots"] = known["snapshots"][-2:]
    answered(lambda: parse(data.draw(mutated(known))))


@fuzz
@given(anything)
def test_metadata_that_is_any_json(value: Any) -> None:
    answered(lambda: parse(value))


@pytest.mark.parametrize("table", TABLES)
def test_every_part_of_metadata_in_turn(folder: Path, table: str) -> None:
    _, known = document(folder, table)
    known["snapshots"] = known["snapshots"][-2:]
    before = zeros(answered(lambda: parse(known)))
    for spoil in spoiled(known):
        new = zeros(answered(lambda spoil=spoil: parse(spoil))) - before
        assert not new, (new, spoil)


@pytest.mark.parametrize("kind", ["list", "object"])
def test_metadata_nested_deep_anywhere(folder: Path, kind: str) -> None:
    _, known = document(folder, "agg_1m")
    known["snapshots"] = known["snapshots"][-1:]
    inner = orjson.loads(deep(900, kind))
    for path in places(known):
        answered(lambda path=path: parse(changed(known, path, inner)))


@pytest.mark.parametrize("text", [deep(200_000), "[" * 100_000, "\ud800", "9" * 100_000, "", "\0"])
def test_a_metadata_file_that_is_no_metadata(tmp_path: Path, text: str) -> None:
    table = Writer.create(f"{tmp_path}/lakehouse/raw_trades", RAW)
    newest = max(Path(table.root, "metadata").glob("v*.metadata.json"))
    for hint in (newest.name, "v1.metadata.json"):
        Path(table.root, "metadata", hint).write_bytes(text.encode("utf-8", "surrogatepass"))
    assert answered(lambda: LakeClient(str(tmp_path), "lakehouse").history("raw_trades")) is None


@fuzz
@given(st.binary(max_size=30) | st.text("0123456789_- \n", max_size=30).map(str.encode) | st.just(b"9" * 5000))
def test_any_hint(folder: Path, hint: bytes) -> None:
    path = folder / "lakehouse" / "bad_trades" / "metadata" / "version-hint.text"
    before = path.read_bytes() if path.exists() else None
    path.write_bytes(hint)
    try:
        assert answered(lambda: LakeClient(str(folder), "lakehouse").history("bad_trades")) is not None
    finally:
        path.unlink() if before is None else path.write_bytes(before)


@pytest.mark.parametrize("kind", ["*.avro", "*.parquet", "v*.metadata.json"])
@pytest.mark.parametrize("table", TABLES)
def test_files_with_bytes_changed(folder: Path, table: str, kind: str) -> None:
    """Manifests, data files and delete files that Flink wrote, each damaged on its own."""
    dice = random.Random(f"{table} {kind}")
    files = sorted((folder / "lakehouse" / table).rglob(kind))
    wanted = reads(folder)
    refused = 0

    @fuzz
    @given(st.data())
    def damage(data: st.DataObject) -> None:
        nonlocal refused
        file = data.draw(st.sampled_from(files))
        whole = file.read_bytes()
        file.write_bytes(data.draw(damaged(whole)))
        try:
            for name in dice.sample(sorted(wanted), 2):
                refused += answered(wanted[name]) is None
        finally:
            file.write_bytes(whole)

    assert files
    damage()
    assert refused > 5 or kind == "v*.metadata.json"  # the version before is read instead


@fuzz
@given(
    st.text(max_size=20)
    | st.sampled_from(["decimal(99, 2)", "decimal(9999999999999, 2)", "fixed[99999999999]", "decimal(1,2)", "fixed[0]"])
)
def test_any_type_of_a_column(kind: str) -> None:
    answered(lambda: bool(arrow_type(metadata.Field(1, "x", kind))))


def test_a_name_of_a_column_that_is_no_text(folder: Path) -> None:
    file = min((folder / "lakehouse" / "bad_trades").rglob("*.parquet"))
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"kafka_time%", b"\xd3afka_time%"))
    try:
        assert answered(reads(folder)["rows"]) is None
    finally:
        file.write_bytes(whole)


def test_no_changed_bit_of_a_data_file_changes_a_value(folder: Path) -> None:
    """Flink's writer adds a checksum to each page; a page that does not fit it is refused."""
    file = max((folder / "lakehouse" / "raw_trades").rglob("*.parquet"), key=lambda p: p.stat().st_size)
    whole, dice, refused = file.read_bytes(), random.Random(1), 0

    def rows() -> list[object]:
        return [row for batch in LakeClient(str(folder), "lakehouse").scan("raw_trades") for row in batch.to_pylist()]

    right = answered(rows)
    try:
        for _ in range(150):
            changed_bytes = bytearray(whole)
            changed_bytes[dice.randrange(4, len(whole) // 2)] ^= 1 << dice.randrange(8)
            file.write_bytes(changed_bytes)
            found = answered(rows)
            refused += found is None
            assert found in (None, right)
    finally:
        file.write_bytes(whole)
    assert refused > 100
