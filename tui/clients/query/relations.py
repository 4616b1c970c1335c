"""Tables as DuckDB scans them: columns and rows that a query does not need are never made."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as ds

from tui.clients.lake.parquet import arrow_type
from tui.model.errors import CancelledError, NotFoundError
from tui.model.query import Sighting

if TYPE_CHECKING:
    from tui.clients.lake.client import LakeClient
    from tui.clients.lake.metadata import TableMetadata


class Watch:
    """What one query does: the tables it reads, how many rows came, why its reading failed, whether it is to end."""

    def __init__(self) -> None:
        self.rows = 0
        self.sightings: dict[str, Sighting] = {}
        self.failure: BaseException | None = None
        self.cancelled = threading.Event()

    def sees(self, name: str, meta: TableMetadata) -> None:
        """Note that the table, or what is known of its snapshots and files, is read as of its newest snapshot."""
        current = meta.current
        self.sightings[name] = Sighting(
            name, current.id if current else None, current.committed_at if current else None
        )

    def check(self) -> None:
        """Raise `CancelledError` once the query is to end."""
        if self.cancelled.is_set():
            raise CancelledError("The query was cancelled.")

    def through(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches, counted; the first failure is kept, because DuckDB passes on no more than its text."""
        try:
            for batch in batches:
                self.check()
                self.rows += batch.num_rows
                yield batch
        except Exception as error:
            self.failure = self.failure or error
            raise


class Relation(ds.Dataset):  # type: ignore[misc]
    """One snapshot of one table, as a dataset that is read anew for each scan.

    DuckDB asks an Arrow dataset for a `scanner` of the columns and the filter that a query needs
    (duckdb.org/docs, "SQL on Apache Arrow").
    """

    def __init__(self, lake: LakeClient, meta: TableMetadata, name: str, watch: Watch) -> None:
        self._lake = lake
        self._meta = meta
        self._name = name
        self._watch = watch
        self._schema = pa.schema([(f.name, arrow_type(f)) for f in meta.fields])

    @property
    def schema(self) -> pa.Schema:
        """Its columns."""
        return self._schema

    def scanner(self, columns: Sequence[str] | None = None, filter: Any = None, **_: Any) -> _Scanner:  # noqa: A002
        """One pass over it."""
        self._watch.sees(self._name, self._meta)
        names = list(self._schema.names) if columns is None else list(columns)
        return _Scanner(pa.schema([self._schema.field(n) for n in names]), lambda: self._rows(names, filter))

    def _rows(self, names: Sequence[str], wanted: Any) -> Iterator[pa.RecordBatch]:
        current = self._meta.current
        if current is None:
            return
        # a filter may look at columns that it does not return; DuckDB asks for those too
        for batch in self._watch.through(self._lake.rows(self._meta, current.id, names)):
            kept = batch if wanted is None else batch.filter(wanted)
            if kept.num_rows:
                yield kept


class _Scanner:
    """What DuckDB reads a dataset with."""

    def __init__(self, schema: pa.Schema, rows: Callable[[], Iterator[pa.RecordBatch]]) -> None:
        self.projected_schema = schema
        self._rows = rows

    def to_reader(self) -> pa.RecordBatchReader:
        """The batches, as they are asked for."""
        return pa.RecordBatchReader.from_batches(self.projected_schema, self._rows())


def snapshots_table(meta: TableMetadata) -> pa.Table:
    """`<table>$snapshots`, with the columns of Iceberg's metadata table that the metadata has, oldest first."""
    names = ("added_records", "added_files", "added_delete_files", "total_records", "total_files", "total_delete_files")
    schema = pa.schema(
        [
            ("committed_at", pa.timestamp("us", tz="UTC")),
            ("snapshot_id", pa.int64()),
            ("parent_id", pa.int64()),
            ("sequence_number", pa.int64()),
            ("operation", pa.string()),
            ("checkpoint_id", pa.int64()),
            *((name, pa.int64()) for name in names),
        ]
    )
    rows = [
        {
            "committed_at": s.committed_at,
            "snapshot_id": s.id,
            "parent_id": s.parent_id,
            "sequence_number": s.sequence_number,
            "operation": s.operation,
            "checkpoint_id": s.checkpoint_id,
            **{name: getattr(s, name) for name in names},
        }
        for s in meta.history.snapshots
    ]
    return pa.Table.from_pylist(rows, schema=schema)


def files_table(lake: LakeClient, meta: TableMetadata) -> pa.Table:
    """`<table>$files`: the live files; `content` is 0 for data, 1 for position deletes, 2 for equality deletes."""
    schema = pa.schema(
        [
            ("content", pa.int32()),
            ("file_path", pa.string()),
            ("record_count", pa.int64()),
            ("file_size_in_bytes", pa.int64()),
            ("sequence_number", pa.int64()),
        ]
    )
    files = lake.files(meta, meta.current_id) if meta.current_id is not None else ()
    rows = [
        {
            "content": f.content,
            "file_path": f.uri,
            "record_count": f.records,
            "file_size_in_bytes": f.size_bytes,
            "sequence_number": f.sequence,
        }
        for f in files
    ]
    return pa.Table.from_pylist(rows, schema=schema)


def of(lake: LakeClient, table: str) -> TableMetadata | NotFoundError:
    """The newest metadata of the table, or why there is none."""
    try:
        return lake.metadata(table)
    except NotFoundError as error:
        return error
