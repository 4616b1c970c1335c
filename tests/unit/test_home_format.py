"""The format of a home: upgraded step by step, never guessed, and a newer one is left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.terminal import Terminal
from tui import bootstrap, settings
from tui.cli import COMMANDS
from tui.model.errors import LakehouseError
from tui.stack import home_format
from tui.stack.local.layout import Layout

NEWER = len(home_format.UPGRADES) + 2


def stored(layout: Layout) -> object:
    return json.loads((layout.home / "format.json").read_text())["format"]


def write(layout: Layout, content: str) -> None:
    (layout.home / "format.json").write_text(content)


def steps(*names: str) -> list[home_format.Upgrade]:
    """Upgrades that each add their name to a file of the home."""

    def step(name: str) -> home_format.Upgrade:
        def change(layout: Layout) -> None:
            with (layout.data / "changes").open("a") as file:
                file.write(name)

        return change

    return [step(name) for name in names]


def changes(layout: Layout) -> str:
    file = layout.data / "changes"
    return file.read_text() if file.exists() else ""


def test_a_home_without_the_file_is_of_format_1_and_gets_it(layout: Layout) -> None:
    assert home_format.read(layout.home) == 1
    home_format.upgrade(layout)
    assert stored(layout) == len(home_format.UPGRADES) + 1
    assert (layout.home / "format.json").stat().st_mode & 0o077 == 0


def test_every_step_that_is_missing_is_done_once_and_in_order(layout: Layout) -> None:
    home_format.upgrade(layout, steps("a"))
    assert (changes(layout), stored(layout)) == ("a", 2)
    home_format.upgrade(layout, steps("a", "b", "c"))
    assert (changes(layout), stored(layout)) == ("abc", 4)
    home_format.upgrade(layout, steps("a", "b", "c"))
    assert changes(layout) == "abc"


def test_an_interrupted_upgrade_goes_on_where_it_stopped(layout: Layout) -> None:
    def fails(_: Layout) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        home_format.upgrade(layout, [*steps("a"), fails])
    assert stored(layout) == 2
    home_format.upgrade(layout, steps("a", "b"))
    assert (changes(layout), stored(layout)) == ("ab", 3)


def test_an_older_home_whose_stack_runs_is_not_changed_beneath_it(layout: Layout) -> None:
    with pytest.raises(LakehouseError, match=r"format 1 and its stack runs; run `lakehouse-tui down`.* to format 2\."):
        home_format.upgrade(layout, steps("a"), running=True)
    assert changes(layout) == ""
    home_format.upgrade(layout, [], running=True)
    assert stored(layout) == 1


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 0}', '{"format": "2"}', '{"format": true}'])
def test_a_damaged_file_is_not_taken_for_an_old_home(layout: Layout, content: str) -> None:
    write(layout, content)
    with pytest.raises(LakehouseError, match="is damaged, so the format of this home is unknown"):
        home_format.upgrade(layout, steps("a"))
    assert changes(layout) == ""


def files(layout: Layout) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in layout.home.rglob("*")}


@pytest.mark.parametrize("name", [c.name for c in COMMANDS if c.name not in ("serve",)])
def test_a_newer_home_is_refused_by_every_command_before_anything_is_touched(layout: Layout, name: str) -> None:
    write(layout, json.dumps({"format": NEWER}))
    before = files(layout)
    words = [name, *(["kafka"] if name == "logs" else []), *(["--headless"] if name == "demo" else [])]
    done = subprocess.run(
        [sys.executable, "-m", "tui", *words, "--home", str(layout.home)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"is of format {NEWER}, made by a newer lakehouse-tui" in done.stderr
    assert files(layout) == before


@pytest.mark.parametrize("call", ["up", "down"])
def test_the_backend_refuses_it_by_itself(layout: Layout, call: str) -> None:
    own = settings.load({"home": layout.home}, os.environ)
    backend = bootstrap.backend(own)
    write(layout, json.dumps({"format": NEWER}))
    before = files(layout)
    change: Callable[..., object] = getattr(backend, call)
    with pytest.raises(LakehouseError, match="made by a newer lakehouse-tui"):
        change(lambda _: None)
    assert files(layout) == before


def test_the_dashboard_opens_on_it_and_says_so(layout: Layout) -> None:
    write(layout, json.dumps({"format": NEWER}))
    before = files(layout)
    with Terminal([sys.executable, "-m", "tui", "--home", str(layout.home)], os.environ, width=160) as term:
        term.until("made by a newer")
        term.type("q")
        assert term.wait() == 0
    assert files(layout) == before
