"""Values read from Iceberg's metadata."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot of a table; counts come from its summary and are `None` where the writer gave none.

    `checkpoint_id` and `job_id` are Flink's own stamp (`flink.max-committed-checkpoint-id`, `flink.job-id`).
    """

    id: int
    parent_id: int | None
    sequence_number: int
    committed_at: datetime
    operation: str
    checkpoint_id: int | None
    job_id: str | None
    added_records: int | None
    added_files: int | None
    added_delete_files: int | None
    total_records: int | None
    total_files: int | None
    total_delete_files: int | None
    total_bytes: int | None = None
    total_deleted_rows: int | None = None
    """Rows in live delete files; a row that two of them delete counts twice."""


@dataclass(frozen=True, slots=True)
class TableHistory:
    """The snapshots of one table, oldest first, and which of them is current (`None`: no data yet)."""

    table: str
    location: str
    metadata_version: int
    current_id: int | None
    snapshots: tuple[Snapshot, ...]

    @property
    def current(self) -> Snapshot | None:
        """The current snapshot, or `None` while the table is empty."""
        return next((s for s in self.snapshots if s.id == self.current_id), None)


@dataclass(frozen=True, slots=True)
class SchemaField:
    """One top-level column; `type` in Iceberg's notation, `key` whether it is an identifier field."""

    id: int
    name: str
    type: str
    required: bool
    doc: str | None
    key: bool


@dataclass(frozen=True, slots=True)
class TableSchema:
    """Columns, partition specs (the default one first) and sort order as text, properties by name."""

    table: str
    location: str
    uuid: str
    format_version: int
    schema_id: int
    fields: tuple[SchemaField, ...]
    partition_specs: tuple[str, ...]
    sort_order: str
    properties: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class FileCount:
    """Some files of one kind together."""

    files: int = 0
    records: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ValueChange:
    """One column of a candle, before and after; `None` where there was or is no candle."""

    column: str
    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class CandleChange:
    """What a snapshot did to one candle; `values` are the columns that differ, all of them for one added or removed.

    `rewritten`: written again as it was.
    """

    kind: Literal["added", "corrected", "removed", "rewritten"]
    symbol: str
    window_start: datetime
    values: tuple[ValueChange, ...]


@dataclass(frozen=True, slots=True)
class SnapshotChange:
    """What a snapshot changed against its parent; `note` says what is left out, and why.

    `keys` counts the candles that were written or deleted, `None` where that is not known or the table holds none;
    `candles` are the newest of them, newest first.
    """

    table: str
    snapshot: Snapshot
    parent_id: int | None
    data_added: FileCount
    data_removed: FileCount
    position_deletes_added: FileCount
    equality_deletes_added: FileCount
    deletes_removed: FileCount
    keys: int | None = None
    candles: tuple[CandleChange, ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True)
class FileDetail:
    """One live file; `name` is the end of its path, `since` and `until` bound `time_column`.

    `bounds` are (column, lowest, highest) of other columns by which the files differ.
    """

    kind: Literal["data", "position deletes", "equality deletes"]
    name: str
    records: int
    size_bytes: int
    sequence: int
    time_column: str | None
    since: datetime | None
    until: datetime | None
    bounds: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class FileHealth:
    """How well the files of a snapshot suit readers; shares and ratios are `None` without data files.

    A data file is small below `small_bytes`. `advice` is a sentence or two; `poor` whether it asks for something.
    """

    data: FileCount
    position_deletes: FileCount
    equality_deletes: FileCount
    small_bytes: int
    small_files: int
    average_bytes: float | None
    small_share: float | None
    deletes_per_data_file: float | None
    advice: str
    poor: bool


@dataclass(frozen=True, slots=True)
class TableFiles:
    """The live files of one snapshot, newest first; `total` counts those that are left out too."""

    table: str
    snapshot_id: int | None
    total: int
    files: tuple[FileDetail, ...]
    health: FileHealth


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `RowSet`, with its Iceberg type."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class RowSet:
    """Rows of one snapshot as text, newest first; times are ISO 8601 in UTC, `None` is null, long text is cut."""

    table: str
    snapshot_id: int | None
    columns: tuple[Column, ...]
    rows: tuple[tuple[str | None, ...], ...]
