"""Trades from Kafka into three Iceberg tables: one PyFlink SQL job, no function of our own.

Run it with `flink run -d -py jobs/kafka_to_iceberg.py --bootstrap-servers … --warehouse …`, or, faster, directly with
`python jobs/kafka_to_iceberg.py --jobmanager HOST:PORT …`. The SQL is in `jobs/sql/`; this file fills it in and submits
it. The last line on stdout is `Job has been submitted with JobID <32 hex digits>`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

SQL_DIR = Path(__file__).resolve().parent / "sql"

S = r"[ \t\r\n]*+"
INTEGER = r"-?(?:0|[1-9]\d{0,39}+)"
NUMBER = INTEGER + r"(?:\.\d{1,60}+)?(?:[eE][+-]?\d{1,9}+)?"
TEXT = r'"[^"\\\x00-\x1f\uFFFD]{0,256}+"'
TRADE_REGEX = (
    rf"^{S}\{{{S}"
    + rf"{S},{S}".join(
        rf'"{name}"{S}:{S}{value}'
        for name, value in {"symbol": TEXT, "ts": INTEGER, "price": NUMBER, "qty": NUMBER, "side": TEXT}.items()
    )
    + rf"{S}\}}{S}$"
)
"""A JSON object with exactly the five keys in the usual order and no escapes."""

AROUND_NUMBER = ":, }\t\r\n"
"""What may stand between a number and the quotes around it."""

INVALID_UTF8_REGEX = "\ufffd"
"""What a byte that is not UTF-8 is decoded to."""

UNREADABLE_REGEX = r"\uFFFD|^(?:[^\[{]*+[\[{]){500}"
"""Invalid UTF-8, or more opening brackets than the JSON parser can nest without overflowing its stack."""

MIN_TS = 946_684_800_000
"""2000-01-01 in epoch milliseconds."""

MAX_TS = 9_999_999_999_999
"""The last 13-digit epoch millisecond (2286)."""

MAX_BYTES = 65_536
"""A longer message is not parsed; `bad_trades` keeps only its beginning."""

LIMITS = {"min_ts": MIN_TS, "max_ts": MAX_TS, "max_price": "1E300", "min_qty": "1E-18", "max_qty": "1E12"}
"""Bounds of a trade; those of `qty` let DECIMAL(38, 18) hold the sum of 100 million of the largest."""

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

FROM_ENVIRONMENT = (
    "bootstrap_servers",
    "topic",
    "group",
    "kafka_properties",
    "warehouse",
    "database",
    "parallelism",
    "checkpoint_interval_s",
    "checkpoint_dir",
    "watermark_delay_s",
    "allowed_lateness_s",
)
"""Settings that `JOB_<NAME>` in the environment gives where the flag is missing, so that a cluster can know them."""


def parse_arguments(argv: Sequence[str], environ: Mapping[str, str] = os.environ) -> argparse.Namespace:
    """All settings of the job; times are in the unit that the name ends with."""
    known = {name: value for name in FROM_ENVIRONMENT if (value := environ.get(f"JOB_{name.upper()}"))}
    parser = argparse.ArgumentParser(prog="kafka_to_iceberg.py", description=(__doc__ or "").split("\n", 1)[0])
    add = parser.add_argument
    add(
        "--bootstrap-servers",
        required="bootstrap_servers" not in known,
        help="Kafka's addresses, HOST:PORT[,HOST:PORT…]",
    )
    add("--topic", default="trades")
    add("--group", default="lakehouse", help="consumer group; its offsets follow the checkpoints, for monitoring")
    add(
        "--kafka-property",
        action="append",
        default=[],
        type=_pair,
        metavar="K=V",
        help="another property of the consumer",
    )
    add(
        "--kafka-properties",
        type=Path,
        metavar="FILE",
        help="more of them as a JSON object, for those that no command line should show",
    )
    add("--warehouse", required="warehouse" not in known, help="where the tables are: s3a://… or file:///…")
    add("--catalog", default="lakehouse", type=_name)
    add(
        "--catalog-property",
        action="append",
        default=[],
        type=_pair,
        metavar="K=V",
        help="another property of the catalog",
    )
    add("--database", default="lakehouse", type=_name)
    add("--raw-table", default="raw_trades", type=_name)
    add("--candle-table", default="agg_1m", type=_name)
    add("--bad-table", default="bad_trades", type=_name)
    add("--parallelism", default=2, type=_positive)
    add("--checkpoint-interval-s", default=60.0, type=_seconds)
    add("--checkpoint-dir", help="where checkpoints are retained (default: the cluster's setting)")
    add("--mini-batch-s", default=10.0, type=_seconds, help="longest time a trade waits before it changes its candle")
    add("--mini-batch-size", default=100_000, type=_positive, help="most trades that wait for that, a task")
    add("--watermark-delay-s", default=5, type=_positive)
    add(
        "--idle-timeout-s",
        default=10.0,
        type=_seconds,
        help="after this a silent partition no longer holds the watermark",
    )
    add("--allowed-lateness-s", default=3600, type=_positive)
    add("--max-future-s", default=600, type=_positive, help="how far `ts` may be ahead of Kafka's time of the message")
    add("--job-name", default="kafka_to_iceberg")
    add("--restore", metavar="PATH", help="checkpoint or savepoint to continue from (it stays untouched: NO_CLAIM)")
    add(
        "--jobmanager",
        type=_address,
        metavar="HOST:PORT",
        help="REST address to submit to; without it `flink run` decides",
    )
    add(
        "--flink-property",
        action="append",
        default=[],
        type=_pair,
        metavar="K=V",
        help="another setting of Flink, wins over all",
    )
    add("--explain", action="store_true", help="print the plan and submit nothing")
    parser.set_defaults(**known)
    return parser.parse_args(argv)


def _name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise argparse.ArgumentTypeError(f"{value!r} is not a plain name (letters, digits and _)")
    return value


def _pair(value: str) -> tuple[str, str]:
    key, equals, rest = value.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{value!r} is not KEY=VALUE")
    return key, rest


def _address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal():
        raise argparse.ArgumentTypeError(f"{value!r} is not HOST:PORT")
    return value


def _positive(value: str) -> int:
    number = int(value)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{value} is not at least 1")
    return number


def _seconds(value: str) -> float:
    number = float(value)
    if not 0.001 <= number <= 1e9:
        raise argparse.ArgumentTypeError(f"{value} is not a time in seconds")
    return number


def literal(value: object) -> str:
    """`value` as a SQL string literal."""
    return "'" + str(value).replace("'", "''") + "'"


def options(values: Mapping[str, object]) -> str:
    """The inside of a WITH clause, one option a line."""
    return ",\n  ".join(f"{literal(key)} = {literal(value)}" for key, value in values.items())


def interval(seconds: int) -> str:
    """`seconds` (less than 100 days) as a DAY TO SECOND interval; a plain SECOND one ends at 99."""
    days, rest = divmod(seconds, 86_400)
    return f"{days} {rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"


def kafka_properties(args: argparse.Namespace) -> dict[str, str]:
    """The consumer's further properties; those of the command line win over those of the file."""
    file = args.kafka_properties
    stored = {} if file is None else json.loads(file.read_text(encoding="utf-8"))
    return {**stored, **dict(args.kafka_property)}


def placeholders(args: argparse.Namespace) -> dict[str, object]:
    """What the templates in `jobs/sql/` are filled in with."""
    catalog = {"type": "iceberg", "catalog-type": "hadoop", "warehouse": args.warehouse, **dict(args.catalog_property)}
    table = {
        "format-version": 2,
        "write.format.default": "parquet",
        "write.parquet.compression-codec": "zstd",
        "write.target-file-size-bytes": 134_217_728,
        "write.metadata.delete-after-commit.enabled": "true",
        "write.metadata.previous-versions-max": 10,  # each names all snapshots, so a hundred would be most of the disk
    }
    kafka = {f"properties.{key}": value for key, value in kafka_properties(args).items()}
    return {
        "catalog": args.catalog,
        "database": args.database,
        "raw_table": args.raw_table,
        "candle_table": args.candle_table,
        "bad_table": args.bad_table,
        "catalog_options": options(catalog),
        "table_options": options(table),
        "topic": literal(args.topic),
        "bootstrap_servers": literal(args.bootstrap_servers),
        "group": literal(args.group),
        "kafka_options": ",\n  " + options(kafka) if kafka else "",
        "watermark_delay": interval(args.watermark_delay_s),
        "late_after_ms": (args.watermark_delay_s + args.allowed_lateness_s) * 1000,
        "max_future_ms": args.max_future_s * 1000,
        "max_bytes": MAX_BYTES,
        "around_number": literal(AROUND_NUMBER),
        "trade_regex": literal(TRADE_REGEX),
        "unreadable_regex": literal(UNREADABLE_REGEX),
        "invalid_utf8_regex": literal(INVALID_UTF8_REGEX),
        **LIMITS,
    }


def statements(file: str, values: Mapping[str, object]) -> list[str]:
    """The statements of a template in `jobs/sql/`, filled in, without comments and semicolons."""
    text = (SQL_DIR / file).read_text(encoding="utf-8")
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    parts = (part.strip() for part in re.split(r";[ \t]*(?:\n|$)", code))
    return [Template(part).substitute(values) for part in parts if part]


def configuration(args: argparse.Namespace) -> dict[str, str]:
    """Flink's settings for this job."""
    values = {
        "pipeline.name": args.job_name,
        "parallelism.default": str(args.parallelism),
        "pipeline.object-reuse": "true",
        "execution.attached": "false",
        "execution.checkpointing.interval": f"{round(args.checkpoint_interval_s * 1000)} ms",
        "execution.checkpointing.mode": "EXACTLY_ONCE",
        "execution.checkpointing.unaligned.enabled": "false",  # else Iceberg's committer loses files at a restart
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        "table.local-time-zone": "UTC",
        "table.exec.source.idle-timeout": f"{round(args.idle_timeout_s * 1000)} ms",
        "table.exec.uid.generation": "PLAN_ONLY",
        "table.exec.mini-batch.enabled": "true",
        "table.exec.mini-batch.allow-latency": f"{round(args.mini_batch_s * 1000)} ms",
        "table.exec.mini-batch.size": str(args.mini_batch_size),
        "table.optimizer.agg-phase-strategy": "TWO_PHASE",
        "table.optimizer.reuse-optimize-block-with-digest-enabled": "true",
    }
    if args.checkpoint_dir:
        values["state.checkpoints.dir"] = args.checkpoint_dir
    if args.restore:
        values["execution.savepoint.path"] = args.restore
        values["execution.savepoint-restore-mode"] = "NO_CLAIM"
    if args.jobmanager:
        host, _, port = args.jobmanager.rpartition(":")
        values |= {"execution.target": "remote", "rest.address": host, "rest.port": port}
    return values | dict(args.flink_property)


def table_environment(values: Mapping[str, str], *, direct: bool) -> Any:
    """The environment the job is built in: the one `flink run` prepared, or one of our own that submits by REST."""
    from pyflink.common import Configuration
    from pyflink.datastream import StreamExecutionEnvironment
    from pyflink.java_gateway import get_gateway
    from pyflink.table import StreamTableEnvironment

    settings = Configuration()
    for key, value in values.items():
        settings.set_string(key, value)
    if direct:
        java = get_gateway().jvm.org.apache.flink.streaming.api.environment.StreamExecutionEnvironment
        environment = StreamExecutionEnvironment(java(settings._j_configuration))
    else:
        environment = StreamExecutionEnvironment.get_execution_environment(settings)
    table = StreamTableEnvironment.create(environment)
    for key, value in values.items():
        table.get_config().set(key, value)
    return table


def main(argv: Sequence[str]) -> int:
    """Fill in the SQL, submit the job, print its id."""
    args = parse_arguments(argv)
    values = placeholders(args)
    table = table_environment(configuration(args), direct=bool(args.jobmanager))
    for file in ("catalog.sql", "tables.sql", "source.sql", "parse.sql", "late.sql"):
        for statement in statements(file, values):
            table.execute_sql(statement)
    job = table.create_statement_set()
    for statement in statements("inserts.sql", values):
        job.add_insert_sql(statement)
    if args.explain:
        print(job.explain())
        return 0
    submitted = job.execute().get_job_client()
    print(f"Job has been submitted with JobID {submitted.get_job_id()}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
