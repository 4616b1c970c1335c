"""Whose home, and whose stack: a home is known by its path, and so are its processes (`tui.stack.local.spec.TAG`).

A home may be moved or copied while its stack is down. Where that was done while it ran, or where another home's stack
holds the ports of this one, nothing is started, asked or changed.
"""

from __future__ import annotations

import json
from pathlib import Path

import psutil

from tui import state_file
from tui.model.errors import LakehouseError, UnavailableError
from tui.settings import Settings
from tui.stack.local import ports, processes
from tui.stack.local.layout import Layout, write_private
from tui.stack.local.readiness import require_listening

_CONNECT_S = 0.2


def record(layout: Layout) -> None:
    """Remember from `up` to `down` which folder the stack was started in: a copy is another one."""
    write_private(_file(layout), json.dumps({"home": str(layout.home.resolve()), "inode": _inode(layout)}))


def refuse_moved(layout: Layout) -> None:
    """Raise `LakehouseError` where a stack still runs that was started in this folder under another path."""
    if processes.moved(layout):
        raise LakehouseError(
            f"The home was moved to {layout.home} while its stack ran. That ends by itself within half a minute, or "
            "with `lakehouse-tui down`; then run `lakehouse-tui up`."
        )


def refuse_copied(layout: Layout) -> None:
    """Raise `LakehouseError` where the home is a copy of one whose stack ran: its parts are of different moments."""
    known = state_file.load(_file(layout)) or {}
    origin, inode = known.get("home"), known.get("inode")
    if origin in (None, str(layout.home.resolve())) or inode in (None, _inode(layout)):
        return
    raise LakehouseError(
        f"The home {layout.home} was copied from {origin} while the stack there ran, so its parts are of different "
        "moments; run `lakehouse-tui down` there and copy it again, or empty this one with `down --purge`."
    )


def refuse_others(settings: Settings, layout: Layout) -> None:
    """Raise `LakehouseError` where another home's stack has the ports of this one, whose own is down."""
    if _runs(layout):
        return
    for name in ("kafka_port", "s3_port", "flink_port"):
        port: int = getattr(settings, name)
        holder = ports.holder(port) if _listens(port) else None
        if holder is not None and holder.home is not None and not _same(holder.home, layout.home):
            raise LakehouseError(
                f"Port {port} ({name.replace('_', ' ')}) is that of the lakehouse in {holder.home}, and the one in "
                f"{layout.home} is down; give it ports of its own and run `lakehouse-tui up`, or set LAKEHOUSE_HOME."
            )


def _runs(layout: Layout) -> bool:
    """Whether the home's supervisor lives: a copied or stale file names a process that is none of this home."""
    pid = processes.supervisor_pid(layout)
    try:
        return pid is not None and processes.belongs(psutil.Process(pid), layout)
    except (OSError, ValueError, psutil.Error):
        return False


def _listens(port: int) -> bool:
    try:
        require_listening(port, _CONNECT_S)
    except UnavailableError:
        return False
    return True


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _inode(layout: Layout) -> int:
    return layout.home.stat().st_ino


def _file(layout: Layout) -> Path:
    return layout.run / "place.json"
