"""How the dashboard treats processor and memory: it stays open for days, and its keys answer at once."""

from __future__ import annotations

import ctypes
import gc
import os

_ESCAPE_MS = "10"
"""How long an escape may be the beginning of another key; Textual's own 100 ms would hold every escape up."""
_GARBAGE_AFTER = (2_000, 10, 400)
"""Collections of young objects are short; one of all takes 50 ms and more, so it waits for a quiet moment (`tidy`)."""
_WORTH = 15
"""So many collections of middle-aged objects make one of all worth its time."""
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


def keep() -> None:
    """All that is there stays: collections no longer look at it. For once everything is made."""
    gc.freeze()


def tidy() -> None:
    """Collect garbage where there is enough of it; for moments when nobody waits."""
    if gc.get_count()[2] >= _WORTH:
        gc.collect()
