"""The lake as a port: one object, safe to use from several threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tui.clients.lake.cache import Lru
from tui.clients.lake.metadata import Field, TableMetadata
from tui.clients.lake.storage import Storage, open_storage, path_of
from tui.clients.lake.tables import Tables
from tui.model.access import S3Access
from tui.model.candles import Candle, CandleSet
from tui.model.errors import NotFoundError
from tui.model.iceberg import TableHistory

if TYPE_CHECKING:  # heavy; imported where rows are read
    import pyarrow as pa

    from tui.clients.lake.files import FileEntry
    from tui.clients.lake.manifests import Manifests
    from tui.clients.lake.scan import Batches, Between

_CANDLE_TABLE = "agg_1m"
_CANDLES = 5_000
_LISTS = 8


class LakeClient:
    """Reads the Iceberg tables of one database in a Hadoop-catalog warehouse.

    `warehouse` is a URI (`s3a://bucket/path`, `file:///path`) or a local path. Opening
    reads nothing; every read sees the newest committed metadata. What was read of files that never change is kept,
    within bounds. `names` are those of tables that are not called raw_trades, agg_1m or bad_trades.
    """

    def __init__(
        self,
        warehouse: str,
        database: str,
        s3: S3Access | None = None,
        *,
        names: Mapping[str, str] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._storage = open_storage(warehouse, s3)
        self._root = f"{path_of(warehouse)}/{database}"
        self._names = names or {}
        self._candle_table = self._names.get(_CANDLE_TABLE, _CANDLE_TABLE)
        self._clock = clock
        self._tables = Tables(self._storage, self._root)
        self._manifests: Manifests | None = None
        self._batches: Batches | None = None
        self._lists: Lru[tuple[str, int], tuple[FileEntry, ...]] = Lru(_LISTS)
        self._candles: Lru[tuple[str, int, int, int, str | None, int | None], tuple[Candle, ...]] = Lru(
            _CANDLES, lambda candles: len(candles) + 1
        )

    @property
    def candle_table(self) -> str:
        """The name that the table of candles has."""
        return self._candle_table

    @property
    def storage(self) -> Storage:
        """Where the warehouse is."""
        return self._storage

    def metadata(self, table: str) -> TableMetadata:
        """The newest metadata of `table`; raises `NotFoundError`, `UnavailableError`."""
        return self._tables.newest(self._names.get(table, table))

    def history(self, table: str) -> TableHistory:
        """Snapshots of `table`, oldest first; raises `NotFoundError`, `UnavailableError`."""
        return self.metadata(table).history

    def files(self, table: TableMetadata, snapshot_id: int) -> tuple[FileEntry, ...]:
        """The live files of a snapshot, in the order of sequence numbers."""
        from tui.clients.lake.manifests import live_files, manifest_cache

        if snapshot_id not in table.manifest_lists:
            raise NotFoundError(f"Table {table.name} has no snapshot {snapshot_id}: it may have been expired.")
        key = (table.manifest_lists[snapshot_id], table.schema.schema_id)
        found = self._lists.get(key)
        if found is None:
            self._manifests = self._manifests or manifest_cache()
            found = self._lists.put(key, live_files(self._storage, table, snapshot_id, self._manifests))
        return found

    def rows(
        self,
        table: TableMetadata,
        snapshot_id: int,
        columns: Sequence[str],
        where: Sequence[Between] = (),
        *,
        only: Callable[[FileEntry], bool] | None = None,
        keep: bool = False,
    ) -> Iterator[pa.RecordBatch]:
        """The live rows of a snapshot, those of older data files first, read as they are asked for.

        `only` chooses the data files to look at; `keep` keeps small files for the next time.
        """
        from tui.clients.lake.files import DATA
        from tui.clients.lake.scan import Scan, batch_cache

        if keep:
            self._batches = self._batches or batch_cache()
        chosen = [f for f in self.files(table, snapshot_id) if only is None or f.content != DATA or only(f)]
        return Scan(self._storage, table, chosen, columns, where, self._batches if keep else None).batches()

    def batches(
        self, table: TableMetadata, file: FileEntry, columns: Sequence[str | Field]
    ) -> Iterator[pa.RecordBatch]:
        """The rows of one data or delete file as they were written: deletes are not applied."""
        from tui.clients.lake.parquet import read_batches

        fields = [table.column(c) if isinstance(c, str) else c for c in columns]
        return read_batches(self._storage, table, file, fields)

    def scan(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        *,
        snapshot_id: int | None = None,
        where: Sequence[Between] = (),
    ) -> Iterator[pa.RecordBatch]:
        """The live rows of `table` (all columns, the current snapshot, when not told); nothing when empty."""
        meta = self.metadata(table)
        wanted = meta.current_id if snapshot_id is None else snapshot_id
        if wanted is None:
            return iter(())
        names = [f.name for f in meta.fields] if columns is None else columns
        return self.rows(meta, wanted, names, where)

    def candles(
        self, symbol: str | None = None, limit: int | None = None, snapshot_id: int | None = None, after: int = 0
    ) -> CandleSet:
        """The newest `limit` candles a symbol, ordered by (`window_start`, `symbol`), deletes applied.

        As of the current snapshot of the table of candles unless told; of data files with a sequence number above
        `after` only.
        """
        taken_at = self._clock()
        meta = self.metadata(_CANDLE_TABLE)
        wanted = meta.current_id if snapshot_id is None else snapshot_id
        if wanted is None:
            return CandleSet(None, taken_at, ())
        key = (meta.uuid, meta.schema.schema_id, wanted, after, symbol, limit)
        found = self._candles.get(key)
        if found is None:
            found = self._candles.put(key, self._read_candles(meta, wanted, after, symbol, limit))
        return CandleSet(wanted, taken_at, found)

    def _read_candles(
        self, meta: TableMetadata, snapshot_id: int, after: int, symbol: str | None, limit: int | None
    ) -> tuple[Candle, ...]:
        from tui.clients.lake.candles import COLUMNS, read_candles, span_of

        def rows(where: tuple[Between, ...]) -> Iterator[pa.RecordBatch]:
            newer = (lambda f: f.sequence > after) if after else None
            return self.rows(meta, snapshot_id, COLUMNS, where, only=newer, keep=limit is not None)

        return read_candles(rows, symbol, limit, span_of(meta, self.files(meta, snapshot_id)))
