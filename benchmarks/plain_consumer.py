"""A plain Python consumer: Kafka → pyarrow → PyIceberg append of the trades, no candles, no exactly-once.

Only `benchmarks/pipeline.py` runs it: `plain_consumer.py BOOTSTRAP TOPIC COUNT FOLDER`.
"""

from __future__ import annotations

import sys

import orjson
import pyarrow as pa
from confluent_kafka import Consumer
from pyiceberg.catalog.memory import InMemoryCatalog

SCHEMA = pa.schema(
    [
        ("symbol", pa.string()),
        ("ts", pa.int64()),
        ("price", pa.float64()),
        ("qty", pa.float64()),
        ("side", pa.string()),
        ("kafka_partition", pa.int32()),
        ("kafka_offset", pa.int64()),
    ]
)
BATCH = 100_000


def main(bootstrap: str, topic: str, count: int, folder: str) -> None:
    """Append `count` messages in batches of `BATCH`."""
    catalog = InMemoryCatalog("bench", warehouse=f"file://{folder}")
    catalog.create_namespace("bench")
    table = catalog.create_table("bench.raw_trades", SCHEMA)
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "plain", "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    rows: list[dict[str, object]] = []
    done = 0
    while done < count:
        for message in consumer.consume(10_000, 1.0):
            trade = orjson.loads(message.value())
            trade["kafka_partition"], trade["kafka_offset"] = message.partition(), message.offset()
            rows.append(trade)
        if len(rows) >= BATCH or done + len(rows) >= count:
            table.append(pa.Table.from_pylist(rows, schema=SCHEMA))
            done += len(rows)
            rows = []
    consumer.close()
    print(done)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
