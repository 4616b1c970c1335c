"""Runs of the fault suite: `pytest -m faults --seed 1 --runs 10 --kills 2 --report FILE`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.stage import Stage, staged


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    first = metafunc.config.getoption("--seed")
    for name, count in (("seed", "--runs"), ("kill", "--kills")):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, range(first, first + metafunc.config.getoption(count)))


@pytest.fixture(scope="session")
def stage(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One stack for all runs."""
    home = tmp_path_factory.mktemp("faults")
    with staged(home, pytestconfig.getoption("--iceberg"), pytestconfig.getoption("--s3")) as found:
        yield found
