"""Options that every test run knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests import containers
from tui.settings import CHOICES, Settings

WITH_A_STACK = ("tests/contract/", "tests/faults/", "tests/integration/")
"""Tests that run one after the other, beside those that need no stack."""


class Side(LoadScopeScheduling):
    """Gives all tests that need a stack to one worker, the others by file to whoever is free."""

    def _split_scope(self, nodeid: str) -> str:
        return "stack" if nodeid.startswith(WITH_A_STACK) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Side:
    return Side(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--iceberg", default="1.7.0", choices=CHOICES["iceberg"], help="Iceberg set of the real stack")
    parser.addoption("--s3", default="s3proxy", choices=CHOICES["s3"], help="S3 server of the real stack")
    parser.addoption("--seed", type=int, default=1, help="first seed of the fault suite")
    parser.addoption("--runs", type=int, default=10, help="how many runs of the fault suite, each with the next seed")
    parser.addoption(
        "--kills", type=int, default=3, help="how often the fault suite kills the dashboard and the supervisor"
    )
    parser.addoption("--report", type=Path, help="where the fault suite adds a JSON line a run")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Faults strike only where they are asked for; tests in containers are skipped where there is no engine."""
    if "faults" not in config.getoption("-m"):
        unasked = [item for item in items if item.get_closest_marker("faults")]
        config.hook.pytest_deselected(items=unasked)
        items[:] = [item for item in items if item not in unasked]
    wanted = [item for item in items if item.get_closest_marker("compose")]
    why = containers.missing() if wanted else None
    for item in wanted if why else ():
        item.add_marker(pytest.mark.skip(reason=str(why)))


@pytest.fixture(scope="session")
def compose_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The session's stack in containers, up and ready."""
    with containers.stack(tmp_path_factory.mktemp("containers")) as found:
        yield found
