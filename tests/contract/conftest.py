"""One stack a backend, up as long as this suite needs it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.conftest import Lab, new_settings, silent
from tests.integration.test_remote import fortified
from tui import bootstrap
from tui.settings import Settings, load
from tui.stack.local import kafka

BACKENDS = ("local", "remote", "guarded", pytest.param("compose", marks=pytest.mark.compose))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "contract" in Path(item.fspath).parts:
            item.add_marker("integration")


@pytest.fixture(scope="module")
def local_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A local stack."""
    found = new_settings(tmp_path_factory.mktemp("contract"))
    try:
        bootstrap.backend(found).up(silent)
        yield found
    finally:
        bootstrap.backend(found).down(silent)


@pytest.fixture(scope="module")
def remote_settings(local_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A second home that knows the local stack by its addresses; topic, group and database are its own."""
    s3 = bootstrap.kit(local_settings).s3()
    assert s3 is not None
    kafka.ensure_topic(replace(local_settings, topic="remote"), 30)
    return load(
        {"home": tmp_path_factory.mktemp("elsewhere"), "backend": "remote"},
        {
            **os.environ,
            **{f"LAKEHOUSE_{name}": "remote" for name in ("TOPIC", "GROUP", "DATABASE")},
            "LAKEHOUSE_REMOTE_KAFKA": local_settings.kafka,
            "LAKEHOUSE_REMOTE_FLINK": local_settings.flink,
            "LAKEHOUSE_REMOTE_S3": local_settings.s3_endpoint,
            "LAKEHOUSE_REMOTE_S3_ACCESS_KEY": s3.access_key,
            "LAKEHOUSE_REMOTE_S3_SECRET_KEY": s3.secret_key,
        },
    )


@pytest.fixture(scope="module")
def guarded_settings(local_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The same behind TLS and logins: a Kafka of its own, and a proxy before Flink."""
    folder = tmp_path_factory.mktemp("guarded")
    own = Lab(replace(local_settings, topic="guarded", group="guarded", database="guarded"))
    with fortified(own, folder) as fort:
        yield fort.remote(folder, LAKEHOUSE_RAW_TABLE="raw_trades", LAKEHOUSE_CANDLE_TABLE="agg_1m")


@pytest.fixture(scope="module", params=BACKENDS)
def stack(request: pytest.FixtureRequest) -> Settings:
    """A stack of each backend, up and ready."""
    found: Settings = request.getfixturevalue(f"{request.param}_settings")
    return found
