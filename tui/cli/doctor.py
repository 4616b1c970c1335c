"""`doctor`."""

from __future__ import annotations

from argparse import Namespace

from tui import bootstrap
from tui.cli.verify import show
from tui.settings import Settings


def doctor(settings: Settings, arguments: Namespace) -> int:
    """Check the machine; exit status 1 if something is not fit."""
    return show(bootstrap.kit(settings).examine(), as_json=arguments.json)
