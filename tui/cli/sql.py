"""`sql`: Flink's SQL client."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from tui import bootstrap
from tui.cli.process import become
from tui.settings import Settings


def sql(settings: Settings, arguments: Namespace) -> int:
    """Open the SQL client, or run a file in it."""
    become(*bootstrap.kit(settings).sql(Path(arguments.file) if arguments.file else None))
