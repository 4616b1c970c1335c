"""`doctor`."""

from __future__ import annotations

from argparse import Namespace

from tui.cli.verify import show
from tui.settings import Settings
from tui.stack.doctor import examine


def doctor(settings: Settings, arguments: Namespace) -> int:
    """Check the machine; exit status 1 if something is not fit."""
    return show(examine(settings), as_json=arguments.json)
