"""A closer look at the tables, as a port: schema, files, changes and rows of any snapshot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from tui.clients.lake.cache import Lru
from tui.clients.lake.files import DATA, EQUALITY_DELETES, POSITION_DELETES, FileEntry, bound
from tui.clients.lake.health import judge
from tui.clients.lake.metadata import Field, TableMetadata
from tui.model.candles import CandleSet
from tui.model.iceberg import FileDetail, RowSet, SnapshotChange, TableFiles, TableSchema

if TYPE_CHECKING:
    from tui.clients.lake.client import LakeClient

FILES = 500
"""How many files are told one by one; the health is that of all."""
_KEPT = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS: dict[int, Literal["data", "position deletes", "equality deletes"]] = {
    DATA: "data",
    POSITION_DELETES: "position deletes",
    EQUALITY_DELETES: "equality deletes",
}
_TELLING = ("symbol", "kafka_partition", "kafka_offset")
_TIMES = ("timestamptz", "timestamp")


class LakeDetail:
    """Looks into the tables that a `LakeClient` reads; the newest answers are kept, by snapshot."""

    def __init__(self, lake: LakeClient) -> None:
        self._lake = lake
        self._changes: Lru[tuple[str, int, int], SnapshotChange] = Lru(_KEPT)
        self._files: Lru[tuple[str, int, int], TableFiles] = Lru(_KEPT)
        self._rows: Lru[tuple[str, tuple[Field, ...], int, int], RowSet] = Lru(_KEPT)

    def schema(self, table: str) -> TableSchema:
        """Columns, partition specs, sort order, properties and place of the table."""
        return self._lake.metadata(table).schema

    def change(self, table: str, snapshot_id: int) -> SnapshotChange:
        """What the snapshot changed against its parent; raises `NotFoundError` when it is gone."""
        from tui.clients.lake.changes import snapshot_change

        meta = self._lake.metadata(table)
        key = (meta.uuid, meta.schema.schema_id, snapshot_id)
        found = self._changes.get(key)
        return self._changes.put(key, snapshot_change(self._lake, meta, snapshot_id)) if found is None else found

    def files(self, table: str, snapshot_id: int | None = None) -> TableFiles:
        """The newest `FILES` live files of the snapshot (`None`: the current one), and the health of all."""
        meta = self._lake.metadata(table)
        wanted = meta.current_id if snapshot_id is None else snapshot_id
        if wanted is None:
            return TableFiles(table, None, 0, (), judge((), dict(meta.schema.properties)))
        key = (meta.uuid, meta.schema.schema_id, wanted)
        found = self._files.get(key)
        if found is None:
            live = self._lake.files(meta, wanted)
            newest = tuple(_detail(f, meta) for f in reversed(live[-FILES:]))
            health = judge(live, dict(meta.schema.properties))
            found = self._files.put(key, TableFiles(table, wanted, len(live), newest, health))
        return found

    def rows(self, table: str, snapshot_id: int | None = None, limit: int = 200) -> RowSet:
        """The newest `limit` live rows of the snapshot, with the columns of its time (`None`: the current one)."""
        from tui.clients.lake.newest import newest_rows

        meta = self._lake.metadata(table)
        wanted = meta.current_id if snapshot_id is None else snapshot_id
        meta = meta if snapshot_id is None else meta.as_of(snapshot_id)
        key = (meta.uuid, meta.fields, wanted or 0, limit)
        found = self._rows.get(key)
        return self._rows.put(key, newest_rows(self._lake, meta, wanted, limit)) if found is None else found

    def candles_at(self, snapshot_id: int | None, symbol: str | None, limit: int) -> CandleSet:
        """The newest `limit` candles a symbol as the snapshot (`None`: the current one) holds them."""
        return self._lake.candles(symbol, limit, snapshot_id)


def _detail(file: FileEntry, table: TableMetadata) -> FileDetail:
    time = next((f for f in table.fields if f.type in _TIMES and f.id in file.lower and f.id in file.upper), None)
    return FileDetail(
        kind=_KINDS[file.content],
        name=file.uri.rsplit("/", 1)[-1],
        records=file.records,
        size_bytes=file.size_bytes,
        sequence=file.sequence,
        time_column=time.name if time else None,
        since=_moment(time, file.lower[time.id]) if time else None,
        until=_moment(time, file.upper[time.id]) if time else None,
        bounds=tuple(
            (f.name, _text(f, file.lower[f.id]), _text(f, file.upper[f.id]))
            for f in table.fields
            if f.name in _TELLING and f.id in file.lower and f.id in file.upper
        ),
    )


def _moment(field: Field, raw: bytes) -> datetime | None:
    micros = bound(field.type, raw)
    return None if micros is None else _EPOCH + timedelta(microseconds=micros)


def _text(field: Field, raw: bytes) -> str:
    value = bound(field.type, raw)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
