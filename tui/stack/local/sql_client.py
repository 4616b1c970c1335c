"""Flink's SQL client on this home's cluster, with the catalog ready."""

from __future__ import annotations

from pathlib import Path
from string import Template

from tui.model.errors import LakehouseError, UsageError
from tui.resources import resource
from tui.settings import Settings
from tui.stack.local import flink, spec
from tui.stack.local.layout import Layout, write_private
from tui.stack.provision import provisioned

_SESSION = """
USE CATALOG `lakehouse`;
USE `{database}`;
SET 'execution.runtime-mode' = 'batch';
SET 'sql-client.execution.result-mode' = 'tableau';
SET 'table.local-time-zone' = 'UTC';
"""


def command(settings: Settings, file: Path | None) -> tuple[list[str], dict[str, str]]:
    """The SQL client's command line and environment; with `file` it runs its statements and ends.

    Raises `UsageError` where there is no such file, `LakehouseError` before the first `up`.
    """
    if file is not None and not file.is_file():
        raise UsageError(f"There is no file {file}.")
    layout = Layout(settings.home)
    found = provisioned(settings)
    if found is None or not layout.flink_home.exists():
        raise LakehouseError("The SQL client needs the stack; run `lakehouse-tui up` first.")
    init = layout.conf / "sql-client.sql"
    write_private(init, init_statements(settings))
    arguments = ["org.apache.flink.table.client.SqlClient", "embedded", "-i", str(init)]
    if file is not None:
        arguments += ["-f", str(file.absolute())]
    argv = flink.client_program("sql-client", layout, found, arguments)
    environment = spec.environment(layout, flink.client_environment(layout, found))
    return list(argv), {**environment, "TERM": "xterm"}


def init_statements(settings: Settings) -> str:
    """What the SQL client runs first: the catalog of the job, its database, batch mode, times in UTC."""
    options = {"type": "iceberg", "catalog-type": "hadoop", "warehouse": settings.warehouse}
    values = {
        "catalog": "lakehouse",
        "database": settings.database,
        "catalog_options": ",\n  ".join(f"'{key}' = {_literal(value)}" for key, value in options.items()),
    }
    catalog = (resource("jobs") / "sql" / "catalog.sql").read_text(encoding="utf-8")
    return Template(catalog).substitute(values) + _SESSION.format(database=settings.database.replace("`", "``"))


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
