"""One reader of the last hour's candles of one symbol, as a program: a line in, an answer out.

python -m benchmarks.candle_reader ours|duckdb     (the first line of its input is what to read, in JSON)
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import psutil

SYMBOL, MINUTES = "BTCUSDT", 60
COLUMNS = (
    "open_price", "high_price", "low_price", "close_price", "total_qty", "trade_count", "buy_qty", "sell_qty",
)  # fmt: skip
Rows = list[list[Any]]
Read = Callable[[int], tuple[Rows, int, int]]
"""Given the newest minute (µs, for readers that cannot find it themselves): rows, objects read, objects looked at."""


def ours(wanted: dict[str, Any]) -> Read:
    """The product's reader; every call of its storage is counted."""
    for part in ("candles", "manifests", "scan", "shelf"):  # what the first answer would import
        importlib.import_module(f"tui.clients.lake.{part}")
    from tui.clients.lake import LakeClient
    from tui.clients.lake.storage import Stamp, Storage
    from tui.model.access import S3Access

    counts = {"read": 0, "looked": 0}

    class Counting(Storage):
        """Says how many objects were read, and at how many it was looked for size and time."""

        def read(self, path: str) -> bytes:
            counts["read"] += 1
            return super().read(path)

        def open(self, path: str) -> Any:
            counts["read"] += 1
            return super().open(path)

        def existing(self, paths: Iterable[str]) -> tuple[str, ...]:
            asked = list(paths)
            counts["looked"] += len(asked)
            return super().existing(asked)

        def stamps(self, paths: Iterable[str]) -> tuple[Stamp | None, ...]:
            asked = list(paths)
            counts["looked"] += len(asked)
            return super().stamps(asked)

    s3 = S3Access(**wanted["s3"]) if wanted["s3"] else None
    lake = LakeClient(wanted["warehouse"], wanted["database"], s3)
    lake._storage.__class__ = Counting  # the client makes its own

    def read(_newest: int) -> tuple[Rows, int, int]:
        before = dict(counts)
        found = lake.candles(SYMBOL, MINUTES).candles
        rows = [[round(c.window_start.timestamp() * 1e6), *(getattr(c, name) for name in COLUMNS)] for c in found]
        return rows, counts["read"] - before["read"], counts["looked"] - before["looked"]

    return read


def duckdb(wanted: dict[str, Any]) -> Read:
    """DuckDB with its Iceberg extension on the table's folder; it is told which minute is the newest."""
    import duckdb as engine

    site = Path(engine.__file__).parent.parent
    connection = engine.connect()
    for name in ("avro", "iceberg"):
        extension = next((site / f"duckdb_extension_{name}").rglob("*.duckdb_extension"))
        connection.execute(f"LOAD '{extension}'")
    connection.execute("SET timezone = 'UTC'")
    query = f"""SELECT epoch_us(window_start), {", ".join(COLUMNS)}
        FROM iceberg_scan('{wanted["folder"]}', allow_moved_paths = true)
        WHERE symbol = '{SYMBOL}' AND window_start > make_timestamptz({{since}}) ORDER BY window_start"""

    def read(newest: int) -> tuple[Rows, int, int]:
        found = connection.execute(query.format(since=newest - MINUTES * 60_000_000)).fetchall()
        return [list(row) for row in found], 0, 0

    return read


def serve(read: Read) -> None:
    """Answer every line until the input ends."""
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        began, cpu = time.perf_counter(), time.process_time()
        rows, objects, looked = read(int(line))
        took = {"ms": (time.perf_counter() - began) * 1e3, "cpu_ms": (time.process_time() - cpu) * 1e3}
        rss = psutil.Process().memory_info().rss
        print(json.dumps({**took, "rows": rows, "read": objects, "looked": looked, "rss": rss}), flush=True)


if __name__ == "__main__":
    serve({"ours": ours, "duckdb": duckdb}[sys.argv[1]](json.loads(sys.stdin.readline())))
