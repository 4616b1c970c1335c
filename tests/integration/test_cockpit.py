"""The real dashboard over a real stack in a pseudo-terminal, driven by keys alone, judged by what is on the screen."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import new_settings, silent, until
from tests.integration.terminal import Terminal
from tests.integration.test_demo import command
from tui import bootstrap
from tui.settings import Settings
from tui.stack.local import processes
from tui.stack.local.layout import Layout


@pytest.fixture
def own_home(tmp_path: Path, stack_settings: Settings) -> Iterator[Settings]:
    """A home beside the session's stack; nothing of it may be left."""
    found = new_settings(tmp_path / "home", iceberg=stack_settings.iceberg, s3=stack_settings.s3)
    yield found
    bootstrap.backend(found).down(silent)


def test_from_nothing_to_candles_and_back_by_keys_alone(own_home: Settings) -> None:
    with Terminal(command(own_home), os.environ) as term:
        term.until(r"○ stopped", 30)
        term.until(r" u  start Kafka, S3 and Flink")
        term.type("u")
        term.until(r"▶ Start the stack")
        term.until(r"● 4/4 ready", 180)
        term.type("p")
        term.until(r"producer running", 60)
        term.type("s")
        term.until(r"job RUNNING  ", 120)
        term.until(r"✓ Job \w{8} runs, from the beginning", 60)
        term.type("k")
        term.until(r"✓ Checkpoint \d+ is (committed|complete)", 90)
        term.until(r"fresh \d+", 90)  # at the latest with the next checkpoint, should the first have found no trade
        assert_candles_move(term)
        term.type("v")
        term.until(r"VERIFY", 30)
        term.until(r"8 checks passed", 90)
        term.type("q")
        term.until(r"DASHBOARD")
        term.type("c")
        term.until(r"Cancel job kafka_to_iceberg")
        term.type("y")
        term.until(r"✓ Job \w{8} is cancelled", 60)
        term.until(r"job CANCELED")
        term.type("d")
        term.until(r"the producer ends too")
        term.type("y")
        term.until(r"✓ Everything is stopped", 90)
        term.until(r"○ stopped")
        assert re.search(r"fresh \d", term.text) is None or "stale" in term.text
        term.type("q")
        assert term.wait() == 0
    assert processes.tagged(Layout(own_home.home)) == []
    assert not (own_home.home / "logs" / "errors.log").exists()


def assert_candles_move(term: Terminal) -> None:
    """The last price changes with the trades, without any commit in between."""
    shown = term.until(r"BTCUSDT\s+([\d,.]+)", 30)[1]

    def moved() -> bool:
        now = re.search(r"BTCUSDT\s+([\d,.]+)", term.text)
        return now is not None and now[1] != shown

    until(moved, "another price", 30)
    term.until(r"live")


def test_a_dashboard_that_is_closed_leaves_the_stack_running(stack_settings: Settings) -> None:
    before = {s.pid for s in bootstrap.backend(stack_settings).services()}
    with Terminal(command(stack_settings), os.environ, 80, 24) as term:
        term.until(r"● 4/4 ready", 30)
        term.type("q")
        assert term.wait() == 0
        term_output = term.output.decode(errors="replace")
    assert "lakehouse-tui down" in term_output
    assert {s.pid for s in bootstrap.backend(stack_settings).services()} == before
