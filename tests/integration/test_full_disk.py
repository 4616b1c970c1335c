"""The home's disk is full under load: all say so, nothing is half-written, and with space everything goes on."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import new_settings, until
from tests.integration.terminal import Terminal
from tests.integration.test_demo import command
from tui.settings import Settings
from tui.stack.local import processes
from tui.stack.local.layout import Layout

MOUNT = 'mount -t tmpfs -o size=250m,mode=700 tmpfs "$0" && echo ready && exec sleep infinity'
LOAD = ("--rate", "300", "--late", "0.02", "--bad", "0.02", "--duplicates", "0.02")
FULL = "no space is left for "


class Disk:
    """A home that is a small disk of its own, which only those in its mount namespace see (mount_namespaces(7))."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        settings.home.mkdir()
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", MOUNT, str(settings.home)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self._holder.stdout is not None
        self.able = self._holder.stdout.readline() == "ready\n"
        self.home = Path(f"/proc/{self._holder.pid}/root{settings.home}")

    def command(self, *words: str) -> list[str]:
        """A command that sees the disk."""
        flags = ["--checkpoint-interval", "3"]
        enter = ["nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt", f"--wd={Path.cwd()}"]
        return [*enter, *command(self.settings, *words), *flags]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end; it never shows a traceback, and says what failed in one sentence."""
        done = subprocess.run(self.command(*words), capture_output=True, text=True, check=False, timeout=240)
        assert "Unexpected" not in done.stderr, done.stderr
        assert "Traceback" not in done.stderr + done.stdout
        return done

    def json(self, *words: str) -> Any:
        """What a command answers."""
        return json.loads(self.run(*words, "--json").stdout)

    def fill(self) -> None:
        """Take all of the space that is left."""
        with suppress(OSError), (self.home / "ballast").open("ab", buffering=0) as file:
            while True:
                file.write(bytes(65536))

    def free(self) -> None:
        """Give it back."""
        (self.home / "ballast").unlink()

    def end(self) -> None:
        """Nothing runs any more, and the disk is gone."""
        if self.able:
            self.run("down")
        left = processes.tagged(Layout(self.settings.home))
        processes.end(left, term_wait_s=0)
        self._holder.kill()
        self._holder.communicate()
        assert not left


@pytest.fixture
def disk(tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[Disk]:
    flags = {"iceberg": pytestconfig.getoption("--iceberg"), "s3": pytestconfig.getoption("--s3")}
    try:
        found = Disk(new_settings(tmp_path / "small", **flags))
    except FileNotFoundError:
        pytest.skip("no mount namespace can be made here")
    try:
        if not found.able:
            pytest.skip("no mount namespace can be made here")
        yield found
    finally:
        found.end()


def states(disk: Disk) -> dict[str, str]:
    return {s["name"]: s["state"] for s in disk.json("status")["services"]}


def ready(disk: Disk) -> bool:
    return set(states(disk).values()) == {"ready"}


def committed(disk: Disk) -> tuple[int, int]:
    """Messages in Kafka, and those of them that are committed."""
    partitions = disk.json("lag")["partitions"]
    return sum(p["high"] or 0 for p in partitions), sum(p["committed"] or 0 for p in partitions)


def whole(path: Path) -> object:
    return json.loads(path.read_text())


def settled(disk: Disk) -> bool:
    disk.run("checkpoint")
    high, done = committed(disk)
    return 0 < high == done


def test_a_full_disk_costs_time_and_nothing_else(disk: Disk) -> None:
    for words in (("up",), ("submit",), ("produce", *LOAD), ("checkpoint",)):
        assert disk.run(*words).returncode == 0, words
    wanted = whole(disk.home / "data" / "flink" / "wanted.json")

    disk.fill()
    until(lambda: [disk.fill(), states(disk)["kafka"]][1] in ("backoff", "failed"), "Kafka cannot go on", 180)
    assert FULL in disk.run("status").stdout
    for words in (("cancel",), ("savepoint",), ("produce",), ("checkpoint",), ("verify",), ("lag",)):
        disk.fill()
        done = disk.run(*words)
        assert done.returncode == 1, (words, done.stdout)
        assert len(done.stderr.splitlines()) <= 2, done.stderr
    with Terminal(disk.command(), os.environ, width=240) as term:
        term.until(FULL)
        term.type("q")
        assert term.wait() == 0
    until(lambda: [disk.fill(), states(disk)["kafka"]][1] == "failed", "Kafka has given up", 180)
    refused = disk.run("up")
    assert refused.returncode == 1
    assert FULL.capitalize() in refused.stderr or "No space left on device" in refused.stderr
    for path in (*disk.home.glob("run/*.json"), disk.home / "conf" / "credentials.json", disk.home / "format.json"):
        assert whole(path), path
    assert whole(disk.home / "data" / "flink" / "wanted.json") == wanted
    assert not [*disk.home.glob("run/.*"), *disk.home.glob("run/*.new"), *disk.home.glob("data/flink/.*")]

    disk.free()
    began = time.monotonic()
    until(lambda: ready(disk) and disk.json("status")["job"]["state"] == "RUNNING", "all goes on by itself", 240)
    print(f"all ready {time.monotonic() - began:.0f} s after there is space")
    before = committed(disk)[0]
    until(lambda: committed(disk)[0] > before, "the producer goes on", 120)
    assert disk.run("produce", "--stop").returncode == 0
    until(lambda: settled(disk), "everything is committed", 180)
    told = json.loads((disk.home / "run" / "producer.json").read_text())
    assert (told["state"], told["failed"]) == ("stopped", 0)
    assert told["sent"] == told["acknowledged"] == committed(disk)[0]
    verified = disk.run("verify")
    assert verified.returncode == 0, verified.stdout
