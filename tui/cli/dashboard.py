"""The dashboard, as the command without a name; on the lakehouse, or on a recording of one."""

from __future__ import annotations

import os
import shlex
import sys
from argparse import Namespace
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from tui import bootstrap
from tui.cli.output import say
from tui.cli.process import end_with_parent
from tui.model.errors import UsageError
from tui.settings import Settings

if TYPE_CHECKING:
    from tui.core.actions import Action
    from tui.view.app import LakehouseApp

SLOWEST, FASTEST = 0.1, 100.0


def dashboard(settings: Settings, arguments: Namespace) -> int:
    """Open it on this terminal; afterwards say what keeps running."""
    if arguments.replay is not None and arguments.record is not None:
        raise UsageError("--record and --replay exclude each other: a recording is there already.")
    if arguments.replay is None and arguments.speed is not None:
        raise UsageError("--speed is for --replay FILE.")
    if not on_terminal():
        raise UsageError("The dashboard needs a terminal; for scripts there are commands: see lakehouse-tui --help.")
    if arguments.replay is not None:
        return replay(settings, arguments.replay, 1.0 if arguments.speed is None else arguments.speed)
    return open_dashboard(settings, read_only=arguments.read_only, record=arguments.record)


def on_terminal() -> bool:
    """Whether there is somebody to look at it: a terminal, or a browser behind `serve`."""
    return _served() or (sys.stdin.isatty() and sys.stdout.isatty())


def _served() -> bool:
    return "TEXTUAL_DRIVER" in os.environ


def open_dashboard(
    settings: Settings, *, read_only: bool = False, first: Action | None = None, record: Path | None = None
) -> int:
    """Run it until it is closed; `first` is done at once, `record` is a new file for what is read."""
    from tui.view import thrift

    thrift.settle()
    from tui.view.app import LakehouseApp

    cockpit = bootstrap.cockpit(settings, read_only=read_only)
    if record is None:
        return _run(LakehouseApp(cockpit, first=first, thrifty=True))
    from tui.view.tape import Tape

    with closing(bootstrap.recorder(settings, record)) as recorder:
        tape = Tape(recorder.note, lambda: recorder.failure, running=True)
        status = _run(LakehouseApp(cockpit, first=first, tape=tape, thrifty=True))
    say(recorder.failure or f"Recorded in {record}; `lakehouse-tui --replay {shlex.quote(str(record))}` plays it.")
    return status


def replay(settings: Settings, path: Path, speed: float) -> int:
    """Play a recording on this terminal."""
    if not SLOWEST <= speed <= FASTEST:
        raise UsageError(f"--speed is {speed:g}, but must be a number from {SLOWEST:g} to {FASTEST:g}.")
    from tui.view import thrift

    thrift.settle()
    from tui.core.player import Player
    from tui.view.replay import ReplayApp

    recording = bootstrap.recording(path)
    cockpit = bootstrap.replay_cockpit(settings, recording.header)
    return _run(ReplayApp(cockpit, Player(recording, speed), thrifty=True))


def _run(app: LakehouseApp) -> int:
    if _served():
        end_with_parent()
    said = app.run()
    if said and not _served():
        say(said)
    return app.return_code or 0
