"""The same colours, size and time zone wherever the tests run; an unexpected error of a worker fails the test."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.ui.cockpits import Fake
from tui.view import app


@pytest.fixture(autouse=True)
def _same_everywhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(app, "TICK_S", 0.05)
    monkeypatch.setattr(app, "AHEAD_S", 3600.0)  # most tests see one screen only
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def fake() -> Iterator[Fake]:
    found = Fake()
    yield found
    found.actions.hold.set()
    assert not found.bugs, found.bugs
