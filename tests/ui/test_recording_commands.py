"""`--record` and `--replay` as commands in a terminal, on a home where nothing was ever started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.terminal import Terminal
from tui.clients.recording_file import load

PORTS = ("--kafka-port", "27091", "--flink-port", "27092", "--s3-port", "27093")


def command(*arguments: str, home: Path) -> list[str]:
    return [sys.executable, "-m", "tui", "--home", str(home), *PORTS, *arguments]


def terminal(*arguments: str, home: Path) -> Terminal:
    return Terminal(command(*arguments, home=home), os.environ)


def test_what_is_recorded_is_played_without_the_home(tmp_path: Path) -> None:
    home, file = tmp_path / "a home", tmp_path / "a recording.jsonl.gz"
    with terminal("--record", str(file), home=home) as recording:
        recording.until("● REC")
        recording.until("○ stopped")
        recording.until("u  start Kafka, S3 and Flink|Kafka is stopped")
        recording.type("q")
        assert recording.wait() == 0
        assert "".join(f"--replay '{file}'` plays it".split()) in "".join(recording.output.decode().split())
    found = load(file)
    assert found.cut is None
    assert found.header.home == "$LAKEHOUSE_HOME"
    assert str(home) not in str(found)
    assert {r.source for r in found.readings} >= {"services", "display"}
    with terminal("--replay", str(file), "--speed", "0.5", home=tmp_path / "other") as played:
        played.until("REPLAY .*×0.5")
        played.until("○ stopped")
        played.type("u")
        played.until("This is a recording: nothing can be started")
        played.type("q")
        assert played.wait() == 0
        assert "Still running" not in played.text
    assert not (tmp_path / "other").exists()


def test_a_recording_that_is_killed_can_be_played(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl.gz"
    with terminal("--record", str(file), home=tmp_path / "home") as recording:
        recording.until("○ stopped")
        size = file.stat().st_size
        while file.stat().st_size == size:
            recording.until("○ stopped")
    with terminal("--replay", str(file), home=tmp_path) as played:
        played.until("cut short after line")
        played.until("REPLAY")
        played.type("q")
        assert played.wait() == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--replay", "missing"), "The recording missing cannot be read: No such file"),
        (("--replay", "text"), "text is not a recording of lakehouse-tui"),
        (("--record", "text"), "text exists and is not empty; a recording never overwrites a file"),
        (("--record", "no/such/folder"), "no/such/folder cannot be made for the recording: No such file"),
        (("--record", "new", "--replay", "text"), "--record and --replay exclude each other"),
        (("--speed", "2"), "--speed is for --replay"),
        (("--replay", "text", "--speed", "nan"), "--speed is nan, but must be a number from 0.1 to 100"),
    ],
)
def test_mistakes_are_sentences(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    (tmp_path / "text").write_text("mine\n")
    run = ["sh", "-c", 'cd "$0" && exec "$@"', str(tmp_path), *command(*arguments, home=tmp_path / "home")]
    with Terminal(run, os.environ, width=200) as shown:
        assert shown.wait() in (1, 2)
        assert said in shown.text
        assert "Traceback" not in shown.text
    assert (tmp_path / "text").read_text() == "mine\n"
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("arguments", [("--replay", "a", "status"), ("--record", "a", "lag"), ("--speed", "2", "jobs")])
def test_headless_commands_take_no_recording(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = subprocess.run(command(*arguments, home=tmp_path), check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert f"{arguments[0]} is for the dashboard, not for {arguments[2]}." in done.stderr


def test_demo_takes_a_file_only_with_its_dashboard(tmp_path: Path) -> None:
    run = command("demo", "--headless", "--record", str(tmp_path / "a"), home=tmp_path)
    done = subprocess.run(run, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "--record is for the dashboard" in done.stderr
    assert not (tmp_path / "a").exists()
