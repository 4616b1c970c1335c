"""One stack a backend for the whole session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import new_settings, silent
from tui import bootstrap
from tui.settings import Settings

BACKENDS = ("local", pytest.param("compose", marks=pytest.mark.compose))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "contract" in Path(item.fspath).parts:
            item.add_marker("integration")


@pytest.fixture(scope="session")
def local_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A local stack."""
    found = new_settings(tmp_path_factory.mktemp("contract"))
    try:
        bootstrap.backend(found).up(silent)
        yield found
    finally:
        bootstrap.backend(found).down(silent)


@pytest.fixture(scope="session", params=BACKENDS)
def stack(request: pytest.FixtureRequest) -> Settings:
    """A stack of each backend, up and ready."""
    found: Settings = request.getfixturevalue(f"{request.param}_settings")
    return found
