"""What a running stack was started with, in a file of the home from `up` to `down`."""

from __future__ import annotations

import json

from tui import state_file
from tui.model.errors import LakehouseError
from tui.settings import RECORDED, Settings
from tui.stack.local.layout import write_private


def write(settings: Settings) -> None:
    """Remember it."""
    values = {name: getattr(settings, name) for name in RECORDED}
    write_private(settings.stack_file, json.dumps(values))


def refuse_other(settings: Settings) -> None:
    """Raise `LakehouseError` naming what differs between `settings` and what was remembered."""
    stored = state_file.load(settings.stack_file)
    if stored is None:
        return
    different = [
        f"{name} {stored[name]} (asked: {getattr(settings, name)})"
        for name in RECORDED
        if name in stored and stored[name] != getattr(settings, name)
    ]
    if different:
        raise LakehouseError(f"The stack runs with {', '.join(different)}; run `lakehouse-tui down` first.")
