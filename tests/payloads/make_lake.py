"""Makes the recorded tables of `lake-iceberg-1.7.0.zip`: real Flink, real deletes, several checkpoints.

Run it with the Python of the PyFlink environment, with the jars of the Iceberg set in HADOOP_CLASSPATH and a
`core-site.xml` in HADOOP_CONF_DIR that leads `s3a://` to an S3 server:

    python tests/payloads/make_lake.py write s3a://warehouse/iceberg 420 22
    python tests/payloads/make_lake.py read s3a://warehouse/iceberg > expected.json

(rows, rows a second: six commits or so). Then zip the bucket's `iceberg/lakehouse` folder, without `*.crc` and all but
the newest two metadata files, as `lakehouse/`, together with `expected.json`: what Flink itself reads from the candles.
"""

import json
import sys

from pyflink.table import EnvironmentSettings, TableEnvironment

ORDER = "LPAD(CAST(ts AS STRING), 15, '0') || LPAD(CAST(kafka_offset AS STRING), 15, '0') || CAST(price AS STRING)"
QTY = "CAST(qty AS DECIMAL(38, 18))"
TABLES = {
    "raw_trades": """symbol STRING, ts BIGINT, price DOUBLE, qty DOUBLE, side STRING, event_time TIMESTAMP_LTZ(6),
        kafka_partition INT, kafka_offset BIGINT""",
    "bad_trades": "`raw` STRING, reason STRING, kafka_partition INT, kafka_offset BIGINT, kafka_time TIMESTAMP_LTZ(6)",
    "agg_1m": """symbol STRING, window_start TIMESTAMP_LTZ(6), window_end TIMESTAMP_LTZ(6), open_price DOUBLE,
        high_price DOUBLE, low_price DOUBLE, close_price DOUBLE, total_qty DOUBLE, trade_count BIGINT, buy_qty DOUBLE,
        sell_qty DOUBLE, PRIMARY KEY (symbol, window_start) NOT ENFORCED""",
}
TRADES = """SELECT
    CASE MOD(n, 3) WHEN 0 THEN 'BTCUSDT' WHEN 1 THEN 'ETHUSDT' ELSE 'SOLUSDT' END AS symbol,
    1705641234567 + n * 977 - CASE WHEN MOD(n, 50) = 0 THEN 90000 ELSE 0 END AS ts,
    CAST(100 + MOD(n * 7919, 1009) AS DOUBLE) / 8.0 AS price,
    CAST(1 + MOD(n * 31, 997) AS DOUBLE) / 1000.0 AS qty,
    CASE WHEN MOD(n, 2) = 0 THEN 'BUY' ELSE 'SELL' END AS side,
    CAST(MOD(n, 3) AS INT) AS kafka_partition, n / 3 AS kafka_offset, MOD(n, 97) = 0 AS bad
    FROM seq"""


def environment(settings: EnvironmentSettings, warehouse: str) -> TableEnvironment:
    """A table environment with the catalog `lake`."""
    tables = TableEnvironment.create(settings)
    config = tables.get_config()
    config.set("parallelism.default", "2")
    config.set("execution.checkpointing.interval", "1 s")
    config.set("table.exec.sink.upsert-materialize", "NONE")
    config.set("table.local-time-zone", "UTC")
    tables.execute_sql(
        f"CREATE CATALOG lake WITH ('type'='iceberg', 'catalog-type'='hadoop', 'warehouse'='{warehouse}')"
    )
    return tables


def write(warehouse: str, rows: int, rate: int) -> None:
    """Trades with late and bad ones into three tables, a checkpoint a second."""
    tables = environment(EnvironmentSettings.in_streaming_mode(), warehouse)
    tables.execute_sql("CREATE DATABASE IF NOT EXISTS lake.lakehouse")
    for name, columns in TABLES.items():
        upsert = ", 'write.upsert.enabled'='true'" if name == "agg_1m" else ""
        options = f"'format-version'='2', 'write.parquet.compression-codec'='zstd'{upsert}"
        tables.execute_sql(f"CREATE TABLE lake.lakehouse.{name} ({columns}) WITH ({options})")
    tables.execute_sql(
        f"""CREATE TEMPORARY TABLE seq (n BIGINT) WITH ('connector'='datagen', 'rows-per-second'='{rate}',
        'number-of-rows'='{rows}', 'fields.n.kind'='sequence', 'fields.n.start'='0', 'fields.n.end'='{rows - 1}')"""
    )
    tables.execute_sql(f"CREATE TEMPORARY VIEW trades AS {TRADES}")
    inserts = tables.create_statement_set()
    inserts.add_insert_sql(
        """INSERT INTO lake.lakehouse.raw_trades SELECT symbol, ts, price, qty, side, TO_TIMESTAMP_LTZ(ts, 3),
        kafka_partition, kafka_offset FROM trades WHERE NOT bad"""
    )
    inserts.add_insert_sql(
        """INSERT INTO lake.lakehouse.bad_trades SELECT CAST('?' AS STRING), CAST('not JSON' AS STRING),
        kafka_partition, kafka_offset, TO_TIMESTAMP_LTZ(ts, 3) FROM trades WHERE bad"""
    )
    inserts.add_insert_sql(
        f"""INSERT INTO lake.lakehouse.agg_1m SELECT symbol, TO_TIMESTAMP_LTZ(m * 60000, 3),
        TO_TIMESTAMP_LTZ(m * 60000 + 60000, 3), CAST(SUBSTRING(MIN(k), 31) AS DOUBLE), MAX(price), MIN(price),
        CAST(SUBSTRING(MAX(k), 31) AS DOUBLE), CAST(SUM({QTY}) AS DOUBLE), COUNT(*),
        CAST(SUM(CASE WHEN side = 'BUY' THEN {QTY} ELSE 0 END) AS DOUBLE),
        CAST(SUM(CASE WHEN side = 'SELL' THEN {QTY} ELSE 0 END) AS DOUBLE)
        FROM (SELECT *, ts / 60000 AS m, {ORDER} AS k FROM trades WHERE NOT bad) GROUP BY symbol, m"""
    )
    inserts.execute().wait()


def read(warehouse: str) -> list[list[object]]:
    """The candles as Flink reads them in batch mode, ordered by (window_start, symbol)."""
    tables = environment(EnvironmentSettings.in_batch_mode(), warehouse)
    start, end = (f"DATE_FORMAT({c}, 'yyyy-MM-dd HH:mm:ss')" for c in ("window_start", "window_end"))
    query = f"""SELECT symbol, {start}, {end}, open_price, high_price, low_price, close_price, total_qty,
        trade_count, buy_qty, sell_qty FROM lake.lakehouse.agg_1m"""
    with tables.execute_sql(query).collect() as rows:
        return sorted((list(row) for row in rows), key=lambda row: (row[1], row[0]))


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        print(json.dumps(read(sys.argv[2])))
