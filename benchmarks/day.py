"""A day of the lakehouse in less than half an hour: what each process takes and each folder holds, from hour to hour.

    uv run python -m benchmarks.day [--hours 24] [--minutes 24] [--rate 200] [--json]

Trades of the last HOURS, RATE a second of their own time with late, bad and duplicate messages among them, are sent in
MINUTES; the job commits as often as it would in those hours (once a minute of theirs), but at most once a second. The
dashboard is open in a terminal, and the keeper and the supervisor watch. At the end `verify` must be true.

Bounded: the last sixth of the day takes no more than a tenth above the sixth after noon. What holds the data itself
grows with it; that is told apart.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks import lab
from benchmarks.terminal import Terminal, terminal
from benchmarks.tui import environment, ours
from tui import bootstrap
from tui.settings import Settings
from tui.stack.local.backend import LocalBackend
from tui.stack.local.layout import Layout
from tui.stack.local.processes import supervisor_pid
from tui.stack.wished import KEEPER

MIB = 2**20
SAMPLES = 144
"""Every ten minutes of a day."""
SLACK = {"MiB": 8.0, "threads": 3.0, "handles": 5.0, "files": 10.0}
"""So much more is nothing: a pool's thread, a rotated log."""
GROWS = ("kafka, MiB", "kafka, files", "tables' data", "tables' metadata", "checkpoints, MiB")
"""With the data: each message is kept, each commit is a snapshot, and the job's state has every candle."""


@dataclass(slots=True)
class Day:
    """What was seen: of each row the values, in order of time."""

    hours: float
    rows: dict[str, list[float]] = field(default_factory=dict)
    messages: int = 0
    commits: int = 0
    wrong: list[str] = field(default_factory=list)

    def note(self, found: Iterable[tuple[str, float]]) -> None:
        """One sample."""
        for label, value in found:
            self.rows.setdefault(label, []).append(value)


def pids(stack: Settings) -> dict[str, int]:
    """The processes of the stack and what watches over them."""
    backend = LocalBackend(stack)
    found = {service.name: service.pid for service in backend.services()}
    keeper = backend.program_status(KEEPER)
    found["keeper"] = keeper.pid if keeper else None
    found["supervisor"] = supervisor_pid(Layout(stack.home))
    return {name: pid for name, pid in found.items() if pid}


def of_processes(known: Mapping[str, int]) -> Iterator[tuple[str, float]]:
    """Memory, threads and open files of each that lives."""
    for name, pid in known.items():
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                found = process.memory_info().rss / MIB, process.num_threads(), process.num_fds()
        except psutil.NoSuchProcess:
            continue
        for unit, value in zip(("MiB", "threads", "handles"), found, strict=True):
            yield f"{name}, {unit}", value


def of_folders(home: Layout) -> Iterator[tuple[str, float]]:
    """Size and number of files of each folder that is written to."""
    flink = home.data / "flink"
    folders = {"logs": home.logs, "run": home.run, "checkpoints": flink / "checkpoints", "flink tmp": flink / "tmp"}
    for name, folder in {**folders, "kafka": home.data / "kafka"}.items():
        yield from _measured(name, folder.rglob("*"))
    for part in ("data", "metadata"):
        yield from _measured(f"tables' {part}", (home.data / "s3").glob(f"**/{part}/**/*"))


def _measured(name: str, paths: Iterable[Path]) -> Iterator[tuple[str, float]]:
    sizes = []
    for path in paths:
        try:
            sizes += [path.stat().st_size] if path.is_file() else []
        except FileNotFoundError:
            continue
    yield f"{name}, MiB", sum(sizes) / MIB
    yield f"{name}, files", len(sizes)


def run(stack: Settings, arguments: argparse.Namespace) -> Day:
    """The day."""
    day = Day(arguments.hours)
    bootstrap.backend(stack).up(lab.silent)
    control = bootstrap.control(stack)
    control.submit(lab.silent)
    subject = ours(stack)
    numbers = [str(number) for number in (arguments.hours, arguments.minutes, arguments.rate)]
    script = str(Path(__file__).with_name("day_feed.py"))
    with terminal(subject.command, subject.env) as dashboard:
        feed = subprocess.Popen(
            [sys.executable, script, stack.kafka, stack.topic, *numbers],
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        try:
            watch(day, stack, dashboard, feed, arguments.minutes * 60 / SAMPLES)
            assert feed.stdout is not None
            day.messages = int(feed.stdout.read() or 0)
            settle(day, stack)
        finally:
            feed.kill()
            feed.wait()
    return day


def watch(day: Day, stack: Settings, dashboard: Terminal, feed: subprocess.Popen[str], every_s: float) -> None:
    """Samples until the feed has ended."""
    home, due = Layout(stack.home), time.monotonic()
    while feed.poll() is None:
        due += every_s
        dashboard.drain(max(0.1, due - time.monotonic()))
        day.note(of_processes({**pids(stack), "dashboard": dashboard.process.pid, "producer": feed.pid}))
        day.note(of_folders(home))


def settle(day: Day, stack: Settings) -> None:
    """Wait until every message is committed, and verify."""
    control, kafka = bootstrap.control(stack), bootstrap.clients(stack).kafka
    deadline = time.monotonic() + 600.0
    while any((p.committed or 0) < (p.high or 0) for p in kafka.lag().partitions):
        if time.monotonic() > deadline:
            day.wrong.append("not everything was committed within 10 minutes")
            return
        control.checkpoint(lab.silent)
    history = control.histories().get("raw_trades")
    day.commits = len(history.snapshots) if history else 0
    day.wrong += [f"{check.name}: {check.actual} {check.detail}" for check in bootstrap.verify(stack) if not check.ok]


def part(values: Sequence[float], begin: float, end: float) -> float:
    """The mean from one share of the day to another."""
    chosen = values[int(begin * len(values)) : max(int(begin * len(values)) + 1, int(end * len(values)))]
    return statistics.mean(chosen)


def verdict(label: str, values: Sequence[float]) -> str:
    """Whether it stayed what it was after noon."""
    if label.startswith(GROWS):
        return "with the data"
    noon, evening = part(values, 1 / 2, 2 / 3), part(values, 5 / 6, 1)
    return "bounded" if evening <= max(1.1 * noon, noon + SLACK[label.rpartition(" ")[2]]) else "GROWS"


def slope(day: Day, values: Sequence[float]) -> float:
    """Growth an hour of the day, by least squares over its second half."""
    late = values[len(values) // 2 :]
    hours = [number * day.hours / len(values) for number in range(len(late))]
    return statistics.linear_regression(hours, late).slope if len(late) > 1 else 0.0


def show(day: Day) -> None:
    """The table."""
    print(f"{day.hours:g} hours: {day.messages:,} messages, {day.commits:,} commits, verify: {day.wrong or 'true'}")
    print(f"{'':<26}{'first hour':>11}{'noon':>9}{'last hour':>11}{'an hour':>10}")
    for label, values in sorted(day.rows.items()):
        hour = 1 / day.hours
        parts = part(values, 0, hour), part(values, 0.5 - hour / 2, 0.5 + hour / 2), part(values, 1 - hour, 1)
        first, noon, last = (f"{value:.1f}" if label.endswith("MiB") else f"{value:.0f}" for value in parts)
        print(f"{label:<26}{first:>11}{noon:>9}{last:>11}{slope(day, values):>+10.2f}  {verdict(label, values)}")


def main() -> None:
    """Run and print; ends with 1 if something grew or is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--minutes", type=float, default=24.0)
    parser.add_argument("--rate", type=float, default=200.0, help="trades a second of their own time")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    interval_s = max(1, round(60 * arguments.minutes / (arguments.hours * 60)))
    with lab.home(checkpoint_interval_s=str(interval_s)) as stack:
        day = run(stack, arguments)
    if arguments.json:
        print(json.dumps({"messages": day.messages, "commits": day.commits, "wrong": day.wrong, **day.rows}))
    else:
        show(day)
    sys.exit(bool(day.wrong) or "GROWS" in {verdict(label, values) for label, values in day.rows.items()})


if __name__ == "__main__":
    main()
