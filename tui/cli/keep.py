"""The keeper as a program that a home's supervisor runs: `python -m tui.cli.keep`; settings come by environment."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tui import bootstrap
from tui.core.control import Control
from tui.core.keeper import Keeper
from tui.model.keeping import Wish
from tui.settings import Settings, load, with_pipeline
from tui.stack.local.home_watch import HomeWatch, supervisor_of
from tui.stack.local.layout import Layout
from tui.stack.wished import KeepingFile

LOOK_S = 1.0


def say(sentence: str) -> None:
    """One line for the log."""
    sys.stdout.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:23] + f"Z INFO  keeper: {sentence}\n")
    sys.stdout.flush()


def control(settings: Settings, wish: Wish | None) -> Control:
    """The actions on the job that `wish` is about, with the settings it was started with."""
    return bootstrap.control(settings if wish is None else with_pipeline(settings, wish.pipeline))


def steady(start: datetime) -> Callable[[], datetime]:
    """A clock that reads `start` now, goes on by itself, and follows no change of the machine's: pauses end in time."""
    began = time.monotonic()
    return lambda: start + timedelta(seconds=time.monotonic() - began)


def watch_home(layout: Layout) -> None:
    """Look after the home's folder beside the job, whose submission takes its time."""
    supervisor = supervisor_of(layout)
    if supervisor is None:
        return
    watch = HomeWatch(layout, supervisor)
    while True:
        sentence = watch.look()
        if sentence is not None:
            say(sentence)
        time.sleep(LOOK_S)


def main() -> None:
    """Look again and again, until the supervisor ends it; then a submission under way ends too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settings = load()
    file = KeepingFile(settings.home)
    file.write(None)
    keeper = Keeper(
        revive=lambda: bootstrap.backend(settings).revive(),
        cluster=bootstrap.flink(settings),
        wish=bootstrap.kit(settings).wish,
        control=lambda wish: control(settings, wish),
        tell=file.write,
        say=say,
        now=steady(datetime.now(UTC)),
        adopts=settings.backend == "compose",  # whose jobs are also started by `flink run` in a container
    )
    threading.Thread(target=watch_home, args=(Layout(settings.home),), daemon=True).start()
    say("watches")
    while True:
        keeper.look()
        time.sleep(LOOK_S)


if __name__ == "__main__":
    main()
