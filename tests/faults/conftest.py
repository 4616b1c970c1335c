"""Runs of the fault suite: `pytest -m faults --seed 1 --runs 10 --report FILE`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.stage import Stage, staged


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        first, runs = metafunc.config.getoption("--seed"), metafunc.config.getoption("--runs")
        metafunc.parametrize("seed", range(first, first + runs))
    if "kill" in metafunc.fixturenames:
        metafunc.parametrize("kill", range(1, 1 + metafunc.config.getoption("--kills")))


@pytest.fixture(scope="session")
def stage(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One stack for all runs."""
    home = tmp_path_factory.mktemp("faults")
    with staged(home, pytestconfig.getoption("--iceberg"), pytestconfig.getoption("--s3")) as found:
        yield found
