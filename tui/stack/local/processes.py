"""The processes of a home, found by the tag in their environment, whoever started them."""

from __future__ import annotations

import os

import psutil

from tui.stack.local.layout import Layout
from tui.stack.local.spec import TAG


def tagged(layout: Layout) -> list[psutil.Process]:
    """All living processes of this home except this program itself."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(TAG) == layout.id:
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
