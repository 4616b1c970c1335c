"""What the last hour of candles of one symbol costs, after a day of commits and after an hour of them.

    uv run python -m benchmarks.candles [--day 1440] [--hour 60] [--commits 24] [--home FOLDER [--build]]

The table is written by the product's job on a real Flink, with equality and position deletes. It is then read as it was
after an hour and after a day of commits, and after each of some more, the same for every reader:

- ours, S3: the dashboard's reader by way of the S3 server
- ours: the same on the table's folder, as the others read it
- DuckDB: `iceberg_scan` on the folder
- Flink: batch SQL on the running cluster, on the folder; without the start of its client

Cold is the first answer of a new process, without and with its start and imports. Same is asking again while nothing
has changed, new is asking after one more commit. DuckDB and Flink are told which minute is the newest; ours finds it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks import lab
from benchmarks.candle_tables import Growing, Replay, commits, warehouse_folder
from tui import bootstrap
from tui.settings import Settings
from tui.stack.local import client_jvm, credentials, flink, spec
from tui.stack.local.layout import Layout
from tui.stack.provision import provisioned

SETTLE_S = 1.1
"""The dashboard's interval; after two of them an unchanged table is known to be one."""
OURS, OURS_S3, DUCKDB, FLINK = "ours", "ours, S3", "DuckDB", "Flink"
_COLD = {OURS_S3: 9, OURS: 9, DUCKDB: 3, FLINK: 1}
_SAME = {OURS_S3: 200, OURS: 200, DUCKDB: 5, FLINK: 3}
_EVERY = {OURS_S3: 1, OURS: 1, DUCKDB: 3, FLINK: 8}
"""After how many commits each is asked."""


class Reader:
    """A reader in a process of its own."""

    def __init__(self, command: Sequence[str], wanted: Mapping[str, Any], env: Mapping[str, str]) -> None:
        self._began = time.perf_counter()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=dict(env)
        )
        self._say(json.dumps(dict(wanted)))
        self._hear()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise SystemExit(f"{self._process.args}: it ended")

    def read(self, newest: int) -> dict[str, Any]:
        """Ask once."""
        self._say(str(newest))
        answer = self._hear()
        answer["since_start_ms"] = (time.perf_counter() - self._began) * 1e3
        return answer

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@dataclass(slots=True)
class Figures:
    """What one reader took on one table: times in ms, objects a refresh, resident bytes, wrong answers."""

    cold: list[float] = field(default_factory=list)
    cold_with_start: list[float] = field(default_factory=list)
    cold_objects: tuple[int, int] = (0, 0)
    same: list[float] = field(default_factory=list)
    same_objects: list[tuple[int, int]] = field(default_factory=list)
    new: list[float] = field(default_factory=list)
    new_objects: list[tuple[int, int]] = field(default_factory=list)
    cpu: dict[str, list[float]] = field(default_factory=lambda: {"cold": [], "same": [], "new": []})
    rss: int = 0
    asked: int = 0
    wrong: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """One table and how each reader is started on it."""

    replay: Replay

    @contextmanager
    def reader(self, name: str) -> Iterator[Reader]:
        """One of the readers, until the end of the block."""
        opened = self._open(name)
        try:
            yield opened
        finally:
            opened.close()

    def _open(self, name: str) -> Reader:
        stack, folder = self.replay.settings, self.replay.folder
        program = [sys.executable, "-m", "benchmarks.candle_reader"]
        if name == OURS_S3:
            keys = credentials.load(Layout(stack.home))
            assert keys is not None
            s3 = {"endpoint": stack.s3_endpoint, "access_key": keys.s3_access_key, "secret_key": keys.s3_secret_key}
            place = {"warehouse": stack.warehouse, "database": stack.database, "s3": s3}
            return Reader([*program, "ours"], place, os.environ)
        if name == OURS:
            place = {"warehouse": str(folder.parent.parent), "database": stack.database, "s3": None}
            return Reader([*program, "ours"], place, os.environ)
        if name == DUCKDB:
            return Reader([*program, "duckdb"], {"folder": str(folder)}, os.environ)
        found = provisioned(stack)
        assert found is not None
        layout = Layout(stack.home)
        jvm = client_jvm.environment(stack.cache, found, layout.flink_home / "lib")
        own = {**flink.client_environment(layout, found), **jvm, "_python_worker_execution_mode": "process"}
        env = spec.environment(layout, own)
        wanted = {"flink_port": stack.flink_port, "database": stack.database}
        wanted |= {"warehouse_folder": warehouse_folder(stack).as_uri()}
        return Reader([str(found.flink_python), str(Path(__file__).with_name("flink_reader.py"))], wanted, env)


def measure(table: Table, names: Sequence[str], count: int) -> dict[str, Figures]:
    """All readers on one table: cold, asked again, asked after each of so many commits."""
    figures = {name: Figures() for name in names}
    with table.reader(OURS_S3) as judge:
        truth = judge.read(0)["rows"]
    newest = truth[-1][0]
    for name in names:
        for _ in range(_COLD[name]):
            with table.reader(name) as reader:
                cold(figures[name], reader.read(newest), truth)
    with ExitStack() as opened:
        readers = {name: opened.enter_context(table.reader(name)) for name in names}
        settle([readers[name] for name in (OURS_S3, OURS)])
        for name, reader in readers.items():
            for _ in range(_SAME[name]):
                answer = reader.read(newest)
                figures[name].same.append(answer["ms"])
                figures[name].cpu["same"].append(answer["cpu_ms"])
                figures[name].same_objects.append((answer["read"], answer["looked"]))
                judged(figures[name], answer, truth)
        for number in range(count):
            after_commit(table, readers, figures, number)
    return figures


def cold(figures: Figures, answer: Mapping[str, Any], truth: Sequence[Any]) -> None:
    """Take up a first answer."""
    figures.cold.append(answer["ms"])
    figures.cpu["cold"].append(answer["cpu_ms"])
    figures.cold_with_start.append(answer["since_start_ms"])
    figures.cold_objects = (answer["read"], answer["looked"])
    judged(figures, answer, truth)


def settle(readers: Sequence[Reader]) -> None:
    """Ask as the dashboard does, until the table is known to be unchanged."""
    for number in range(3):
        time.sleep(SETTLE_S if number else 0)
        for reader in readers:
            reader.read(0)


def after_commit(table: Table, readers: Mapping[str, Reader], figures: Mapping[str, Figures], number: int) -> None:
    """One more commit; ask those whose turn it is, then let all settle."""
    table.replay.step()
    answer = readers[OURS_S3].read(0)
    truth, newest = answer["rows"], answer["rows"][-1][0]
    for name, reader in readers.items():
        if name != OURS_S3 and (number + 1) % _EVERY[name]:
            continue
        own = answer if name == OURS_S3 else reader.read(newest)
        figures[name].new.append(own["ms"])
        figures[name].cpu["new"].append(own["cpu_ms"])
        figures[name].new_objects.append((own["read"], own["looked"]))
        figures[name].rss = own["rss"]
        judged(figures[name], own, truth)
    settle([readers[name] for name in (OURS_S3, OURS)])


def judged(figures: Figures, answer: Mapping[str, Any], truth: Sequence[Any]) -> None:
    """Count the answer, and whether its rows are others than ours."""
    figures.asked += 1
    figures.wrong += answer["rows"] != truth


def show(count: int, figures: Mapping[str, Figures]) -> None:
    """One table's lines."""
    print(f"\n{count:,} commits       cold p50    p95  +start   same p50    p95    new p50    p95    MiB  other rows")
    for name, f in figures.items():
        same, new = ([lab.percentile(v, 0.5), lab.percentile(v, 0.95)] for v in (f.same, f.new))
        print(
            f"{name:<12} {lab.percentile(f.cold, 0.5):15,.0f} {lab.percentile(f.cold, 0.95):6,.0f} "
            f"{lab.percentile(f.cold_with_start, 0.5):7,.0f} {same[0]:10,.1f} {same[1]:6,.1f} "
            f"{new[0]:10,.1f} {new[1]:6,.1f} {f.rss / 2**20:6,.0f}  {f.wrong} of {f.asked}"
        )
    f = figures[OURS_S3]
    told = [f"cold {f.cold_objects[0]} ({f.cold_objects[1]})"]
    for kind, objects in (("same", f.same_objects), ("new", f.new_objects)):
        reads, looks = (statistics.median(column) for column in zip(*objects, strict=True))
        told.append(f"{kind} {reads:.0f} ({looks:.0f}), at most {max(read for read, _ in objects)}")
    print(f"objects read (and looked at) by ours: {'; '.join(told)}. Slowest after a commit: {max(f.new):.0f} ms.")
    cpu = ", ".join(f"{kind} {statistics.median(values):.1f}" for kind, values in f.cpu.items())
    print(f"CPU of ours, ms (median): {cpu}.")


def verdicts(hour: Mapping[str, Figures], day: Mapping[str, Figures]) -> None:
    """What is wanted, and what was found."""
    ours = day[OURS_S3]
    print()
    print(f"warm p95 after a commit, ms          {lab.percentile(ours.new, 0.95):8.1f}  wanted <= 50")
    print(f"cold p95, ms                         {lab.percentile(ours.cold, 0.95):8.0f}  wanted <= 1,000")
    for kind in ("same", "new"):
        small, large = (statistics.median(getattr(f[OURS_S3], kind)) for f in (hour, day))
        print(f"day beside hour, {kind:<4} (p50)          {large / small:9.2f}  wanted <= 1.2")
        for other in (DUCKDB, FLINK):
            if other in day and getattr(day[other], kind):
                ratio = statistics.median(getattr(day[other], kind)) / statistics.median(getattr(day[OURS], kind))
                print(f"{other} beside ours, folder, {kind:<4}     {ratio:11.1f}  wanted >= 5")


def built(stack: Settings, name: str, count: int) -> Settings:
    """The pipeline of a table with at least `count` commits, written now if it is not there."""
    own = replace(stack, database=name)
    if commits(own) >= count:
        return own
    growing = Growing(stack, name, count)
    began = time.monotonic()
    growing.grow(count)
    growing.control.cancel()
    print(f"{name}: {count:,} commits by Flink in {time.monotonic() - began:.0f} s", flush=True)
    return growing.settings


def main() -> None:
    """Write both tables, let every reader read both, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--day", type=int, default=1_440, help="commits of the larger table")
    parser.add_argument("--hour", type=int, default=60, help="commits of the smaller table")
    parser.add_argument("--commits", type=int, default=24, help="commits that are put back one by one")
    parser.add_argument("--home", type=Path, help="a home that is kept: what was built in it is not built again")
    parser.add_argument("--build", action="store_true", help="only build")
    arguments = parser.parse_args()
    names = (OURS_S3, OURS, DUCKDB, FLINK)
    found: dict[str, dict[str, Figures]] = {}
    with lab.kept_home(arguments.home) if arguments.home else lab.home() as stack:
        bootstrap.backend(stack).up(lab.silent)
        written = built(stack, "written", arguments.day + arguments.commits)
        if arguments.build:
            return
        for name in ("hour", "day"):
            table = Table(Replay(written, name, getattr(arguments, name)))
            found[name] = measure(table, names, arguments.commits)
            show(getattr(arguments, name), found[name])
    verdicts(found["hour"], found["day"])


if __name__ == "__main__":
    main()
