"""What DuckDB's Iceberg extension reads: a process of its own, because it can take the whole process down.

Reads its order from stdin as JSON: `endpoint`, `access_key`, `secret_key` of the S3 server and `tables`,
folder by name.
Writes to stdout a line of JSON a table: its name and its rows (history, `exactly`), or an error as text.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import duckdb

from tests.integration.histories import exactly

EXTENSIONS = ("avro", "httpfs", "iceberg")


def connect(order: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    """A connection with the extensions from their packages; nothing is downloaded."""
    connection = duckdb.connect()
    connection.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
    packages = Path(duckdb.__file__).parents[1]
    for name in EXTENSIONS:
        folder = packages / f"duckdb_extension_{name}" / "extensions" / f"v{duckdb.__version__}"
        connection.execute(f"LOAD '{folder / name}.duckdb_extension'")
    connection.execute(
        "CREATE SECRET (TYPE s3, KEY_ID $key, SECRET $secret, ENDPOINT $endpoint, URL_STYLE 'path', USE_SSL false)",
        {"key": order["access_key"], "secret": order["secret_key"], "endpoint": order["endpoint"]},
    )
    return connection


def main() -> None:
    """Read every table in turn, on a connection of its own: an internal error ends the connection."""
    order = json.load(sys.stdin)
    for name, folder in order["tables"].items():
        try:
            rows = connect(order).execute("SELECT * FROM iceberg_scan($folder)", {"folder": folder}).to_arrow_table()
            found: Any = [(row["history"], exactly(row)) for row in rows.to_pylist()]
        except (duckdb.Error, ValueError, OverflowError) as error:
            found = str(error)
        print(json.dumps([name, found]), flush=True)


if __name__ == "__main__":
    main()
