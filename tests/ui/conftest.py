"""The same colours, size and time zone wherever the tests run; an unexpected error of a worker fails the test."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.ui.cockpits import Fake


@pytest.fixture(autouse=True)
def _same_everywhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setenv("TERM", "xterm-256color")
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
