"""Entry point: argv → settings → headless command (or the dashboard)."""

from __future__ import annotations

import sys


def main() -> int:
    """Run one command; returns the exit status (0 done, 1 a check failed, 2 wrong usage, 130 interrupted)."""
    from tui.cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
