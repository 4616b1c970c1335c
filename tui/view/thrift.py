"""How the dashboard treats processor and memory: it stays open for days, and its keys answer at once."""

from __future__ import annotations

import ctypes
import gc
import os

_ESCAPE_MS = "10"
"""How long an escape may be the beginning of another key; Textual's own 100 ms would hold every escape up."""
_FRAMES = "250"
"""So many a second at most: what a key changes waits up to a frame after the one before, by Textual's 60 for 17 ms."""
_GARBAGE_AFTER = (30_000, 10, 400)
"""Python collects by itself where so many objects came amid a key; otherwise moments are chosen for it (`tidy`)."""
_YOUNG, _MIDDLE, _OLD = 2_000, 10, 15
"""So many new objects, collections of those, and collections of middle-aged ones make the next one worth its time."""
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # <malloc.h>
_LARGE = 128 * 1024
_ARENAS = 2


def settle() -> None:
    """Set it for this process; before Textual and Arrow are imported."""
    os.environ.setdefault("ESCDELAY", _ESCAPE_MS)
    os.environ.setdefault("TEXTUAL_FPS", _FRAMES)
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


def tidy(*, quiet: bool) -> None:
    """Collect garbage where there is enough of it: a few milliseconds between keys, all of it (50 and more) when it is
    `quiet` and nobody is about to type.
    """
    young, middle, old = gc.get_count()
    if quiet and old >= _OLD:
        gc.collect()
    elif middle >= _MIDDLE:
        gc.collect(1)
    elif young >= _YOUNG:
        gc.collect(0)
