"""Writes a topic of changes into Iceberg tables, and reads tables back with Flink's own batch SQL: two PyFlink jobs.

`histories.py` knows what is in the topic and in the tables; this file runs in PyFlink's environment and reads all it
needs from the JSON file that is its only argument. The last line on stdout names the submitted job.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "jobs"))


def literals(values: Mapping[str, object]) -> str:
    from kafka_to_iceberg import options

    return str(options(values))


def columns(types: Mapping[str, str], required: Sequence[str] = ()) -> str:
    return ",\n  ".join(f"`{n}` {kind}{' NOT NULL' if n in required else ''}" for n, kind in types.items())


def environment(plan: Mapping[str, Any]) -> Any:
    """A table environment with the catalog `lake`."""
    from kafka_to_iceberg import table_environment

    table = table_environment(plan["configuration"], direct=True)
    catalog = {"type": "iceberg", "catalog-type": "hadoop", "warehouse": plan["warehouse"]}
    table.execute_sql(f"CREATE CATALOG `lake` WITH ({literals(catalog)})")
    table.execute_sql(f"CREATE DATABASE IF NOT EXISTS `lake`.`{plan['database']}`")
    return table


def create(table: Any, plan: Mapping[str, Any], target: Mapping[str, Any]) -> None:
    """Make one table, unless it is there; without a primary key when its key is given to the sink."""
    key = target["key"] if target["by_sql"] else []
    primary = f",\n  PRIMARY KEY ({', '.join(f'`{k}`' for k in key)}) NOT ENFORCED" if key else ""
    partitioned = f"PARTITIONED BY (`{target['partition']}`)" if target["partition"] else ""
    table.execute_sql(
        f"CREATE TABLE IF NOT EXISTS `lake`.`{plan['database']}`.`{target['name']}` "
        f"(\n  {columns(plan['types'], key)}{primary}\n) {partitioned} WITH ({literals(target['options'])})"
    )


def source(table: Any, plan: Mapping[str, Any]) -> None:
    """The topic as a stream of inserts, updates and deletes; `target` says for which tables a change is."""
    connector = {
        "connector": "kafka",
        "topic": plan["topic"],
        "properties.bootstrap.servers": plan["bootstrap_servers"],
        "properties.group.id": plan["group"],
        "scan.startup.mode": "specific-offsets",
        "scan.startup.specific-offsets": plan["offsets"],
        "format": "debezium-json",
        "debezium-json.timestamp-format.standard": "ISO-8601",
    }
    types = {"target": "STRING", **plan["types"]}
    table.execute_sql(f"CREATE TEMPORARY TABLE `changes` (\n  {columns(types)}\n) WITH ({literals(connector)})")


def chosen(plan: Mapping[str, Any], target: Mapping[str, Any]) -> str:
    names = ", ".join(f"`{n}`" for n in plan["types"])
    return f"SELECT {names} FROM `changes` WHERE `target` = '{target['changes']}'"


def sink(table: Any, plan: Mapping[str, Any], target: Mapping[str, Any]) -> None:
    """Iceberg's sink itself: unlike SQL's primary key, its key may be null, NaN and -0.0."""
    from pyflink.java_gateway import get_gateway

    flink = get_gateway().jvm.org.apache.iceberg.flink
    changes = table.sql_query(chosen(plan, target))
    stream = table._j_tenv.toChangelogStream(changes._j_table)
    where = f"{plan['warehouse']}/{plan['database']}/{target['name']}"
    builder = flink.sink.FlinkSink.forRow(stream, changes._j_table.getSchema())
    key = get_gateway().jvm.java.util.ArrayList()
    for name in target["key"]:
        key.add(name)
    builder = builder.tableLoader(flink.TableLoader.fromHadoopTable(where)).equalityFieldColumns(key)
    builder.upsert(target["upsert"]).uidPrefix(target["name"]).append()


def write(plan: Mapping[str, Any]) -> str:
    """Submit the streaming job that writes every table."""
    table = environment(plan)
    source(table, plan)
    statements = table.create_statement_set()
    for target in plan["tables"]:
        create(table, plan, target)
        if target["by_sql"]:
            statements.add_insert_sql(
                f"INSERT INTO `lake`.`{plan['database']}`.`{target['name']}` {chosen(plan, target)}"
            )
        else:
            sink(table, plan, target)
    statements.attach_as_datastream()
    return str(table._j_tenv.execEnv().executeAsync(plan["configuration"]["pipeline.name"]).getJobID())


def read(plan: Mapping[str, Any]) -> str:
    """Submit the batch job that writes the rows of every snapshot asked for as JSON."""
    table = environment(plan)
    statements = table.create_statement_set()
    for name, snapshots in plan["snapshots"].items():
        files = {
            "connector": "filesystem",
            "path": f"{plan['output']}/{name}",
            "format": "json",
            "json.timestamp-format.standard": "ISO-8601",
        }
        types = {"snapshot": "BIGINT", **plan["types"]}
        table.execute_sql(f"CREATE TEMPORARY TABLE `{name}` (\n  {columns(types)}\n) WITH ({literals(files)})")
        parts = [
            f"SELECT CAST({snapshot} AS BIGINT), {', '.join(f'`{n}`' for n in plan['types'])} "
            f"FROM `lake`.`{plan['database']}`.`{name}` /*+ OPTIONS('snapshot-id'='{snapshot}') */"
            for snapshot in snapshots
        ]
        statements.add_insert_sql(f"INSERT INTO `{name}` {' UNION ALL '.join(parts)}")
    return str(statements.execute().get_job_client().get_job_id())


def main(argv: Sequence[str]) -> int:
    """Submit the job that the plan asks for, and print its id."""
    plan = json.loads(Path(argv[0]).read_text(encoding="utf-8"))
    job = write(plan) if "tables" in plan else read(plan)
    print(f"Job has been submitted with JobID {job}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
