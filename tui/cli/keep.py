"""The keeper as a program that a home's supervisor runs: `python -m tui.cli.keep`; settings come by environment."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from tui import bootstrap
from tui.core.keeper import Keeper
from tui.settings import Settings, load

LOOK_S = 1.0


class WantedFile:
    """The id of the wanted job in a file of the home, which `down` removes."""

    def __init__(self, settings: Settings) -> None:
        self._path: Path = settings.home / "run" / "wanted.json"

    def wanted(self) -> str | None:
        """The id of the job that is to run."""
        try:
            return self._path.read_text(encoding="utf-8").strip() or None
        except OSError:
            return None

    def want(self, job_id: str | None) -> None:
        """Remember it."""
        self._path.write_text(f"{job_id or ''}\n", encoding="utf-8")


def say(sentence: str) -> None:
    """One line for the log."""
    sys.stdout.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:23] + f"Z INFO  keeper: {sentence}\n")
    sys.stdout.flush()


def main() -> None:
    """Look again and again, until the supervisor ends it."""
    settings = load()
    keeper = Keeper(
        revive=lambda: bootstrap.backend(settings).revive(),
        jobs=bootstrap.control(settings).flink.jobs,
        control=lambda: bootstrap.control(settings),
        memory=WantedFile(settings),
        say=say,
    )
    say("watches")
    while True:
        keeper.look()
        time.sleep(LOOK_S)


if __name__ == "__main__":
    main()
