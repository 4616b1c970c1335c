"""Time from kill -9 to a job that runs again, beside Flink's stock options on the same supervised stack.

    uv run python -m benchmarks.recovery [--taskmanager 20] [--jobmanager 20] [--stock 20] [--json]

A producer writes 300 messages a second and the job commits every 5 s. Each kill strikes at a random moment once the
job has committed again since the one before. A killed TaskManager counts until all tasks run after a restart; a killed
JobManager, with which the job is lost, until the job that the keeper submits has all its tasks running. Stock:
heartbeats, registration, slots and restarts as Flink ships them; the supervisor still starts the TaskManager again, and
the JobManager is not killed, because nothing would bring the job back. Absolute figures do not travel; the ratio does.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks import lab
from tui import bootstrap
from tui.model.errors import LakehouseError
from tui.model.flink import JobDetail
from tui.settings import Settings
from tui.stack import options
from tui.stack.local.backend import LocalBackend

TUNED = ("heartbeat.", "cluster.registration.", "resourcemanager.standalone.", "restart-strategy.")
"""The options that decide how soon a loss is noticed and mended."""
POLL_S = 0.05
LONGEST_S = 300.0
LOAD = {"rate": "300", "late": "0.01", "duplicates": "0.01", "seed": "1"}


@contextmanager
def flink_options(*, stock: bool) -> Iterator[None]:
    """Have the next `up` write these options; REST answers are never older than 0.1 s, else they would blur times."""
    ours = dict(options.FLINK)
    options.FLINK["web.refresh-interval"] = 100
    if stock:
        for name in ours:
            if name.startswith(TUNED):
                del options.FLINK[name]
    try:
        yield
    finally:
        options.FLINK.clear()
        options.FLINK.update(ours)


class Bench:
    """A stack with a job under load, and kills on it."""

    def __init__(self, stack: Settings) -> None:
        self._stack = stack
        self._backend = LocalBackend(stack)
        self._chance = random.Random(1)

    def start(self) -> None:
        """Stack, producer and job."""
        self._backend.up(lab.silent)
        bootstrap.producer(self._stack).start(LOAD)
        bootstrap.control(self._stack).submit(lab.silent)
        self._committed_again()

    def kills(self, service: str, count: int) -> list[float]:
        """Seconds until the job ran again, of each kill."""
        return [self._kill(service) for _ in range(count)]

    def _kill(self, service: str) -> float:
        before = self._committed_again()
        time.sleep(self._chance.uniform(0.0, 5.0))
        program = self._backend.program_status(service)
        assert program is not None
        assert program.pid is not None
        killed_at = time.monotonic()
        os.kill(program.pid, signal.SIGKILL)

        def back(job: JobDetail) -> bool:
            again = job.summary.id != before.summary.id or job.running_since != before.running_since
            return again and job.summary.whole

        self._until(back, f"the job runs after {service} was killed")
        return time.monotonic() - killed_at

    def _committed_again(self) -> JobDetail:
        """The job, once it runs and has completed two checkpoints since it last began to."""
        began: dict[str, int] = {}

        def twice(job: JobDetail) -> bool:
            if not job.summary.whole:
                began.clear()
                return False
            return job.checkpoints.completed >= began.setdefault(job.summary.id, job.checkpoints.completed) + 2

        return self._until(twice, "the job commits")

    def _until(self, condition: Callable[[JobDetail], bool], what: str) -> JobDetail:
        control, flink = bootstrap.control(self._stack), bootstrap.clients(self._stack).flink
        deadline = time.monotonic() + LONGEST_S
        while time.monotonic() < deadline:
            try:
                active = control.active_job()
                job = None if active is None else flink.job(active.id)
            except LakehouseError:
                job = None
            if job is not None and condition(job):
                return job
            time.sleep(POLL_S)
        raise SystemExit(f"{what}: not within {LONGEST_S:g} s")


def measured(kills: dict[str, int], *, stock: bool) -> dict[str, list[float]]:
    """The times of each service's kills, on a stack of its own."""
    with flink_options(stock=stock), lab.home(checkpoint_interval_s="5") as stack:
        bench = Bench(stack)
        bench.start()
        return {service: bench.kills(service, count) for service, count in kills.items() if count}


def main() -> None:
    """Run ours, then stock, and print both."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--taskmanager", type=int, default=20, help="kills")
    parser.add_argument("--jobmanager", type=int, default=20, help="kills")
    parser.add_argument("--stock", type=int, default=20, help="kills of the TaskManager under stock options")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    ours = measured({"taskmanager": arguments.taskmanager, "jobmanager": arguments.jobmanager}, stock=False)
    stock = measured({"taskmanager": arguments.stock}, stock=True) if arguments.stock else {}
    times = {**ours, **{f"{name}, stock": values for name, values in stock.items()}}
    if arguments.json:
        print(json.dumps(times))
        return
    for name, values in times.items():
        p50, p95 = statistics.median(values), lab.percentile(values, 0.95)
        print(f"{name:<20} {len(values):3} kills: p50 {p50:5.1f} s, p95 {p95:5.1f} s, longest {max(values):5.1f} s")


if __name__ == "__main__":
    main()
