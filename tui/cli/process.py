"""This process: handing the terminal over to another program, ending with a parent."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn


def become(command: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Replace this process by `command` (its program by absolute path): Ctrl-C and the exit status are its own."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and what is ignored stays so
    os.execve(command[0], list(command), dict(environment))


def end_with_parent() -> None:
    """Get SIGTERM when the parent dies, however that goes (Linux only)."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1  # prctl(2)
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM, 0, 0, 0)
        if os.getppid() == 1:
            raise KeyboardInterrupt
