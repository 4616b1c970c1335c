"""The format of a home: what its files are and mean, as one number in `format.json` ({"format": n}).

A home without that file is of format 1. A program upgrades an older home at `up`, and leaves a newer one alone.

To change the format, add a step to `UPGRADES`, and a test with a home as the format before left it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from tui import state_file
from tui.model.errors import LakehouseError
from tui.stack.local.layout import Layout, write_private

Upgrade = Callable[[Layout], None]
UPGRADES: tuple[Upgrade, ...] = ()
"""The first makes format 2 of format 1, and so on. A step that was interrupted is done again from its beginning."""


def read(home: Path) -> int:
    """The home's format; raises `LakehouseError` where its file is damaged."""
    path = _path(home)
    if not path.exists():
        return 1
    found = (state_file.load(path) or {}).get("format")
    if type(found) is not int or found < 1:
        raise LakehouseError(
            f"{path} is damaged, so the format of this home is unknown; delete it if this version has made the home."
        )
    return found


def refuse_newer(home: Path, upgrades: Sequence[Upgrade] = UPGRADES) -> int:
    """The home's format; raises `LakehouseError` for one that this program does not know."""
    found, known = read(home), len(upgrades) + 1
    if found > known:
        raise LakehouseError(
            f"The home {home} is of format {found}, made by a newer lakehouse-tui; this one knows formats up to "
            f"{known}: update it, or set LAKEHOUSE_HOME to another folder."
        )
    return found


def upgrade(layout: Layout, upgrades: Sequence[Upgrade] = UPGRADES, *, running: bool = False) -> None:
    """Bring the home to the newest format, step by step; the caller holds its lock.

    Raises `LakehouseError` for a newer home, and for an older one whose stack is `running`.
    """
    found = refuse_newer(layout.home, upgrades)
    if running and found <= len(upgrades):
        raise LakehouseError(
            f"The home {layout.home} is of format {found} and its stack runs; run `lakehouse-tui down`, then `up` "
            f"upgrades it to format {len(upgrades) + 1}."
        )
    for number, step in enumerate(upgrades[found - 1 :], found + 1):
        step(layout)
        _write(layout, number)
    if not _path(layout.home).exists():
        _write(layout, found)


def _write(layout: Layout, number: int) -> None:
    write_private(_path(layout.home), json.dumps({"format": number}), durable=True)


def _path(home: Path) -> Path:
    return home / "format.json"
