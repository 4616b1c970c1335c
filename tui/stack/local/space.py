"""How much space a home has left, and what gave up while there was none."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tui.model.stack import NO_SPACE

FULL_BYTES = 4 * 1024**2
"""With less than this Kafka, which takes memory from files, cannot go on."""
ENOUGH_BYTES = 32 * 1024**2


def free_bytes(home: Path) -> int | None:
    """Bytes that are left for the home's owner; `None` where the disk does not say."""
    try:
        return shutil.disk_usage(home).free
    except OSError:
        return None


def shortage(home: Path) -> str | None:
    """A sentence without its end where no space is left; `None` where there is some."""
    free = free_bytes(home)
    if free is None or free >= FULL_BYTES:
        return None
    return f"{NO_SPACE} for {home} ({free / 1e6:.1f} MB): free some, then everything goes on"


@dataclass(slots=True)
class Shortage:
    """Remembers that there was no space, until there is enough again."""

    home: Path
    short: bool = False

    def over(self) -> bool:
        """Whether there was too little space, and is enough now; what gave up meanwhile can be started again."""
        free = free_bytes(self.home)
        if free is not None and free < FULL_BYTES:
            self.short = True
        return self.short and free is not None and free >= ENOUGH_BYTES
