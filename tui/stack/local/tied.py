"""Runs a program, and ends it with all that it has started when whoever asked for it dies. Standard library only.

Usage: `python -I -S tied.py STARTER PROGRAM ARGUMENT...`, where STARTER is the starter's process id. Its death comes as
a signal by PR_SET_PDEATHSIG of prctl(2), which counts from the end of the thread that started this one. What a program
leaves behind, in a process group of its own too, comes here by PR_SET_CHILD_SUBREAPER. Both are of Linux only.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def main(starter: str, argv: list[str]) -> int:
    """Run the program, unless the starter is dead already; its exit status."""
    signal.signal(signal.SIGTERM, _end_all)
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(starter):
        sys.exit("Who started this program has died.")
    program = os.posix_spawnp(argv[0], argv, os.environ, setsigdef=[signal.SIGTERM])
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == program:
            return os.waitstatus_to_exitcode(status)


def _end_all(number: int, _: FrameType | None) -> None:
    """SIGKILL for every child, and for what each leaves behind, until there is none."""
    with suppress(ChildProcessError):
        while True:
            for child in _children():
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            os.waitpid(-1, 0)
    os._exit(128 + number)


def _children() -> Iterator[int]:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(stat.read_bytes().rpartition(b")")[2].split()[1]) == os.getpid():  # proc(5): state, then parent
                yield int(stat.parent.name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
