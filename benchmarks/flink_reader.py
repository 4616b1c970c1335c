"""Flink's batch SQL on a running cluster as a reader like those of `candle_reader`; runs in PyFlink's environment."""

from __future__ import annotations

import json
import sys
import time

SYMBOL, MINUTES = "BTCUSDT", 60


def main() -> None:
    """Connect, then answer every line with the last hour before that newest minute (µs)."""
    wanted = json.loads(sys.stdin.readline())
    from pyflink.common import Configuration
    from pyflink.table import EnvironmentSettings, TableEnvironment

    settings = Configuration()
    for key, value in {
        "execution.target": "remote",
        "rest.address": "127.0.0.1",
        "rest.port": str(wanted["flink_port"]),
        "parallelism.default": "2",
        "table.local-time-zone": "UTC",
    }.items():
        settings.set_string(key, value)
    tables = TableEnvironment.create(
        EnvironmentSettings.new_instance().in_batch_mode().with_configuration(settings).build()
    )
    tables.execute_sql(
        "CREATE CATALOG lake WITH ('type'='iceberg', 'catalog-type'='hadoop', 'cache-enabled'='false', "
        f"'warehouse'='{wanted['warehouse_folder']}')"
    )
    columns = "open_price, high_price, low_price, close_price, total_qty, trade_count, buy_qty, sell_qty"
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        since = int(line) // 1_000 - MINUTES * 60_000
        began = time.perf_counter()
        result = tables.execute_sql(
            f"""SELECT UNIX_TIMESTAMP(DATE_FORMAT(window_start, 'yyyy-MM-dd HH:mm:ss')) * 1000000, {columns}
            FROM `lake`.`{wanted["database"]}`.`agg_1m`
            WHERE symbol = '{SYMBOL}' AND window_start > TO_TIMESTAMP_LTZ({since}, 3)"""
        )
        with result.collect() as found:
            rows = sorted([list(row) for row in found])
        took_ms = (time.perf_counter() - began) * 1e3
        print(json.dumps({"ms": took_ms, "cpu_ms": 0, "rows": rows, "read": 0, "looked": 0, "rss": 0}), flush=True)


if __name__ == "__main__":
    main()
