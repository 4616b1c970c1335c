"""Options that every test run knows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import containers
from tui.settings import CHOICES, Settings


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--iceberg", default="1.7.0", choices=CHOICES["iceberg"], help="Iceberg set of the real stack")
    parser.addoption("--s3", default="s3proxy", choices=CHOICES["s3"], help="S3 server of the real stack")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests in containers are skipped, with the reason, where there is no engine."""
    wanted = [item for item in items if item.get_closest_marker("compose")]
    why = containers.missing() if wanted else None
    for item in wanted if why else ():
        item.add_marker(pytest.mark.skip(reason=str(why)))


@pytest.fixture(scope="session")
def compose_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The session's stack in containers, up and ready."""
    with containers.stack(tmp_path_factory.mktemp("containers")) as found:
        yield found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if WITH_A_STACK.intersection(Path(item.fspath).parts):
            item.add_marker(pytest.mark.xdist_group("stack"))
