"""Whether there is an engine for the compose tests, and a stack in containers for a session."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from tests.integration.conftest import new_settings, silent
from tui import bootstrap
from tui.model.errors import LakehouseError
from tui.settings import Settings
from tui.stack.compose import engine, tool


@lru_cache
def missing() -> str | None:
    """Why containers cannot be run here; `None` where they can."""
    try:
        tool.find()
        engine.connect().ping()
    except LakehouseError as error:
        return str(error)
    return None


def own_project(home: Path) -> Settings:
    """Settings of a stack in containers beside any other: own project, own ports."""
    return new_settings(home, backend="compose", project=f"test-{secrets.token_hex(3)}")


@contextmanager
def stack(home: Path) -> Iterator[Settings]:
    """A stack in containers, up and ready; nothing of it is left."""
    found = own_project(home)
    backend = bootstrap.backend(found)
    try:
        backend.up(silent)
        yield found
    finally:
        backend.down(silent, purge=True)
