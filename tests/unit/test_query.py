"""SQL over recorded tables: worked queries against plain Python, limits, errors, exports, and what is refused."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest

from tests import recorded_lake
from tests.worked import ENDLESS, KINDS, candles_of, deletes_of, expected, trades_of
from tui.clients.lake import LakeClient
from tui.clients.query import QueryEngine
from tui.clients.query.text import as_duckdb
from tui.model.errors import BusyError, CancelledError, LakehouseError, NotFoundError, UsageError
from tui.model.query import QueryError
from tui.stack.query_notes import KEPT, QueryNotes

ROWS = 415


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> LakeClient:
    return recorded_lake.opened(tmp_path_factory.mktemp("recorded"))


@pytest.fixture
def engine(lake: LakeClient) -> QueryEngine:
    return QueryEngine(lake)


@pytest.mark.parametrize("name", ["vwap", "top_movers", "gaps", "late_trades"])
def test_a_worked_query_says_what_python_computes(engine: QueryEngine, lake: LakeClient, name: str) -> None:
    worked = {w.name: w for w in QueryNotes(None).worked()}
    trades = trades_of(lake)
    wanted = expected(trades, candles_of(trades))[name]
    assert wanted or name == "gaps"
    assert list(engine.run(worked[name].sql, 1000).rows) == wanted


def test_deletes_counts_the_files_that_readers_apply(engine: QueryEngine, lake: LakeClient) -> None:
    worked = {w.name: w for w in QueryNotes(None).worked()}
    wanted = deletes_of(lake)
    assert tuple(kind for kind, *_ in wanted) == KINDS
    assert list(engine.run(worked["deletes"].sql, 10).rows) == wanted


def test_every_worked_query_says_what_it_is_in_one_line() -> None:
    worked = QueryNotes(None).worked()
    assert {w.name for w in worked} == {"vwap", "top_movers", "gaps", "late_trades", "deletes"}
    assert all(30 < len(w.about) < 120 for w in worked)


def test_an_answer_tells_its_snapshot_and_what_was_left_out(engine: QueryEngine, lake: LakeClient) -> None:
    answer = engine.run("SELECT symbol, ts FROM raw_trades ORDER BY ts", 10)
    assert (len(answer.rows), answer.more) == (10, True)
    (seen,) = answer.sightings
    assert (seen.table, seen.snapshot_id) == ("raw_trades", lake.history("raw_trades").current_id)
    assert seen.committed_at is not None
    assert answer.rows_read == ROWS
    (of_files,) = engine.run("SELECT COUNT(*) FROM `raw_trades$files`", 10).sightings
    assert of_files == seen
    whole = engine.run("SELECT symbol FROM raw_trades", ROWS)
    assert (len(whole.rows), whole.more) == (ROWS, False)


def test_values_keep_their_types(engine: QueryEngine) -> None:
    moment = "TIMESTAMPTZ '2026-01-02 03:04:05.678901+00'"
    sql = f"SELECT 1.10::DECIMAL(5, 2), NULL, 'NULL', {moment}, 0.1::DOUBLE + 0.2::DOUBLE, 'x'::BLOB"
    (row,) = engine.run(sql, 5).rows
    assert row == (Decimal("1.10"), None, "NULL", datetime(2026, 1, 2, 3, 4, 5, 678901, UTC), 0.1 + 0.2, b"x")


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT * FROM read_csv('/etc/passwd')", "disabled"),
        ("SELECT * FROM read_text('/etc/passwd')", "disabled"),
        ("SELECT * FROM glob('/*')", "disabled"),
        ("SELECT * FROM '/etc/passwd'", "does not exist"),
        ("SELECT * FROM parquet_scan('http://127.0.0.1/x')", "disabled"),
        ("EXPLAIN ANALYZE COPY (SELECT 1) TO '{there}'", "disabled"),
        ("SELECT * FROM query('COPY (SELECT 1) TO ''{there}''')", "single SELECT"),
        ("COPY (SELECT 1) TO '{there}'", "COPY is not possible here"),
        ("ATTACH '{there}'", "ATTACH is not possible here"),
        ("INSTALL httpfs", "is not possible here"),
        ("LOAD httpfs", "is not possible here"),
        ("SET enable_external_access = true", "SET is not possible here"),
        ("CREATE TABLE t AS SELECT 1", "CREATE is not possible here"),
        ("DROP VIEW raw_trades", "DROP is not possible here"),
        ("SELECT * FROM lake", "does not exist"),
        ("SELECT 1; SELECT 2", "one at a time"),
        ("-- nothing", "no query"),
    ],
)
def test_nothing_but_the_tables_can_be_reached(engine: QueryEngine, tmp_path: Path, sql: str, said: str) -> None:
    there = tmp_path / "made"
    with pytest.raises(QueryError, match=said):
        engine.run(sql.replace("{there}", str(there)), 10)
    assert not there.exists()


def test_an_error_says_where(engine: QueryEngine) -> None:
    with pytest.raises(QueryError, match="nope") as caught:
        engine.run("SELECT\n  `symbol`,\n  `nope`\nFROM `raw_trades`", 10)
    assert (caught.value.line, caught.value.column) == (3, 3)
    assert "\n" not in str(caught.value)


def test_backticks_quote_names_and_nothing_else() -> None:
    assert as_duckdb('SELECT `a``b`, \'`\', "`" -- `x`\nFROM `c"d`') == ('SELECT "a`b", \'`\', "`" -- `x`\nFROM "c""d"')


def test_a_table_that_is_not_there_is_said_as_everywhere(tmp_path: Path) -> None:
    engine = QueryEngine(LakeClient(str(tmp_path), "lakehouse"))
    with pytest.raises(NotFoundError, match="agg_1m does not exist yet"):
        engine.run("SELECT * FROM agg_1m", 10)
    assert engine.columns() == {}
    assert engine.run("SELECT 1", 10).rows == ((1,),)


def ask_in_a_thread(engine: QueryEngine, do: Callable[[], object]) -> tuple[threading.Thread, list[BaseException]]:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            do()
        except LakehouseError as error:
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, failures


def test_a_query_without_end_is_cancelled(engine: QueryEngine) -> None:
    thread, failures = ask_in_a_thread(engine, lambda: engine.run(ENDLESS, 10))
    deadline = time.monotonic() + 30
    while not engine.running and time.monotonic() < deadline:
        time.sleep(0.01)
    with pytest.raises(BusyError):
        engine.run("SELECT 1", 1)
    while thread.is_alive() and time.monotonic() < deadline:
        engine.cancel()
        thread.join(0.1)
    assert [type(f) for f in failures] == [CancelledError]
    assert engine.run("SELECT 1", 1).rows == ((1,),)


def test_a_process_ends_in_peace_while_a_query_runs(tmp_path: Path) -> None:
    code = (
        "import threading, time\n"
        "from tui.clients.lake import LakeClient\n"
        "from tui.clients.query import QueryEngine\n"
        f"engine = QueryEngine(LakeClient({str(tmp_path)!r}, 'x'))\n"
        "def ask():\n"
        f"    try: engine.run({ENDLESS!r}, 10)\n"
        "    except Exception: pass\n"
        "threading.Thread(target=ask, daemon=True).start()\n"
        "while not engine.running: time.sleep(0.01)\n"
        "time.sleep(0.5)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_whole_answer_is_exported(engine: QueryEngine, tmp_path: Path) -> None:
    answer = engine.run("SELECT symbol, price, event_time, CAST(NULL AS VARCHAR) AS n FROM raw_trades", 5)
    for name in ("out.csv", "out.parquet"):
        done = engine.export(answer, str(tmp_path / name))
        assert (done.path, done.rows) == (str(tmp_path / name), ROWS)
    assert csv.read_csv(tmp_path / "out.csv").num_rows == ROWS
    read = pq.read_table(tmp_path / "out.parquet")
    assert [tuple(r.values()) for r in read.slice(0, 5).to_pylist()] == list(answer.rows)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.csv", "out.parquet"]


def test_an_export_overwrites_only_what_it_may(engine: QueryEngine, tmp_path: Path) -> None:
    answer = engine.run("SELECT 1 AS a", 5)
    there = tmp_path / "out.csv"
    there.write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        engine.export(answer, str(there))
    assert there.read_text() == "mine"
    engine.export(answer, str(there), overwrite=True)
    assert there.read_text().split() == ['"a"', "1"]


@pytest.mark.parametrize(
    ("name", "said"), [("out.txt", "no form"), ("no/out.csv", "no folder"), (".csv", "no form"), ("d.csv", "a folder")]
)
def test_a_path_that_cannot_be_is_refused(engine: QueryEngine, tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(UsageError, match=said):
        engine.export(engine.run("SELECT 1", 5), str(tmp_path / name))


def test_a_full_disk_leaves_no_half_file(engine: QueryEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LakehouseError, match=r"cannot be written: No space left on device\."):
        engine.export(engine.run("SELECT 1 AS a", 5), str(tmp_path / "out.parquet"))
    assert list(tmp_path.iterdir()) == []


def test_csv_has_no_form_for_a_list(engine: QueryEngine, tmp_path: Path) -> None:
    with pytest.raises(LakehouseError, match="CSV has no form"):
        engine.export(engine.run("SELECT [1, 2] AS a", 5), str(tmp_path / "out.csv"))
    assert list(tmp_path.iterdir()) == []


def test_read_only_exports_nothing(lake: LakeClient, tmp_path: Path) -> None:
    engine = QueryEngine(lake, exports=False)
    with pytest.raises(LakehouseError, match="read-only"):
        engine.export(engine.run("SELECT 1", 5), str(tmp_path / "out.csv"))
    assert list(tmp_path.iterdir()) == []


def test_the_history_is_private_bounded_and_has_each_query_once(tmp_path: Path) -> None:
    path = tmp_path / "run" / "queries.json"
    notes = QueryNotes(path)
    for n in range(KEPT + 5):
        notes.remember(f"SELECT {n}")
    notes.remember("SELECT 200")
    found = QueryNotes(path).history()
    assert found[:2] == ("SELECT 200", f"SELECT {KEPT + 4}")
    assert len(found) == len(set(found)) == KEPT
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text('{"queries": [1, "SELECT 2"]}')
    assert QueryNotes(path).history() == ("SELECT 2",)
