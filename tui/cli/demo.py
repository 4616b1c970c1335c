"""`demo`: the whole path, once, with its times."""

from __future__ import annotations

import signal
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass, field

from tui import bootstrap
from tui.cli.dashboard import on_terminal, open_dashboard
from tui.cli.output import progress, say
from tui.cli.produce import given
from tui.cli.read import print_candles
from tui.cli.verify import show
from tui.core.actions import Action
from tui.model.candles import CandleSet
from tui.model.errors import LakehouseError, UnavailableError, UsageError
from tui.model.stack import Progress, ServiceState
from tui.ports import ProgressSink
from tui.settings import Settings

HISTORY = {"backfill": "2h"}
"""Only into an empty topic: behind newer trades it would be two hours late."""
LEFT_RUNNING = "The lakehouse was up before the demo: it is left running, and so are its producer and job."
COMMIT_TIMEOUT_S = 120.0
SHOWN_PER_SYMBOL = 5


@dataclass(slots=True)
class Times:
    """Seconds since the start, by what was reached."""

    began: float = field(default_factory=time.monotonic)
    reached: dict[str, float] = field(default_factory=dict)

    def mark(self, what: str) -> None:
        """Note that `what` is reached now."""
        self.reached[what] = time.monotonic() - self.began


def demo(settings: Settings, arguments: Namespace) -> int:
    """Up, produce, submit, checkpoint, candles, verify: in the dashboard, or printed.

    `--headless` without `--keep` stops everything at the end.

    A lakehouse that was up before is left running in any case.
    """
    options = given(arguments)
    if "up" not in bootstrap.backend(settings).capabilities():
        raise UsageError("The demo starts a lakehouse of its own, which this backend cannot: choose another --backend.")
    if not arguments.headless and on_terminal():
        return open_dashboard(settings, first=_action(settings, options), record=arguments.record)
    if arguments.record is not None:
        raise UsageError("--record is for the dashboard: it needs a terminal, and no --headless.")
    times = Times()
    ran_before = any(s.state is not ServiceState.STOPPED for s in bootstrap.backend(settings).services())
    try:
        status = _run(settings, options, times)
    except BaseException:
        if ran_before:
            sys.stderr.write(f"{LEFT_RUNNING}\n")
        else:
            _stop(settings)
        raise
    if arguments.headless and not arguments.keep and ran_before:
        say(f"\n{LEFT_RUNNING}")
    elif arguments.headless and not arguments.keep:
        _stop(settings)
        say("\nEverything is stopped; the data stays. `lakehouse-tui demo --headless --keep` leaves it running.")
    else:
        say(f"\nIt keeps running in {settings.home}: trades come in, and the job commits every minute.")
        say("Look again with `lakehouse-tui candles`, `lag`, `snapshots`, `verify`; stop it with `lakehouse-tui down`.")
    return status


def _action(settings: Settings, options: dict[str, str]) -> Action:
    """All of it as the dashboard's first action."""

    def run(sink: ProgressSink) -> str:
        times = Times()
        found = _to_candles(settings, options, times, sink)
        sink(Progress("verify", "every check"))
        failed = [c for c in bootstrap.verify(settings) if not c.ok]
        times.mark("verified")
        if failed:
            raise LakehouseError(
                f"{len(failed)} checks of verify failed: {', '.join(c.name for c in failed)}; press v."
            )
        took_s = times.reached["verified"]
        return (
            f"All of it runs, {len(found.candles)} newest candles are committed, every check passed ({took_s:.0f} s)."
        )

    return Action("demo", "Demo", "stack", run, refreshes=("services", "producer", "jobs", "lag", "live"))


def _run(settings: Settings, options: dict[str, str], times: Times) -> int:
    with progress() as sink:
        found = _to_candles(settings, options, times, sink)
    print_candles(found)
    say("")
    status = show(bootstrap.verify(settings), as_json=False)
    times.mark("verified")
    say("")
    for what, seconds in times.reached.items():
        say(f"{what:<24} {seconds:6.1f} s")
    return status


def _to_candles(settings: Settings, options: dict[str, str], times: Times, sink: ProgressSink) -> CandleSet:
    times.mark(bootstrap.backend(settings).prepare(sink))
    bootstrap.backend(settings).up(sink)
    times.mark("stack ready")
    producer = bootstrap.producer(settings)
    if not producer.runs():
        producer.start({**({} if _written(settings) else HISTORY), **options})
    control = bootstrap.control(settings)
    if control.active_job() is None:
        control.submit(sink)
    times.mark("job running")
    _commit_until(settings, sink, lambda: bool(_candles(settings).candles), "a candle is committed")
    times.mark("first committed candle")
    written = _written(settings)
    _commit_until(settings, sink, lambda: _committed(settings) >= written, "what was written so far is committed")
    times.mark(f"{written:,} messages committed")
    return _candles(settings)


def _candles(settings: Settings) -> CandleSet:
    return bootstrap.clients(settings).lake.candles(None, SHOWN_PER_SYMBOL)


def _written(settings: Settings) -> int:
    return sum(p.high or 0 for p in bootstrap.clients(settings).kafka.lag().partitions)


def _committed(settings: Settings) -> int:
    return sum(p.committed or 0 for p in bootstrap.clients(settings).kafka.lag().partitions)


def _commit_until(settings: Settings, sink: ProgressSink, reached: Callable[[], bool], what: str) -> None:
    """Trigger one checkpoint after the other until `reached`; raises `UnavailableError` where it is not in time."""
    deadline = time.monotonic() + COMMIT_TIMEOUT_S
    while time.monotonic() < deadline:
        bootstrap.control(settings).checkpoint(sink)
        if reached():
            return
    raise UnavailableError(
        f"It took longer than {COMMIT_TIMEOUT_S:.0f} s until {what}; look at `lakehouse-tui logs producer` "
        "and `lakehouse-tui jobs --exceptions`."
    )


def _stop(settings: Settings) -> None:
    """Stop everything; another Ctrl-C meanwhile would only leave processes behind."""
    heard = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with progress() as sink:
            bootstrap.backend(settings).down(sink)
    finally:
        for number, handler in heard.items():
            signal.signal(number, handler)
