"""What the dashboard costs and how quick it is, beside kaskade (a terminal program for Kafka) on the same broker.

    uv run python -m benchmarks.tui [--minutes 10] [--seconds 60] [--keys 240] [--starts 5] [--json]

Both run in pseudo-terminals of 120×40. Idle: the stack is up, the job runs, no producer. Kaskade refreshes every 5 s
(the shortest it takes) and shows Kafka alone; the dashboard asks Kafka, Flink and S3 every second. A key counts from
when it is typed until the whole frame with its change is there. Frozen: Kafka, Flink and S3 are stopped by SIGSTOP.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uv

from benchmarks import lab
from benchmarks.terminal import Terminal, terminal, watch
from tui import bootstrap
from tui.settings import Settings

KASKADE = "kaskade==5.1.0"
SAMPLE_S = 10.0
FROZEN_S = 12.0
"""How long all services are stopped before keys are typed: every deadline has passed once by then."""
_NOT_FOR_PROGRAMS = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")

Shown = Callable[[str], bool]


def has(*words: str) -> Shown:
    """Whether a frame holds all `words`."""
    return lambda text: all(word in text for word in words)


@dataclass(frozen=True, slots=True)
class Key:
    """A key and how its change looks."""

    name: str
    typed: bytes
    shown: Shown


@dataclass(frozen=True, slots=True)
class Subject:
    """A program, when it shows its first data and all of it, and the keys that are typed in turn."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    first_data: Shown
    all_data: Shown
    keys: tuple[Key, ...]


@dataclass(slots=True)
class Figures:
    """What was measured of one program: seconds, cores, bytes; keys in ms by phase and key."""

    first_paint_s: list[float] = field(default_factory=list)
    first_data_s: list[float] = field(default_factory=list)
    all_data_s: list[float] = field(default_factory=list)
    idle_cores: float = 0.0
    idle_rss: int = 0
    busy_cores: float = 0.0
    keys_ms: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    rss: list[tuple[float, int]] = field(default_factory=list)


def painted(text: str) -> bool:
    """Whether there is something to read."""
    return len("".join(text.split())) >= 40


PANELS = has("─ Kafka", "─ Flink", "─ Iceberg")


def ours(stack: Settings) -> Subject:
    """The installed program on `stack`."""
    flags = [f"--home={stack.home}", f"--kafka-port={stack.kafka_port}", f"--flink-port={stack.flink_port}"]
    flags += [f"--s3-port={stack.s3_port}", f"--s3-console-port={stack.s3_console_port}"]
    program = Path(sys.executable).with_name("lakehouse-tui")
    keys = (
        Key("?", b"?", has("Help:")),
        Key("escape", b"\x1b", PANELS),
        Key("space", b" ", has("PAUSED")),
        Key("space", b" ", lambda text: "DASHBOARD" in text and "PAUSED" not in text),
        Key("t", b"t", PANELS),
        Key(":", b":", has("Search for commands")),
        Key("escape", b"\x1b", PANELS),
        Key("5", b"5", has("LOGS")),
        Key("2", b"2", has("KAFKA")),
        Key("3", b"3", has("FLINK")),
        Key("4", b"4", has("ICEBERG")),
        Key("1", b"1", PANELS),
    )
    return Subject(
        "lakehouse-tui",
        (str(program), *flags),
        environment(),
        has("· trades"),
        has("· trades", "RUNNING", "agg_1m", "4/4 ready"),
        keys,
    )


def kaskade(stack: Settings, folder: Path) -> Subject:
    """Kaskade's view of the broker, in an environment of its own in `folder`."""
    python = folder / "env" / "bin" / "python"
    for step in (("venv", "-q", "env"), ("pip", "install", "-q", "--python", str(python), KASKADE)):
        subprocess.run([uv.find_uv_bin(), *step], check=True, cwd=folder)  # outside of this project's settings
    topics = has("Topics [")
    keys = (
        Key("?", b"?", has("Help —")),
        Key("escape", b"\x1b", topics),
        Key("j", b"j", has("trades")),
        Key("k", b"k", has("trades")),
    )
    command = (str(python.with_name("kaskade")), "admin", "-b", stack.kafka, "--refresh-interval", "5")
    data = has("trades", "≈")
    return Subject("kaskade", command, {**environment(), "HOME": str(folder)}, data, data, keys)


def environment() -> dict[str, str]:
    """The environment of a user, who has Python keep what it compiles."""
    return {name: value for name, value in os.environ.items() if name not in _NOT_FOR_PROGRAMS}


def start(subject: Subject, figures: Figures) -> None:
    """Open it once and note when it shows something, data, and all data."""
    with terminal(subject.command, subject.env) as opened:
        figures.first_paint_s.append(opened.wait(painted, 30.0) - opened.started_at)
        figures.first_data_s.append(opened.wait(subject.first_data, 30.0) - opened.started_at)
        figures.all_data_s.append(opened.wait(subject.all_data, 30.0) - opened.started_at)


def press(opened: Terminal, subject: Subject, count: int) -> list[tuple[str, float]]:
    """Type the keys in turn until there are `count`, at odd moments; ms from the key to the frame with its change."""
    took: list[tuple[str, float]] = []
    moments = random.Random(1)
    while len(took) < count:
        for key in subject.keys:
            opened.drain(moments.uniform(0.1, 0.3))
            sent_at = opened.send(key.typed)
            took.append((key.name, (opened.wait(key.shown, 15.0, key.name) - sent_at) * 1000))
    return took


@contextmanager
def frozen(stack: Settings) -> Iterator[None]:
    """All four services stopped by SIGSTOP; they go on at the end."""
    pids = [service.pid for service in bootstrap.backend(stack).services() if service.pid]
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def measure(stack: Settings, subjects: list[Subject], arguments: argparse.Namespace) -> list[Figures]:
    """Everything, the programs taking turns or side by side."""
    found = [Figures() for _ in subjects]
    for turn in range(arguments.starts + 1):
        for subject, figures in zip(subjects, found, strict=True):
            start(subject, figures if turn else Figures())  # the first one warms the caches
    with terminal(subjects[0].command, subjects[0].env) as own, terminal(subjects[1].command, subjects[1].env) as other:
        opened = (own, other)
        watch(opened, 10.0)
        for cost, figures in zip(watch(opened, arguments.seconds), found, strict=True):
            figures.idle_cores, figures.idle_rss = cost.cores, cost.rss_bytes
        producer = bootstrap.producer(stack)
        producer.start({"rate": "50"})
        watch(opened, 10.0)
        for cost, figures in zip(watch(opened, arguments.seconds), found, strict=True):
            figures.busy_cores = cost.cores
        press_all(opened, subjects, found, arguments.keys, "healthy")
        with frozen(stack):
            watch(opened, FROZEN_S)
            press_all(opened, subjects, found, arguments.keys, "frozen")
        caught_up(stack, opened)
        producer.stop()
        producer.start({"rate": "1000"})
        flat(opened, found, arguments.minutes * 60)
        producer.stop()
    return found


def caught_up(stack: Settings, opened: tuple[Terminal, ...]) -> None:
    """Kafka takes in messages again after it stood still: one that is stopped before would have to give up some."""
    producer, before = bootstrap.producer(stack), None
    while True:
        status = producer.status()
        assert status is not None, "the producer is away"
        if before is not None and (status.sent or 0) > before:
            return
        before = status.sent
        watch(opened, 2.0)


def press_all(
    opened: tuple[Terminal, ...], subjects: list[Subject], found: list[Figures], count: int, phase: str
) -> None:
    """The keys of each program; the other one is only looked after."""
    for one, subject, figures in zip(opened, subjects, found, strict=True):
        figures.keys_ms[phase] = press(one, subject, count)
        watch(opened, 0.5)


def flat(opened: tuple[Terminal, ...], found: list[Figures], seconds: float) -> None:
    """Resident memory over time."""
    began_at = time.monotonic()
    while (passed_s := time.monotonic() - began_at) < seconds:
        for cost, figures in zip(watch(opened, min(SAMPLE_S, seconds / 12)), found, strict=True):
            figures.rss.append((passed_s, cost.rss_bytes))


def slope(rss: list[tuple[float, int]]) -> float:
    """Bytes a minute, by least squares over all but the first tenth."""
    late = rss[len(rss) // 10 :]
    return statistics.linear_regression([s / 60 for s, _ in late], [b for _, b in late]).slope


def percentile(values: list[float], part: float) -> float:
    """The value that `part` of them do not exceed."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


MIB = 2**20
Row = tuple[str, str, Callable[[Figures], float]]


def keys(phase: str, part: float) -> Callable[[Figures], float]:
    """A percentile of the keys of a phase."""
    return lambda figures: percentile([ms for _, ms in figures.keys_ms[phase]], part)


ROWS: tuple[Row, ...] = (
    ("first paint, s", "< 1", lambda f: statistics.median(f.first_paint_s)),
    ("first data, s", "", lambda f: statistics.median(f.first_data_s)),
    ("data in every panel, s", "", lambda f: statistics.median(f.all_data_s)),
    ("idle, % of a core", "< 2", lambda f: f.idle_cores * 100),
    ("idle, resident MiB", "< 150", lambda f: f.idle_rss / MIB),
    ("50 trades/s, % of a core", "", lambda f: f.busy_cores * 100),
    ("key to paint, p50 ms", "", keys("healthy", 0.5)),
    ("key to paint, p99 ms", "< 33", keys("healthy", 0.99)),
    ("all frozen: p50 ms", "", keys("frozen", 0.5)),
    ("all frozen: p99 ms", "< 33", keys("frozen", 0.99)),
    ("1,000/s: first MiB", "", lambda f: statistics.median(b for _, b in f.rss[:6]) / MIB),
    ("1,000/s: last MiB", "", lambda f: statistics.median(b for _, b in f.rss[-6:]) / MIB),
    ("1,000/s: MiB a minute", "~ 0", lambda f: slope(f.rss) / MIB),
)


def show(subjects: list[Subject], found: list[Figures]) -> None:
    """The table, and our keys one by one."""
    print(f"{'':<26}" + "".join(f"{s.name:>15}" for s in subjects) + f"{'ratio':>8}  wanted")
    for label, wanted, value in ROWS:
        own, other = (value(figures) for figures in found)
        ratio = f"{own / other:.2f}" if other > 0 and label != ROWS[-1][0] else ""
        print(f"{label:<26}{own:15.2f}{other:15.2f}{ratio:>8}  {wanted}".rstrip())
    for phase, pressed in found[0].keys_ms.items():
        print(f"\n{phase}: key, p50 and worst of our keys, ms")
        for name in dict.fromkeys(name for name, _ in pressed):
            took = [ms for n, ms in pressed if n == name]
            print(f"  {name:<8}{statistics.median(took):7.1f}{max(took):7.1f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="of 1,000 trades a second")
    parser.add_argument("--seconds", type=float, default=60.0, help="of idling, and of 50 trades a second")
    parser.add_argument("--keys", type=int, default=240, help="a program and phase")
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, lab.home() as stack:
        other = kaskade(stack, Path(folder))
        bootstrap.backend(stack).up(lab.silent)
        lab.fill_topic(stack, 2000)
        control = bootstrap.control(stack)
        control.submit(lab.silent)
        control.checkpoint(lab.silent)
        subjects = [ours(stack), other]
        found = measure(stack, subjects, arguments)
    if arguments.json:
        print(json.dumps({s.name: {r[0]: r[2](f) for r in ROWS} for s, f in zip(subjects, found, strict=True)}))
        return
    show(subjects, found)


if __name__ == "__main__":
    main()
