"""`produce`: the background producer of this home, or one in the foreground."""

from __future__ import annotations

import subprocess
from argparse import Namespace

from tui import bootstrap
from tui.cli.output import say
from tui.settings import Settings

OPTIONS = ("rate", "count", "seed", "backfill", "late", "bad", "duplicates")


def produce(settings: Settings, arguments: Namespace) -> int:
    """Start or stop the background producer, or produce here with `--foreground`."""
    producer = bootstrap.producer(settings)
    if arguments.stop:
        stopped = producer.stop()
        say("The producer is stopped." if stopped else "No producer runs.")
        return 0
    options = given(arguments)
    if arguments.foreground:
        return subprocess.run(producer.command(options, background=False), check=False).returncode
    pid = producer.start(options)
    say(f"The producer runs (process {pid}); `lakehouse-tui produce --stop` ends it.")
    return 0


def given(arguments: Namespace) -> dict[str, str]:
    """The producer's options that were given on the command line."""
    return {name: f"{value}" for name in OPTIONS if (value := getattr(arguments, name)) is not None}
