"""The session's stack as a cluster that somebody else runs: a second home knows it by its addresses only."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import Lab, silent, until
from tui import bootstrap, settings
from tui.model.errors import UsageError
from tui.settings import Settings
from tui.stack.doctor import examine
from tui.stack.local import credentials
from tui.stack.local.layout import Layout

TRADES = 400


def addresses(lab: Lab) -> dict[str, str]:
    """How a plain cluster is reached: what a settings file would say, and the keys."""
    keys = credentials.load(Layout(lab.settings.home))
    assert keys is not None
    return {
        "LAKEHOUSE_BACKEND": "remote",
        "LAKEHOUSE_TOPIC": lab.settings.topic,
        "LAKEHOUSE_GROUP": lab.settings.group,
        "LAKEHOUSE_DATABASE": lab.settings.database,
        "LAKEHOUSE_ICEBERG": lab.settings.iceberg,
        "LAKEHOUSE_REMOTE_KAFKA": lab.settings.kafka,
        "LAKEHOUSE_REMOTE_FLINK": lab.settings.flink,
        "LAKEHOUSE_REMOTE_S3": lab.settings.s3_endpoint,
        "LAKEHOUSE_REMOTE_S3_ACCESS_KEY": keys.s3_access_key,
        "LAKEHOUSE_REMOTE_S3_SECRET_KEY": keys.s3_secret_key,
    }


def second_home(folder: Path, lab: Lab, **values: str) -> tuple[Settings, dict[str, str]]:
    env = {**addresses(lab), "LAKEHOUSE_HOME": str(folder / "sécond home"), **values}
    return settings.load({}, {**os.environ, **env}), env


@pytest.fixture
def plain(lab: Lab, tmp_path: Path) -> Iterator[Lab]:
    found, _ = second_home(tmp_path, lab)
    yield Lab(found)


def run(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tui", *arguments],
        check=False,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=120,
    )


def feed(lab: Lab) -> None:
    """Write trades from the cluster's own side."""
    bootstrap.producer(lab.settings).start({"rate": "0", "count": str(TRADES), "seed": "3", "bad": "0.02"})
    until(lambda: sum(p.high or 0 for p in lab.clients.kafka.lag().partitions) >= TRADES, "trades in Kafka")


def the_whole_way(lab: Lab, remote: Lab) -> None:
    """Submit, commit, verify, cancel, go on from the checkpoint, stop with a savepoint, go on from that."""
    feed(lab)
    total = sum(p.high or 0 for p in remote.clients.kafka.lag().partitions)
    assert remote.control.submit(silent).restored is None
    remote.committed(total)
    remote.assert_verified()
    remote.control.cancel()
    done = remote.control.submit(silent)
    assert done.restored is not None
    assert done.restored.path.startswith("s3a://warehouse/flink/checkpoints/")
    remote.control.checkpoint(silent)
    _, path = remote.control.savepoint()
    again = remote.control.submit(silent)
    assert again.restored is not None
    assert (again.restored.kind, again.restored.path) == ("savepoint", path)
    remote.control.checkpoint(silent)
    remote.assert_verified()
    assert len(remote.control.jobs.lineage().parents) == 3


def test_a_plain_cluster_is_read_and_driven_by_its_addresses(lab: Lab, plain: Lab) -> None:
    the_whole_way(lab, plain)
    failed = [c for c in examine(plain.settings) if not c.ok]
    assert not failed, failed
    services = {s.name: s for s in bootstrap.backend(plain.settings).services()}
    assert all(s.healthy for s in services.values()), services
    assert list(services) == ["kafka", "s3", "jobmanager", "taskmanager"]
    assert plain.clients.lake.candles(limit=5).candles


def test_nothing_is_started_or_stopped(lab: Lab, tmp_path: Path) -> None:
    found, env = second_home(tmp_path, lab)
    with pytest.raises(UsageError, match="starts and stops nothing"):
        bootstrap.backend(found).down(silent)
    for command in ("up", "down"):
        done = run(env, command)
        assert (done.returncode, done.stdout) == (2, "")
        assert "The remote backend starts and stops nothing" in done.stderr
    assert not bootstrap.cockpit(found).capabilities & {"up", "down", "purge", "produce"}
    assert all(s.healthy for s in bootstrap.backend(lab.settings).services())
