"""The processes of a home, found by the tag in their environment, whoever started them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import psutil

from tui.stack.local.layout import Layout
from tui.stack.local.spec import TAG


def tagged(layout: Layout) -> list[psutil.Process]:
    """All living processes of this home except this program itself, also those that knew it by another path."""
    return _found(lambda process: belongs(process, layout))


def moved(layout: Layout) -> list[psutil.Process]:
    """Those that knew this home by another path: it was moved while they ran."""
    return _found(lambda process: _elsewhere(process, process.environ().get(TAG), layout))


def belongs(process: psutil.Process, layout: Layout) -> bool:
    """Whether it is a process of this home; raises `psutil.Error` where it cannot be asked."""
    tag = process.environ().get(TAG)
    return tag == layout.id or _elsewhere(process, tag, layout)


def supervisor_pid(layout: Layout) -> int | None:
    """What the home's supervisor has noted as its own process id; it may be long gone, and the number another's."""
    try:
        return int((layout.run / "supervisord.pid").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def home_of(process: psutil.Process) -> Path | None:
    """The home that it is a process of, as far as it can be asked: the folder in which its stack was started."""
    try:
        return Path(process.cwd()) if TAG in process.environ() else None
    except (psutil.Error, OSError):
        return None


def _elsewhere(process: psutil.Process, tag: str | None, layout: Layout) -> bool:
    """Whether it was started in this home's folder when that had another path."""
    return tag not in (None, layout.id) and Path(process.cwd()).samefile(layout.home)


def _found(wanted: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and wanted(process):
                found.append(process)
        except (psutil.Error, OSError):  # gone, a zombie, or another user's
            continue
    return found


def end(processes: list[psutil.Process], term_wait_s: float) -> None:
    """TERM, then KILL what is left after `term_wait_s`; returns when all are gone."""
    for process in processes:
        _signal(process, kill=term_wait_s <= 0)
    _, left = psutil.wait_procs(processes, timeout=max(term_wait_s, 0))
    for process in left:
        _signal(process, kill=True)
    psutil.wait_procs(left, timeout=5)


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        process.kill() if kill else process.terminate()
    except psutil.Error:
        return
