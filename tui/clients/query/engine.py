"""One query at a time, over the newest snapshots; nothing but the tables can be reached, and nothing is changed."""

from __future__ import annotations

import atexit
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.clients.query.text import as_duckdb, as_error
from tui.model.errors import BusyError, CancelledError, LakehouseError, NotFoundError
from tui.model.query import Exported, QueryAnswer, QueryColumn, QueryError

if TYPE_CHECKING:  # heavy; imported with the first query
    import duckdb
    import pyarrow as pa

    from tui.clients.lake.client import LakeClient
    from tui.clients.lake.metadata import TableMetadata
    from tui.clients.query.relations import Watch

TABLES = ("raw_trades", "agg_1m", "bad_trades")
MEMORY = "1GB"
"""What DuckDB may take for one query; beyond it the query ends with a sentence."""
_BATCH_ROWS = 8_192
_END_S = 10.0
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "memory_limit": MEMORY,
    "temp_directory": "",
}
_LOCKS = ("SET python_enable_replacements = false", "SET TimeZone = 'UTC'", "SET lock_configuration = true")


class QueryEngine:
    """Answers SQL over the tables that a `LakeClient` reads; `cancel` may come from another thread."""

    def __init__(
        self,
        lake: LakeClient,
        *,
        exports: bool = True,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._lake = lake
        self._exports = exports
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._watch: Watch | None = None
        self._pinned: tuple[QueryAnswer, Mapping[str, TableMetadata]] | None = None
        atexit.register(self._end)

    def run(self, sql: str, limit: int) -> QueryAnswer:
        """The first `limit` rows that the query answers.

        Raises `QueryError` with what is wrong in it, `CancelledError`, `BusyError` while another one runs,
        `NotFoundError` for a table that is not there yet, `UnavailableError`.
        """
        started_at, begun = self._clock(), time.monotonic()
        found = self._metadata()
        with self._asking(sql, found) as (reader, watch):
            columns = tuple(QueryColumn(f.name, str(f.type)) for f in reader.schema)
            rows: list[tuple[object, ...]] = []
            for batch in reader:
                rows.extend(_values(batch))
                if len(rows) > limit:
                    break
            seconds = time.monotonic() - begun
            seen = tuple(watch.sightings.values())
            answer = QueryAnswer(
                sql, columns, tuple(rows[:limit]), limit, len(rows) > limit, started_at, seconds, watch.rows, seen
            )
        self._pinned = (answer, _there(found))
        return answer

    def _end(self) -> None:
        """Before the interpreter ends, its query has to: DuckDB's threads would abort the process."""
        deadline = time.monotonic() + _END_S
        while self.running and time.monotonic() < deadline:
            self.cancel()
            time.sleep(0.02)

    def export(self, answer: QueryAnswer, path: str, *, overwrite: bool = False) -> Exported:
        """Write the whole answer, of the same snapshots, to a file that ends with .csv or .parquet.

        The file is there whole or not at all. Raises `LakehouseError` in a sentence, as `run` does.
        """
        from tui.clients.query.export import check, write

        if not self._exports:
            raise LakehouseError("Nothing can be exported: the dashboard is read-only.")
        target = check(Path(path), overwrite=overwrite)
        pinned = self._pinned
        found = pinned[1] if pinned is not None and pinned[0] is answer else self._metadata()
        with self._asking(answer.sql, found) as (reader, watch):
            return Exported(str(target), write(reader, target, watch.cancelled.is_set, overwrite=overwrite))

    def check_path(self, path: str, *, overwrite: bool = False) -> str:
        """The absolute path that `export` would write; raises `UsageError`, `ThereError` for a file that is there."""
        from tui.clients.query.export import check

        return str(check(Path(path), overwrite=overwrite))

    def cancel(self) -> None:
        """End the query that runs; nothing where none does."""
        watch, connection = self._watch, self._connection
        if watch is not None:
            watch.cancelled.set()
            if connection is not None:
                connection.interrupt()

    @property
    def running(self) -> bool:
        """Whether a query runs."""
        return self._watch is not None

    def rows_read(self) -> int:
        """How many rows the running query has read of the tables."""
        watch = self._watch
        return 0 if watch is None else watch.rows

    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """The columns of the tables that are there, by table."""
        return {name: tuple(f.name for f in m.fields) for name, m in _there(self._metadata()).items()}

    def _metadata(self) -> Mapping[str, TableMetadata | NotFoundError]:
        from tui.clients.query.relations import of

        found: dict[str, TableMetadata | NotFoundError] = {}
        for table in TABLES:
            meta = found[table] = of(self._lake, table)
            if not isinstance(meta, NotFoundError):
                found[meta.name] = meta
        return found

    @contextmanager
    def _asking(
        self, sql: str, found: Mapping[str, TableMetadata | NotFoundError]
    ) -> Iterator[tuple[pa.RecordBatchReader, Watch]]:
        """The answer as a stream, while the tables are there for it."""
        import duckdb
        import pyarrow as pa

        from tui.clients.query.relations import Watch

        if not self._lock.acquire(blocking=False):
            raise BusyError("A query runs already: cancel it first.")
        watch = self._watch = Watch()
        text = as_duckdb(sql)
        connection = self._connection = duckdb.connect(":memory:", config=dict(_CONFIG))
        try:
            for statement in _LOCKS:
                connection.execute(statement)
            _allowed(text, sql)
            self._offer(connection, text, found, watch)
            watch.check()
            connection.execute(text)
            yield connection.to_arrow_reader(_BATCH_ROWS), watch
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise _reason(error, watch, sql, found) from None
        finally:
            self._connection = None
            connection.close()
            self._watch = None  # only now is nothing of DuckDB's under way, see `_end`
            self._lock.release()

    def _offer(
        self,
        connection: duckdb.DuckDBPyConnection,
        text: str,
        found: Mapping[str, TableMetadata | NotFoundError],
        watch: Watch,
    ) -> None:
        """Make the tables known; those about them only where the query names them."""
        from tui.clients.query.relations import Relation, files_table, snapshots_table

        for name, meta in _there(found).items():
            connection.register(name, Relation(self._lake, meta, name, watch))
            for suffix, made in (("$snapshots", snapshots_table), ("$files", lambda m: files_table(self._lake, m))):
                if f"{name}{suffix}" in text.lower():
                    connection.register(f"{name}{suffix}", made(meta))
                    watch.sees(name, meta)


def _there(found: Mapping[str, TableMetadata | NotFoundError]) -> dict[str, TableMetadata]:
    return {name: meta for name, meta in found.items() if not isinstance(meta, NotFoundError)}


def _allowed(text: str, sql: str) -> None:
    """One statement that only asks; raises `QueryError`."""
    import duckdb

    try:
        statements = duckdb.extract_statements(text)
    except duckdb.Error as error:
        raise as_error(str(error), sql) from None
    if not statements:
        raise QueryError("There is no query yet.")
    if len(statements) > 1:
        raise QueryError(f"These are {len(statements)} statements: ask one at a time.")
    if statements[0].type not in (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN):
        kind = statements[0].type.name.replace("_", " ")
        raise QueryError(f"{kind} is not possible here: SELECT, WITH, VALUES, DESCRIBE, SHOW and EXPLAIN are.")


def _reason(
    error: Exception, watch: Watch, sql: str, found: Mapping[str, TableMetadata | NotFoundError]
) -> LakehouseError:
    """Why a query ended: cancelled, a table that could not be read or is not there, or what is wrong in it."""
    if watch.cancelled.is_set():
        return CancelledError("The query was cancelled.")
    if isinstance(watch.failure, LakehouseError):
        return watch.failure
    said = str(error)
    missing = re.search(r"Table with name (\S+) does not exist", said)
    if missing and isinstance(absent := found.get(missing[1].split("$")[0].lower()), NotFoundError):
        return absent
    if "Out of Memory" in said:
        return QueryError(f"The query needs more than the {MEMORY} of memory that it may have: narrow it down.")
    return as_error(said, sql)


def _values(batch: pa.RecordBatch) -> Iterator[tuple[object, ...]]:
    if not batch.num_columns:
        return iter(())
    return zip(*chain(_column(c) for c in batch.columns), strict=True)


def _column(values: Any) -> list[Any]:
    """Python's values; what Python has no value for (a year beyond 9999, say) as text."""
    import pyarrow as pa

    try:
        return list(values.to_pylist())
    except (ValueError, OverflowError):
        return list(values.cast(pa.string()).to_pylist())
