"""The main job from the command line, on a home of its own; and its interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import new_settings, silent, until
from tui import bootstrap
from tui.settings import Settings
from tui.stack.local import processes
from tui.stack.local.layout import Layout

HEARS_CTRL_C = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
)
"""Runs a command that hears Ctrl-C even where the tests run in a shell's background, which ignores it."""


@pytest.fixture
def own_home(tmp_path: Path, stack_settings: Settings) -> Iterator[Settings]:
    """A second home beside the session's stack; nothing of it may be left."""
    found = new_settings(tmp_path / "home", iceberg=stack_settings.iceberg, s3=stack_settings.s3)
    yield found
    bootstrap.backend(found).down(silent)


def command(settings: Settings, *arguments: str) -> list[str]:
    ports = ("kafka_port", "flink_port", "s3_port", "s3_console_port", "iceberg", "s3")
    flags = [part for name in ports for part in (f"--{name.replace('_', '-')}", str(getattr(settings, name)))]
    return [sys.executable, "-m", "tui", *arguments, "--home", str(settings.home), *flags]


def run(settings: Settings, *arguments: str, timeout_s: float = 240) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(settings, *arguments), check=False, capture_output=True, text=True, timeout=timeout_s)


def test_demo_ends_well_and_leaves_no_process(own_home: Settings) -> None:
    done = run(own_home, "demo", "--headless", "--backfill", "30m", "--rate", "100", "--seed", "5")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All 8 checks passed." in done.stdout
    for step in ("downloaded", "stack ready", "first committed candle", "verified"):
        assert step in done.stdout
    for symbol in own_home.symbols:
        assert symbol in done.stdout
    assert processes.tagged(Layout(own_home.home)) == []


def test_demo_can_be_kept_and_read_as_json(own_home: Settings) -> None:
    assert run(own_home, "demo", "--headless", "--keep", "--backfill", "10m").returncode == 0
    status = json.loads(run(own_home, "status", "--json").stdout)
    assert [s["state"] for s in status["services"]] == ["ready"] * 4
    assert status["job"]["state"] == "RUNNING"
    assert status["job"]["last_checkpoint"]["id"] >= 1
    assert status["producer"]["state"] == "running"
    lag = json.loads(run(own_home, "lag", "--json").stdout)
    assert [p["partition"] for p in lag["partitions"]] == [0, 1, 2]
    assert all(p["lag_read"] is None or p["lag_read"] >= 0 for p in lag["partitions"])
    candles = json.loads(run(own_home, "candles", "--json", "--symbol", "ETHUSDT", "--limit", "3").stdout)
    assert len(candles["candles"]) == 3
    assert {c["symbol"] for c in candles["candles"]} == {"ETHUSDT"}
    snapshots = json.loads(run(own_home, "snapshots", "agg_1m", "--json").stdout)
    assert snapshots["snapshots"][0]["checkpoint_id"] >= 1
    verified = subprocess.run(
        [sys.executable, "tests/verify_pipeline.py", *command(own_home, "verify", "--json")[4:]],
        check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert json.loads(verified.stdout)["ok"], verified.stdout
    assert run(own_home, "down").returncode == 0
    assert run(own_home, "status").returncode == 1


@pytest.mark.parametrize("awaited", ["kafka: starting", "kafka: ready", "compiling and submitting", "triggered"])
def test_ctrl_c_leaves_no_process_and_a_stack_that_comes_up_again(own_home: Settings, awaited: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HEARS_CTRL_C, *command(own_home, "demo", "--headless")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    said: list[str] = []
    for line in process.stderr:
        said.append(line)
        if awaited in line:
            os.killpg(process.pid, signal.SIGINT)
            break
    rest = process.stderr.read()
    assert process.wait(60) == 130, "".join(said) + rest
    assert "Interrupted." in rest
    until(lambda: not processes.tagged(Layout(own_home.home)), "no process is left", 10)


def test_after_an_interruption_everything_still_adds_up(own_home: Settings) -> None:
    backend = bootstrap.backend(own_home)
    backend.up(silent)
    bootstrap.producer(own_home).start({"rate": "300", "seed": "2", "bad": "0.01"})
    control = bootstrap.control(own_home)
    control.submit(silent)
    control.checkpoint(silent)
    backend.down(silent)
    backend.up(silent)
    done = control.submit(silent)
    assert done.restored is not None
    control.checkpoint(silent)
    failed = [c for c in bootstrap.verify(own_home) if not c.ok]
    assert not failed, failed
