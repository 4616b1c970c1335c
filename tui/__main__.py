"""Entry point: argv → settings → headless command (or the dashboard)."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Run one command and end with its status (0 done, 1 a check failed, 2 wrong usage, 130 interrupted).

    Ends without tearing the interpreter down: librdkafka and Arrow join their threads there, which waits for ever
    on a broker that has just gone away. All that matters is closed by then. SIGTERM is heard as Ctrl-C.
    """
    try:
        signal.signal(signal.SIGTERM, _interrupt)
        from tui.cli import run

        status = run(sys.argv[1:])
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except KeyboardInterrupt:
        sys.stderr.write("lakehouse-tui: Interrupted.\n")
        status = 130
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
    os._exit(status)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
