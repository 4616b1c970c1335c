"""The lake as a port: one object, safe to use from several threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tui.clients.lake.files import DATA, FileEntry, ManifestCache
from tui.clients.lake.metadata import TableMetadata, load
from tui.clients.lake.storage import open_storage, path_of
from tui.model.candles import CandleSet
from tui.model.errors import NotFoundError
from tui.model.iceberg import TableHistory

if TYPE_CHECKING:  # heavy; imported where rows are read
    import pyarrow as pa

    from tui.clients.lake.scan import Between

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LakeClient:
    """Reads the Iceberg tables of one database in a Hadoop-catalog warehouse.

    `warehouse` is a URI (`s3a://bucket/path`, `file:///path`) or a local path; `endpoint` the URL of the S3
    server, `None` for AWS. Opening reads nothing; every read sees the newest committed metadata.
    """

    def __init__(
        self,
        warehouse: str,
        database: str,
        *,
        endpoint: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
        region: str = "us-east-1",
        candle_table: str = "agg_1m",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._storage = open_storage(
            warehouse, endpoint=endpoint, access_key=access_key, secret_key=secret_key, region=region
        )
        self._root = f"{path_of(warehouse)}/{database}"
        self._candle_table = candle_table
        self._clock = clock
        self._manifests = ManifestCache()

    def metadata(self, table: str) -> TableMetadata:
        """The newest metadata of `table`; raises `NotFoundError`, `UnavailableError`."""
        return load(self._storage, f"{self._root}/{table}", table)

    def history(self, table: str) -> TableHistory:
        """Snapshots of `table`, oldest first; raises `NotFoundError`, `UnavailableError`."""
        return self.metadata(table).history()

    def files(self, table: TableMetadata, snapshot_id: int) -> tuple[FileEntry, ...]:
        """The live files of a snapshot, in the order of sequence numbers."""
        from tui.clients.lake.manifests import live_files

        if snapshot_id not in table.manifest_lists:
            raise NotFoundError(f"Table {table.name} has no snapshot {snapshot_id}: it may have been expired.")
        return live_files(self._storage, table, snapshot_id, self._manifests)

    def rows(
        self, table: TableMetadata, snapshot_id: int, columns: Sequence[str], where: Sequence[Between] = ()
    ) -> Iterator[tuple[FileEntry, pa.RecordBatch]]:
        """The live rows of a snapshot with the data file they come from, streamed file by file."""
        from tui.clients.lake.scan import Scan

        return Scan(self._storage, table, self.files(table, snapshot_id), columns, where).batches()

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
        return (batch for _, batch in self.rows(meta, wanted, names, where))

    def candles(self, symbol: str | None = None, limit: int | None = None) -> CandleSet:
        """The newest `limit` candles a symbol, ordered by (`window_start`, `symbol`), deletes applied."""
        from tui.clients.lake.candles import COLUMNS, read_candles
        from tui.clients.lake.scan import Scan

        taken_at = self._clock()
        meta = self.metadata(self._candle_table)
        current = meta.current_id
        if current is None:
            return CandleSet(None, taken_at, ())
        files = self.files(meta, current)

        def rows(where: tuple[Between, ...]) -> Iterator[tuple[FileEntry, pa.RecordBatch]]:
            return Scan(self._storage, meta, files, COLUMNS, where).batches()

        return CandleSet(current, taken_at, read_candles(rows, symbol, limit, _newest_start(meta, files)))


def _newest_start(table: TableMetadata, files: Sequence[FileEntry]) -> datetime | None:
    """The highest `window_start` by the bounds of the data files, `None` when one has no bound."""
    field = table.column("window_start")
    bounds = [f.upper.get(field.id) for f in files if f.content == DATA]
    if not bounds or any(b is None for b in bounds):
        return None
    newest = max(int.from_bytes(b, "little", signed=True) for b in bounds if b is not None)
    return _EPOCH + timedelta(microseconds=newest)
