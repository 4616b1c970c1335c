"""The product's job with one difference: messages are judged by a Python function in process mode instead of SQL.

Only `benchmarks/pipeline.py` runs it. It judges less strictly than the product's SQL, which is in its favour.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

JOB = Path(__file__).resolve().parent.parent / "jobs" / "kafka_to_iceberg.py"

JUDGED = """
CREATE TEMPORARY VIEW `judged` AS
SELECT
  `payload`, `kafka_partition`, `kafka_offset`, `kafka_time`, `arrival`,
  `trade`.`symbol` AS `symbol`, `trade`.`ts` AS `ts`, `trade`.`price` AS `price`, `trade`.`qty` AS `qty`,
  `trade`.`side` AS `side`, `trade`.`reason` AS `reason`
FROM (
  SELECT
    `payload`, `kafka_partition`, `kafka_offset`, `kafka_time`, `arrival`,
    judge(`payload`) AS `trade`
  FROM `messages`
)
"""


def load_job() -> Any:
    """The product's job as a module."""
    spec = importlib.util.spec_from_file_location("kafka_to_iceberg", JOB)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def judge_function() -> Any:
    """A message as (symbol, ts, price, qty, side, reason): a trade has no reason."""
    from pyflink.table import DataTypes
    from pyflink.table.udf import udf

    fields = [
        DataTypes.FIELD("symbol", DataTypes.STRING()),
        DataTypes.FIELD("ts", DataTypes.BIGINT()),
        DataTypes.FIELD("price", DataTypes.DOUBLE()),
        DataTypes.FIELD("qty", DataTypes.DOUBLE()),
        DataTypes.FIELD("side", DataTypes.STRING()),
        DataTypes.FIELD("reason", DataTypes.STRING()),
    ]

    def judge(payload: str) -> Any:
        import json

        from pyflink.common import Row

        try:
            m = json.loads(payload)
            if m["price"] > 0 and m["qty"] > 0 and m["side"] in ("BUY", "SELL"):
                return Row(m["symbol"], m["ts"], float(m["price"]), float(m["qty"]), m["side"], None)
            reason = "out of range"
        except (ValueError, KeyError, TypeError) as error:
            reason = str(error)
        return Row(None, None, None, None, None, reason)

    return udf(judge, result_type=DataTypes.ROW(fields))


def main(argv: list[str]) -> int:
    """Submit it with the arguments of the product's job."""
    job = load_job()
    args = job.parse_arguments(argv)
    values = job.placeholders(args)
    table = job.table_environment(job.configuration(args), direct=True)
    for file in ("catalog.sql", "tables.sql", "source.sql"):
        for statement in job.statements(file, values):
            table.execute_sql(statement)
    table.create_temporary_function("judge", judge_function())
    table.execute_sql(JUDGED)
    for statement in job.statements("late.sql", values):
        table.execute_sql(statement)
    inserts = table.create_statement_set()
    for statement in job.statements("inserts.sql", values):
        inserts.add_insert_sql(statement)
    print(f"Job has been submitted with JobID {inserts.execute().get_job_client().get_job_id()}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
