"""`sql`: Flink's SQL client."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from tui.cli.process import become
from tui.settings import Settings
from tui.stack.local import sql_client


def sql(settings: Settings, arguments: Namespace) -> int:
    """Open the SQL client, or run a file in it."""
    become(*sql_client.command(settings, Path(arguments.file) if arguments.file else None))
