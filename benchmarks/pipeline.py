"""How fast 2 million trades are drained into both tables, beside two alternatives, in one run.

    uv run python -m benchmarks.pipeline [--count 2000000] [--json]

- job: the product's job (SQL only), raw_trades + agg_1m + bad_trades, exactly once
- udf: the same job, but messages are judged by a Python function in process mode
- plain: one Python process, confluent-kafka → pyarrow → PyIceberg append, raw trades only, no candles

Time runs from "all tasks run" (plain: process start) until everything is committed. CPU is that of the TaskManager,
the JobManager and their children (plain: of the process). Absolute figures do not travel; the ratios do.
"""

from __future__ import annotations

import argparse
import json
import os
import resource as unix
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import lab
from tui import bootstrap
from tui.core.control import Control
from tui.model.flink import RestorePoint
from tui.settings import Settings
from tui.stack.local import job as local_job
from tui.stack.provision import Provisioned
from tui.stack.pyflink_env import PyFlink, PyFlinkEnvironment
from tui.stack.wished import NoWish

DRAIN_TIMEOUT_S = 900.0


@dataclass(frozen=True)
class Result:
    """One way to drain the topic."""

    name: str
    records_per_s: float
    cpu_s_per_million: float


def pids(stack: Settings) -> list[int]:
    """Flink's two processes."""
    services = bootstrap.backend(stack).services()
    return [s.pid for s in services if s.name in ("jobmanager", "taskmanager") and s.pid]


def drain(name: str, stack: Settings, count: int, jobs: local_job.LocalJobs) -> Result:
    """Submit with `jobs`, wait until all is committed, cancel."""
    clients = bootstrap.clients(stack)
    control = Control(clients.flink, clients.flink, clients.kafka, clients.lake, jobs, NoWish())
    flink = pids(stack)
    job_id = control.submit(lab.silent).job_id
    began, cpu = time.monotonic(), lab.cpu_s(*flink)
    deadline = began + DRAIN_TIMEOUT_S
    while sum(clients.flink.read_offsets(job_id).values()) < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"{name}: not drained within {DRAIN_TIMEOUT_S:.0f} s")
        time.sleep(0.1)
    while (
        sum(h.current.total_records or 0 for t, h in control.histories().items() if t != "agg_1m" and h and h.current)
        < count
    ):
        control.checkpoint(lab.silent)
    seconds, spent = time.monotonic() - began, lab.cpu_s(*flink) - cpu
    control.cancel()
    return Result(name, count / seconds, spent / count * 1e6)


class UdfJobs(local_job.LocalJobs):
    """Submits `benchmarks/udf_job.py` with the environment that can run Python functions."""

    def __init__(self, settings: Settings, environment: PyFlink) -> None:
        super().__init__(settings)
        self._environment = environment

    def program(self, _found: Provisioned) -> list[str]:
        """The benchmark's script and the interpreter with Beam in it."""
        return [str(self._environment.python), str(Path(__file__).resolve().parent / "udf_job.py")]

    def arguments(self, point: RestorePoint | None) -> list[str]:
        """The job's own, and where the workers find Python and Flink's Python runner."""
        python = str(self._environment.python)
        jar = next((self._environment.package / "opt").glob("flink-python*.jar")).as_uri()
        extra = {"python.executable": python, "python.client.executable": python, "pipeline.jars": jar}
        flags = [part for key, value in extra.items() for part in ("--flink-property", f"{key}={value}")]
        return [*super().arguments(point), *flags]


def udf_environment(stack: Settings) -> PyFlink:
    """The environment for Python functions, made now if it is missing."""
    environment = PyFlinkEnvironment(stack.cache, udf=True)
    environment.ensure(lab.silent, threading.Event(), os.environ)
    found = environment.find()
    assert found is not None
    return found


def plain(stack: Settings, count: int) -> Result:
    """The plain consumer."""
    script = Path(__file__).resolve().parent / "plain_consumer.py"
    before = unix.getrusage(unix.RUSAGE_CHILDREN)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(script), stack.kafka, stack.topic, str(count), folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - began
    after = unix.getrusage(unix.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Result("plain", count / seconds, cpu / count * 1e6)


def main() -> None:
    """Run all three and print them with their ratios to the product's job."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=2_000_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with lab.home() as stack:
        bootstrap.backend(stack).up(lab.silent)
        environment = udf_environment(stack)
        lab.fill_topic(stack, arguments.count)
        own, udf = lab.pipeline(stack, "own"), lab.pipeline(stack, "udf")
        results = [drain("job", own, arguments.count, local_job.LocalJobs(own))]
        results.append(drain("udf", udf, arguments.count, UdfJobs(udf, environment)))
        results.append(plain(stack, arguments.count))
    if arguments.json:
        print(json.dumps([asdict(r) for r in results]))
        return
    first = results[0]
    print(f"{arguments.count:,} trades  records/s   CPU s per million   speed, CPU relative to the job")
    for r in results:
        speed, cpu = r.records_per_s / first.records_per_s, r.cpu_s_per_million / first.cpu_s_per_million
        print(f"{r.name:<8} {r.records_per_s:15,.0f} {r.cpu_s_per_million:15.1f} {speed:14.2f}× {cpu:8.2f}×")


if __name__ == "__main__":
    main()
