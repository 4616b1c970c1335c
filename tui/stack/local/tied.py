"""Ties a program to the process that starts it, then becomes it: SIGKILL when that one dies. Standard library only.

Usage: `python -I -S tied.py STARTER PROGRAM ARGUMENT...`, where STARTER is the starter's process id. The tie is
PR_SET_PDEATHSIG of prctl(2), on Linux only: it is kept across execve, and counts from the end of the thread that
started it.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(starter: str, argv: list[str]) -> None:
    """Tie this process, unless the starter is dead already, and execute the program."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(starter):
        sys.exit("Who started this program has died.")
    os.execvp(argv[0], argv)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
