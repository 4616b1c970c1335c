"""A home on a read-only file system: every command says so in a sentence, and the dashboard opens."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.integration.conftest import new_settings
from tests.integration.terminal import Terminal
from tests.integration.test_demo import command
from tui.settings import Settings
from tui.stack.local import credentials
from tui.stack.local.layout import Layout

READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'


def within(home: Path, *words: str) -> list[str]:
    """A command that sees `home` read-only, as nobody else does: in a mount namespace of its own (unshare(1))."""
    return ["unshare", "--mount", "sh", "-c", READ_ONLY, str(home), *words]


@pytest.fixture
def read_only(tmp_path: Path) -> Settings:
    """A home that `up` has made before."""
    found = new_settings(tmp_path / "home")
    layout = Layout(found.home)
    layout.create()
    credentials.ensure(layout)
    try:
        able = subprocess.run(within(found.home, "true"), capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        able = False
    if not able:
        pytest.skip("no mount namespace can be made here")
    return found


@pytest.mark.parametrize("name", ["up", "down"])
def test_a_command_that_must_write_says_why_it_cannot(read_only: Settings, name: str) -> None:
    done = subprocess.run(
        within(read_only.home, *command(read_only, name)), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "cannot be written (Read-only file system" in done.stderr
    assert "Unexpected" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_dashboard_opens_and_says_why_up_cannot(read_only: Settings) -> None:
    with Terminal(within(read_only.home, *command(read_only)), os.environ, width=240) as term:
        term.until("○ stopped")
        term.type("u")
        term.until("cannot be written")
        term.type("q")
        assert term.wait() == 0
