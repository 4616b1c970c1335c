"""What the keeper sees to beside the job: that the home is where its programs look for it, and the logs in it.

The supervisor holds its logs open. One that was deleted or moved away goes on growing where nobody sees it, and takes
space until the supervisor opens its logs anew (SIGUSR2, its documentation, "Signals").

Programs know the home by its path. Where that leads elsewhere now (the home was moved or deleted), Flink and the S3
server would begin a second tree there, so everything ends; from where the home is now, `up` goes on.

What the supervisor holds is read from Linux's `/proc`; elsewhere lost logs are not seen.
"""

from __future__ import annotations

import os
import signal
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tui.stack.local.layout import Layout
from tui.stack.local.processes import supervisor_pid

REOPENED = "A log was deleted or moved away; the logs are opened anew."
MOVED = "The home was moved or deleted while the stack ran; everything ends. `lakehouse-tui up` goes on where it is."
_File = tuple[int, int]


class HomeWatch:
    """Looks at the home in the working folder, whose supervisor has the process id `supervisor`.

    What is seen once may be a log that is just being rotated: it counts when it is seen twice in a row.
    """

    def __init__(self, layout: Layout, supervisor: int) -> None:
        self._layout = layout
        self._home = layout.home.resolve()
        self._supervisor = supervisor
        self._astray: set[_File] = set()
        self._moved = False

    def look(self) -> str | None:
        """Look once, and mend what is wrong; a sentence where something was done."""
        moved = _elsewhere(self._home)
        if moved and self._moved:
            os.kill(self._supervisor, signal.SIGTERM)
            return MOVED
        self._moved = moved
        astray = set() if moved else _held(self._supervisor) - set(_files(self._layout.logs, "*.log"))
        if not (astray & self._astray and self._writable()):
            self._astray = astray
            return None
        self._astray = set()
        os.kill(self._supervisor, signal.SIGUSR2)
        return REOPENED

    def _writable(self) -> bool:
        """Whether a log can be opened and written: the supervisor does not survive that it cannot."""
        try:
            self._layout.logs.mkdir(mode=0o700, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._layout.logs, buffering=0) as file:
                return file.write(bytes(4096)) == 4096
        except OSError:
            return False


def supervisor_of(layout: Layout) -> int | None:
    """The process id of the supervisor that runs this program; `None` where somebody else has started it."""
    known = supervisor_pid(layout)
    return known if known == os.getppid() else None


def _elsewhere(home: Path) -> bool:
    """Whether the path leads to another folder than the working one, or nowhere."""
    try:
        return not home.samefile(".")
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False  # a network drive that is away says nothing about the home


def _held(pid: int) -> set[_File]:
    """The regular files that a process holds open."""
    return set(_files(Path(f"/proc/{pid}/fd")))


def _files(folder: Path, pattern: str = "*") -> Iterator[_File]:
    for path in folder.glob(pattern):
        try:
            status = path.stat()
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode):
            yield status.st_dev, status.st_ino
