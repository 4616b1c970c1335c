"""What the benchmarks share: a stack of their own on free ports, and the CPU time of process trees."""

from __future__ import annotations

import math
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil

from tui import bootstrap, settings
from tui.model.stack import Progress
from tui.resources import resource
from tui.settings import Settings


def silent(step: Progress) -> None:
    """Show nothing."""


def free_ports(count: int) -> list[str]:
    """`count` ports that nobody listens on now."""
    found: set[int] = set()
    while len(found) < count:
        port = random.randrange(11_000, 19_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                found.add(port)
    return [str(port) for port in found]


@contextmanager
def home(**flags: str) -> Iterator[Settings]:
    """Settings of an empty home on free ports; whatever runs in it is stopped and deleted at the end."""
    folder = Path(tempfile.mkdtemp(prefix="lakehouse-bench-"))
    try:
        with kept_home(folder, **flags) as found:
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def kept_home(folder: Path, **flags: str) -> Iterator[Settings]:
    """Settings of the home `folder` on free ports; whatever runs in it is stopped at the end."""
    names = ("kafka_port", "flink_port", "s3_port", "s3_console_port")
    found = settings.load({"home": folder, **dict(zip(names, free_ports(4), strict=True)), **flags}, os.environ)
    try:
        yield found
    finally:
        bootstrap.backend(found).down(silent)


def pipeline(stack: Settings, name: str) -> Settings:
    """A pipeline of its own on a running stack: same topic, another group and database."""
    return replace(stack, group=name, database=name)


def fill_topic(stack: Settings, count: int) -> None:
    """Write `count` trades as fast as it goes."""
    command = [sys.executable, str(resource("producer") / "producer.py"), "--bootstrap", stack.kafka]
    command += ["--topic", stack.topic, "--rate", "0", "--count", str(count), "--seed", "1"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of them does not exceed."""
    return sorted(values)[math.ceil(share * len(values)) - 1] if values else math.nan


def cpu_s(*pids: int) -> float:
    """CPU seconds of the processes, of their living descendants, and of the ended ones that they waited for."""
    total = 0.0
    for pid in pids:
        process = psutil.Process(pid)
        for member in (process, *process.children(recursive=True)):
            try:
                total += sum(member.cpu_times()[:4])
            except psutil.NoSuchProcess:
                continue
    return total
