"""`produce`: the background producer of this home, or one in the foreground."""

from __future__ import annotations

import math
import os
import re
from argparse import Namespace

from tui import bootstrap
from tui.cli.output import say
from tui.cli.process import become
from tui.model.errors import UsageError
from tui.settings import Settings

OPTIONS = ("rate", "count", "seed", "backfill", "late", "bad", "duplicates")
SHARES = ("late", "bad", "duplicates")


def produce(settings: Settings, arguments: Namespace) -> int:
    """Start or stop the background producer, or produce here with `--foreground`."""
    producer = bootstrap.producer(settings)
    if arguments.stop:
        acknowledged = producer.stop()
        if acknowledged is None:
            say("No producer runs.")
        else:
            say(f"The producer is stopped; {acknowledged:,} messages were acknowledged.")
        return 0
    options = given(arguments)
    if arguments.foreground:
        become(producer.command(options, background=False), os.environ)
    pid = producer.start(options)
    say(f"The producer runs (process {pid}); `lakehouse-tui produce --stop` ends it.")
    return 0


def given(arguments: Namespace) -> dict[str, str]:
    """The producer's options that were given on the command line; raises `UsageError` for what it would refuse."""
    if arguments.rate is not None and not 0 <= arguments.rate < math.inf:
        raise UsageError(f"--rate is {arguments.rate:g}, but must be a number from 0 up.")
    if arguments.backfill is not None and not re.fullmatch(r"\d+(\.\d+)?[smhd]", arguments.backfill, re.ASCII):
        raise UsageError(f"--backfill is {arguments.backfill!r}, but must be a duration such as 90s, 30m or 2h.")
    shares = {name: value for name in SHARES if (value := getattr(arguments, name)) is not None}
    for name, value in shares.items():
        if not 0 <= value <= 1:
            raise UsageError(f"--{name} is {value:g}, but must be a share from 0 to 1.")
    if sum(shares.values()) > 1 + 1e-9:
        raise UsageError(f"{', '.join(f'--{name}' for name in shares)} must be no more than 1 together.")
    return {name: f"{value}" for name in OPTIONS if (value := getattr(arguments, name)) is not None}
