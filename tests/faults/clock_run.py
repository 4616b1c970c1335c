"""A stack whose clock is moved while it works; for `test_clock.py`, which gives it a clock that can be.

    MOVED_CLOCK=FILE LD_PRELOAD=moved_clock.so python -m tests.faults.clock_run HOME

One JSON line a step: what was done, and what was wrong by then.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.faults.stage import Stage, staged
from tests.integration.conftest import silent
from tests.integration.terminal import Terminal
from tests.integration.test_demo import command
from tui.stack.local import spec

HOUR_S: Final = 3600.0
BACK_S: Final = 1800.0
WITHIN_S: Final = 38.0
"""Less than the minute by which a commit may be older than the newest snapshot."""
_PASSED_ON: Final = ("LD_PRELOAD", "MOVED_CLOCK")


def move(seconds: float) -> None:
    """Set the clock of all processes that have it."""
    with Path(os.environ["MOVED_CLOCK"]).open("r+b") as file:
        (before,) = struct.unpack("q", file.read(8))
        file.seek(0)
        file.write(struct.pack("q", before + int(seconds * 1e9)))


def say(step: str, **found: object) -> None:
    """A line of the report."""
    print(json.dumps({"step": step, "clock": datetime.now(UTC).isoformat(), **found}), flush=True)


def goes_on(stage: Stage, step: str) -> None:
    """Every task runs, and a checkpoint is committed to the tables."""
    recovered_s = stage.recovered(120.0)
    committed = stage.lab.control.checkpoint(silent)
    say(step, recovered_s=round(recovered_s, 1), tables=committed.tables)


def run(stage: Stage) -> None:
    """Forwards, back so far that Iceberg takes no commit, forwards again, and back within its tolerance."""
    stage.new_pipeline("clock")
    stage.load()
    goes_on(stage, "begun")
    pipeline = {f"LAKEHOUSE_{name.upper()}": "clock" for name in ("topic", "group", "database")}
    with Terminal(command(stage.settings), {**os.environ, **pipeline}) as term:
        term.until("4/4 ready", 60.0)
        move(HOUR_S)
        goes_on(stage, "an hour on")
        move(-BACK_S)
        term.until("behind the newest", 90.0)
        term.until("RESTARTING", 90.0)
        say("half an hour back", screen=term.text)
        move(BACK_S)
        goes_on(stage, "set right")
        term.until("job RUNNING", 30.0)
        move(-WITHIN_S)
        goes_on(stage, "a little back")
        say("looked at", screen=term.text)
    say("settled", messages=stage.settle(), wrong=stage.wrong())


def main() -> None:
    """The whole run; it ends by itself."""
    spec._KEPT = (*spec._KEPT, *_PASSED_ON)
    with staged(Path(sys.argv[1]), "1.7.0", "s3proxy") as stage:
        run(stage)


if __name__ == "__main__":
    main()
