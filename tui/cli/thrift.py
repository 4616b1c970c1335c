"""How the dashboard treats processor and memory: it stays open for days, and its keys answer at once."""

from __future__ import annotations

import ctypes
import gc
import os

_ESCAPE_MS = "25"
"""How long an escape may be the beginning of another key; Textual's own 100 ms would hold every escape up."""
_GARBAGE_AFTER = (20_000, 20, 100)
"""Fewer and later collections than Python's own (700, 10, 10): one of everything takes tens of milliseconds."""
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # <malloc.h>
_LARGE = 128 * 1024
_ARENAS = 2


def settle() -> None:
    """Set it for this process; before Textual and Arrow are imported."""
    os.environ.setdefault("ESCDELAY", _ESCAPE_MS)
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # its own keeps what it has freed
    gc.set_threshold(*_GARBAGE_AFTER)
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # not glibc
        return
    mallopt(_M_MMAP_THRESHOLD, _LARGE)  # large buffers go back at once
    mallopt(_M_ARENA_MAX, _ARENAS)  # else each of some thirty threads fills one of its own
