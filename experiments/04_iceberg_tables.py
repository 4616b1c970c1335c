"""Experiment 4: Iceberg – snapshots, time travel, schema change, partitions, deletes, compaction.

    uv run experiments/04_iceberg_tables.py            stops at every step and question
    uv run experiments/04_iceberg_tables.py --yes      runs through; --list shows the steps

Iceberg is no service: nothing of it runs. It is a rule how files make a table, so that many programs can read it while
one writes, and all see either the old table or the new one. Here Flink writes, and we open the files by hand.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime

from _lake import File, HandReader
from _stack import FlinkSql, delete_prefix, lake_prefix, make_topic, object_store, send
from _stage import Experiment, human, step
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import StaticTable
from pyiceberg.table.metadata import new_table_metadata
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER
from pyiceberg.transforms import DayTransform
from pyiceberg.types import DoubleType, NestedField, StringType, TimestamptzType

from tui import bootstrap

DAYS = ("2024-01-16", "2024-01-17", "2024-01-18", "2024-01-19")


class IcebergTables(Experiment):
    """Experiment 4: Iceberg – snapshots, time travel, schema, partitions, deletes"""

    needs = ("kafka", "flink", "s3")

    # ── Steps ────────────────────────────────────────────────────────────────

    @step("A table is a chain of snapshots")
    def snapshots(self) -> None:
        """Two inserts are two snapshots."""
        self.database = f"experiment_{self.name}"
        self.store = object_store(self.settings)
        prefix = lake_prefix(self.settings, self.database)
        self.clean(
            f"all files of database {self.database}", lambda: delete_prefix(self.store, self.settings.bucket, prefix)
        )
        self.say(f"""
            We make a table in a database of its own, {self.database}, and write to it twice. Flink writes data files
            (Parquet: rows stored column by column) and then COMMITS: it writes a new metadata file that names them.
            """)
        self.sql = FlinkSql(self)
        self.sql.use_lake(self.settings, self.database)
        statements = (
            "CREATE TABLE `trades` (`symbol` STRING, `qty` DOUBLE)\nWITH ('format-version' = '2')",
            "INSERT INTO `trades` VALUES ('BTCUSDT', 1.5), ('ETHUSDT', 20.0)",
            "INSERT INTO `trades` VALUES ('SOLUSDT', 300.0)",
        )
        for statement in statements:
            self.show(statement)
            self._write(statement)
        self.trades = self._reader("trades")
        self.note(f"The current metadata file: {self._short(self.trades.metadata_path)}. Its snapshots:")
        found = self.trades.snapshots()
        self.table(
            ("snapshot", "operation", "added rows", "rows", "data files"),
            [
                (n, s["summary"]["operation"], s["summary"]["added-records"], s["summary"]["total-records"],
                 s["summary"]["total-data-files"])
                for n, s in enumerate(found, 1)
            ],
        )  # fmt: skip
        self.check(
            "Each commit made one SNAPSHOT: the list of all files that are the table from then on. In the lakehouse "
            "each checkpoint of Flink's job becomes one.",
            [s["summary"]["operation"] for s in found] == ["append", "append"],
            snapshots=len(found),
        )

    @step("Time travel")
    def time_travel(self) -> None:
        """An old snapshot is read like the current one."""
        first = self.trades.snapshots()[0]
        self.ask("The first snapshot is not the current one any more. Can its rows still be read?")
        query = f"SELECT * FROM `trades`\n/*+ OPTIONS('snapshot-id' = '{first['snapshot-id']}') */"
        self.show(query)
        rows = sorted(self._query(query))
        self.table(("symbol", "qty"), rows)
        now = sorted(self._query("SELECT * FROM `trades`"))
        self.check(
            f"Yes: {len(rows)} rows then, {len(now)} now. No file was changed, the second snapshot only names one "
            "more. An old snapshot can be read until it is EXPIRED, which deletes what only it needs. The dashboard's "
            "Iceberg screen (key 4) travels in time with the same list.",
            len(rows) == 2 and len(now) == 3,
            rows_then=len(rows),
            rows_now=len(now),
        )

    @step("The schema changes, the files do not")
    def schema_change(self) -> None:
        """ADD and RENAME touch metadata only: columns have ids."""
        before = self.trades.files()
        statements = (
            "ALTER TABLE `trades` ADD `side` STRING",
            "ALTER TABLE `trades` RENAME `qty` TO `amount`",
        )
        for statement in statements:
            self.show(statement)
        self.ask(f"The table has {len(before)} data files. How many of them must be written anew?")
        for statement in statements:
            self.sql.run(statement)
        self._write("INSERT INTO `trades` VALUES ('ADAUSDT', 4000.0, 'BUY')")
        after = self.trades.files()
        self.table(("symbol", "amount", "side"), sorted(self._query("SELECT * FROM `trades`")))
        old = self.trades.parquet(before[0].path)
        fields = [(f.name, f.metadata[b"PARQUET:field_id"].decode()) for f in old.schema]
        self.note("One of the old files, opened by hand, still says qty. Its columns and their ids:")
        self.table(("column in the file", "field id"), fields)
        schema = next(s for s in self.trades.metadata()["schemas"] if s["schema-id"] == _current_schema(self.trades))
        self.note("The schema in the metadata, now:")
        self.table(("column of the table", "field id"), [(f["name"], f["id"]) for f in schema["fields"]])
        kept = {f.path for f in before} <= {f.path for f in after}
        self.check(
            "None. A column IS its id, its name is only written beside it: id 2 was qty and is amount. A column whose "
            "id is not in a file is NULL there. Only the new row made a new file.",
            kept and len(after) == len(before) + 1 and fields[1] == ("qty", "2"),
            files_rewritten=len({f.path for f in before} - {f.path for f in after}),
        )

    @step("Hidden partitions: files that a query need not open")
    def partitions(self) -> None:
        """Pruning by a day that is no column, shown by the files that were opened."""
        self.say("""
            A table can be PARTITIONED: rows of one day go to files of their own. In Iceberg the day is no column. The
            table knows how to compute it: days(event_time). Flink 1.19 has no words for this in its SQL. But a table
            is files, so we write its first metadata file ourselves:
            """)
        by_day = self._reader("trades_by_day")
        self._make_partitioned(by_day.location)
        self.show('"partition-specs": ' + json.dumps(by_day.metadata()["partition-specs"][0]["fields"], indent=2))
        self.note(f"Flink writes two trades of each of {len(DAYS)} days, and sorts them into these files by itself:")
        values = ", ".join(
            f"('{symbol}', '{day} 12:00:00', {price})"
            for day in DAYS
            for symbol, price in (("BTCUSDT", 42000.5), ("ETHUSDT", 2500.5))
        )
        self._write(f"""
            INSERT INTO `trades_by_day`
            SELECT `symbol`, CAST(TO_TIMESTAMP(`time`) AS TIMESTAMP_LTZ(6)), `price`
            FROM (VALUES {values}) AS `t` (`symbol`, `time`, `price`)
            """)
        self.table(("data file", "rows"), [(f.name.split("/")[0] + "/….parquet", f.records) for f in by_day.files()])
        since = datetime.fromisoformat(f"{DAYS[-1]}T00:00:00").replace(tzinfo=UTC)
        self.show(f"SELECT * FROM `trades_by_day` WHERE `event_time` >= '{since:%Y-%m-%d %H:%M:%S}'")
        self.ask("This query says nothing about partitions. How many of the files does a reader open?")
        everything, all_opened = self._scan(by_day, None)
        recent, opened = self._scan(by_day, since)
        self.table(
            ("reading", "rows", "data files opened"),
            [("the whole table", everything, len(all_opened)), (f"since {DAYS[-1]}", recent, len(opened))],
        )
        self.check(
            "One: the manifests say which day each file holds, so the others are passed over (PRUNING) without being "
            "opened. Whoever asks needs to know only event_time.",
            len(opened) == 1 < len(all_opened) == len(DAYS) and recent == 2,
            files_opened=len(opened),
            files_opened_without_filter=len(all_opened),
        )

    @step("An update is a delete and an insert: delete files")
    def deletes(self) -> None:
        """Equality and position deletes, opened by hand and applied by hand."""
        self.say("""
            A Parquet file cannot be changed. So how can a row? We make a table with a primary key and let Flink UPSERT:
            write a row, and let it replace the one with the same key. (The lakehouse's candles are such a table.)
            """)
        statements = (
            "CREATE TABLE `positions` (\n  `symbol` STRING NOT NULL,\n  `qty` DOUBLE,\n"
            "  PRIMARY KEY (`symbol`) NOT ENFORCED\n)\n"
            "WITH ('format-version' = '2', 'write.upsert.enabled' = 'true')",
            "INSERT INTO `positions` VALUES ('BTCUSDT', 1.0), ('ETHUSDT', 2.0)",
            "INSERT INTO `positions` VALUES ('BTCUSDT', 5.0), ('BTCUSDT', 6.0)",
        )
        for statement in statements:
            self.show(statement)
            self._write(statement)
        self.positions = self._reader("positions")
        self.ask("BTCUSDT is written three times, twice in one commit. How many rows of it are in the data files?")
        files = self.positions.files()
        self._show_files(files)
        self.note("The newest three, opened by hand:")
        for file in files[-3:]:
            self.note(f"{file.content}, sequence number {file.sequence}:")
            rows = self.positions.parquet(file.path).to_pylist()
            self.table(tuple(rows[0]), [tuple(map(_shorten, row.values())) for row in rows])
        self.say("""
            An EQUALITY DELETE says: the rows with this key are gone. Flink writes it without looking for them. It
            applies to data files with a LOWER sequence number, that is to older commits. A POSITION DELETE says: row
            number pos of this file is gone. Flink writes it for a row of the same commit, whose place it knows; it
            applies to files with a lower or the SAME number.
            """)
        stored = sum(f.records for f in files if f.content == "data")
        by_hand = sorted(read_by_hand(self.positions, files))
        by_flink = sorted(self._query("SELECT * FROM `positions`"))
        self.note(f"In data files: {stored} rows. After we apply the deletes by hand:")
        self.table(("symbol", "qty"), by_hand)
        kinds = {f.content for f in files[-3:]}
        self.check(
            "All three are still there; a reader leaves out two of them. This is called MERGE ON READ: writing is "
            "quick, reading has to do the work. Flink reads the same two rows.",
            by_hand == by_flink == [("BTCUSDT", 6.0), ("ETHUSDT", 2.0)] and len(kinds) == 3,
            stored_rows=stored,
            live_rows=by_hand,
            kinds_of_files=sorted(kinds),
        )

    @step("A row is deleted")
    def deleted_row(self) -> None:
        """A delete that comes as a change event."""
        topic = f"experiment_{self.name}"
        make_topic(self, topic, 1)
        self.say("""
            Databases can tell their changes as events (CHANGE DATA CAPTURE). One says: the row of ETHUSDT was deleted
            (op d). Flink reads it from a topic as -D (experiment 2) and writes it to our table.
            """)
        event = {"before": {"symbol": "ETHUSDT", "qty": 2.0}, "after": None, "op": "d"}
        self.show(json.dumps(event))
        send(self.settings, topic, [event])
        self.sql.run(f"""
            CREATE TEMPORARY TABLE `default_catalog`.`default_database`.`events` (`symbol` STRING, `qty` DOUBLE)
            WITH (
              'connector' = 'kafka', 'topic' = '{topic}', 'format' = 'debezium-json',
              'properties.bootstrap.servers' = '{self.settings.kafka}',
              'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset'
            )
            """)
        before = self.positions.files()
        self.ask("Will Flink remove the row from its data file, or write something?")
        self.sql.run(
            "INSERT INTO `positions` SELECT * FROM `default_catalog`.`default_database`.`events`",
            execution__runtime_mode="streaming",
        )
        new = [f for f in self.positions.files() if f not in before]
        self._show_files(new)
        self.note(f"The new file holds: {self.positions.parquet(new[0].path).to_pylist()}")
        rows = sorted(self._query("SELECT * FROM `positions`"))
        self.table(("symbol", "qty"), rows)
        inside = [r for f in self.positions.files() if f.content == "data" for r in self._symbols(f)]
        self.check(
            "It writes an equality delete, and the row is gone for readers. Its bytes are still in the old data file, "
            "and an older snapshot still shows them: whoever must really erase something has to compact and expire.",
            rows == [("BTCUSDT", 6.0)] and [f.content for f in new] == ["equality deletes"] and "ETHUSDT" in inside,
            rows_after_delete=rows,
            still_in_data_files="ETHUSDT" in inside,
        )

    @step("Compaction")
    def compaction(self) -> None:
        """Rewrite what is live; the deletes go."""
        before = self.positions.files()
        rows_before = sorted(read_by_hand(self.positions, before))
        self.say("""
            Each commit adds files, and each delete file is work for every reader. COMPACTION reads what is live and
            writes it to few new files. We do it with plain SQL: overwrite the table with itself. (The hint says that
            this is no upsert.)
            """)
        statement = (
            "INSERT OVERWRITE `positions`\n/*+ OPTIONS('upsert-enabled' = 'false') */\nSELECT * FROM `positions`"
        )
        self.show(statement)
        self.ask(f"There are {len(before)} files now. How many will there be, and how many of them delete something?")
        self._write(statement)
        after = self.positions.files()
        self._show_files(after)
        rows_after = sorted(self._query("SELECT * FROM `positions`"))
        snapshots = self.positions.snapshots()
        then = sorted(read_by_hand(self.positions, self.positions.files(snapshots[0])))
        self.check(
            "One data file and no delete file; the rows are the same. The old files are still there for the old "
            f"snapshots: the first one still has {len(then)} rows. Nobody else may write while a Hadoop table is "
            "compacted: experiment 5 shows why.",
            rows_after == rows_before and [f.content for f in after] == ["data"] and len(then) == 2,
            files_before=len(before),
            files_after=len(after),
            rows_after_compaction=rows_after,
            rows_of_first_snapshot=len(then),
        )

    # ── How it is done ───────────────────────────────────────────────────────

    def _write(self, statement: str) -> None:
        self.sql.run(statement, execution__runtime_mode="batch")

    def _query(self, query: str) -> list[tuple[object, ...]]:
        return self.sql.run(query, execution__runtime_mode="batch").fields

    def _reader(self, table: str) -> HandReader:
        return HandReader(self.store, self.settings, self.database, table)

    def _short(self, path: str) -> str:
        return path.replace(f"{self.settings.warehouse}/{self.database}/", "…/")

    def _symbols(self, file: File) -> list[str]:
        return [str(row["symbol"]) for row in self.positions.parquet(file.path).to_pylist()]

    def _show_files(self, files: Iterable[File]) -> None:
        rows = [(f.sequence, f.content, f.records, human(f.size_bytes), _shorten(f.path)) for f in files]
        self.table(("sequence number", "content", "rows", "size", "file"), rows)

    def _make_partitioned(self, location: str) -> None:
        """Make a table by writing its first metadata file, as a Hadoop catalog does."""
        schema = Schema(
            NestedField(1, "symbol", StringType()),
            NestedField(2, "event_time", TimestamptzType()),
            NestedField(3, "price", DoubleType()),
        )
        by_day = PartitionSpec(PartitionField(2, 1000, DayTransform(), "event_time_day"))
        metadata = new_table_metadata(schema, by_day, UNSORTED_SORT_ORDER, location, {"format-version": "2"})
        bucket, _, key = location.removeprefix("s3a://").partition("/")
        for name, data in (("v1.metadata.json", metadata.model_dump_json().encode()), ("version-hint.text", b"1")):
            self.store.put_object(bucket, f"{key}/metadata/{name}", io.BytesIO(data), len(data))

    def _scan(self, table: HandReader, since: datetime | None) -> tuple[int, set[str]]:
        """Rows and the data files that PyIceberg opened for them."""
        access = bootstrap.kit(self.settings).s3()
        assert access is not None
        properties = {
            "s3.endpoint": access.endpoint,
            "s3.access-key-id": access.access_key,
            "s3.secret-access-key": access.secret_key,
            "s3.region": access.region,
        }
        static = StaticTable.from_metadata(table.metadata_path, properties)
        files = CountingFiles(properties)
        static.io = files
        rows = static.scan() if since is None else static.scan(f"event_time >= '{since.isoformat()}'")
        return rows.to_arrow().num_rows, files.opened


class CountingFiles(PyArrowFileIO):
    """PyIceberg's way to files, which remembers the data files that were asked for."""

    def __init__(self, properties: dict[str, str]) -> None:
        super().__init__(properties)
        self.opened: set[str] = set()

    def new_input(self, location: str) -> PyArrowFile:
        """Open a file."""
        if location.endswith(".parquet"):
            self.opened.add(location)
        return super().new_input(location)


def read_by_hand(table: HandReader, files: list[File]) -> list[tuple[object, ...]]:
    """The live rows: those of the data files, less what the delete files say (the specification's "Scan Planning").

    An equality delete applies to data of a lower sequence number, a position delete to data of a lower or equal one.
    """
    live: list[tuple[object, ...]] = []
    for data in (f for f in files if f.content == "data"):
        gone_keys, gone_places = set(), set()
        for delete in (f for f in files if f.content != "data"):
            rows = table.parquet(delete.path).to_pylist()
            if delete.content == "equality deletes" and data.sequence < delete.sequence:
                gone_keys |= {row["symbol"] for row in rows}
            if delete.content == "position deletes" and data.sequence <= delete.sequence:
                gone_places |= {row["pos"] for row in rows if row["file_path"] == data.path}
        for place, row in enumerate(table.parquet(data.path).to_pylist()):
            if place not in gone_places and row["symbol"] not in gone_keys:
                live.append(tuple(row.values()))
    return live


def _current_schema(table: HandReader) -> int:
    return int(table.metadata()["current-schema-id"])


def _shorten(value: object) -> object:
    """A file's path as the parts of its name that tell it from the others of its table; anything else as it is."""
    name = str(value).rsplit("/", 1)[-1]
    return f"…{name[8:12]}…{name[-13:]}" if name.endswith(".parquet") else value


if __name__ == "__main__":
    IcebergTables.main()
