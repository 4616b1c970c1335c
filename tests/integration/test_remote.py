"""The session's stack as a cluster that somebody else runs: a second home knows it by its addresses only."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.guarded import Authority, Guard, secure_kafka
from tests.integration.conftest import Lab, free_ports, silent, until
from tui import bootstrap, settings
from tui.model.errors import UnavailableError, UsageError
from tui.settings import Settings
from tui.stack.local import credentials, kafka
from tui.stack.local.layout import Layout
from tui.stack.provision import provisioned

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
        timeout=300,
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


READING = ("status", "doctor", "lag", "jobs", "snapshots", "candles", "verify")


def test_a_plain_cluster_is_read_and_driven_by_its_addresses(lab: Lab, plain: Lab, tmp_path: Path) -> None:
    the_whole_way(lab, plain)
    _, env = second_home(tmp_path, lab)
    for command in READING:
        done = run(env, command, "--json")
        assert (done.returncode, done.stderr) == (0, ""), (command, done.stdout)
        assert json.loads(done.stdout)
    (tmp_path / "show.sql").write_text("SHOW TABLES;\n")
    shown = run(env, "sql", "-f", str(tmp_path / "show.sql"))
    assert {"raw_trades", "agg_1m", "bad_trades"} <= set(shown.stdout.split()), shown
    failed = [c for c in bootstrap.kit(plain.settings).examine() if not c.ok]
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


# --- SASL and TLS on Kafka, TLS and a user in front of Flink

USER, PASSWORD = "alice", 'p"a\\ss wörd'
SCRAM_USER, SCRAM_PASSWORD = "bob", "hunter2hunter2"
FLINK_USER, FLINK_PASSWORD = "carol", "corréct:horse"


@dataclass
class Fort:
    """A guarded way into the session's cluster, with a Kafka of its own."""

    lab: Lab
    kafka: str
    authority: Authority
    guard: Guard
    folder: Path

    def remote(self, folder: Path, **values: str) -> Settings:
        own = {
            "LAKEHOUSE_RAW_TABLE": "ticks",
            "LAKEHOUSE_CANDLE_TABLE": "raw_trades",
            "LAKEHOUSE_REMOTE_KAFKA": self.kafka,
            "LAKEHOUSE_REMOTE_KAFKA_SECURITY": "SASL_SSL",
            "LAKEHOUSE_REMOTE_KAFKA_SASL": "SCRAM-SHA-512",
            "LAKEHOUSE_REMOTE_KAFKA_USERNAME": SCRAM_USER,
            "LAKEHOUSE_REMOTE_KAFKA_PASSWORD": SCRAM_PASSWORD,
            "LAKEHOUSE_REMOTE_KAFKA_CA": str(self.authority.ca),
            "LAKEHOUSE_REMOTE_FLINK": self.guard.url,
            "LAKEHOUSE_REMOTE_FLINK_USERNAME": FLINK_USER,
            "LAKEHOUSE_REMOTE_FLINK_PASSWORD": FLINK_PASSWORD,
            "LAKEHOUSE_REMOTE_FLINK_CA": str(self.authority.ca),
        }
        return second_home(folder, self.lab, **{**own, **values})[0]


@pytest.fixture
def fort(lab: Lab, tmp_path: Path) -> Iterator[Fort]:
    with fortified(lab, tmp_path) as found:
        yield found


@contextmanager
def fortified(lab: Lab, folder: Path) -> Iterator[Fort]:
    """The fort; its Kafka has the lab's topic and a user for SCRAM."""
    authority = Authority(folder)
    found = provisioned(lab.settings)
    assert found is not None
    pair = f"{FLINK_USER}:{FLINK_PASSWORD}".encode()
    basic = f"Basic {base64.b64encode(pair).decode()}"
    guard = Guard(lab.settings.flink, authority.server_context(), basic, prefix="/flink")
    ports = free_ports(3)
    kafka_home = replace(lab.settings, home=folder / "kafka")
    try:
        with secure_kafka(kafka_home, found, authority, ports, {USER: PASSWORD}) as address:
            plain = replace(kafka_home, kafka_port=ports[0])
            until(lambda: _made(plain), "Kafka has the topic")
            admin = AdminClient({"bootstrap.servers": plain.kafka})
            for kind in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
                wanted = UserScramCredentialUpsertion(
                    SCRAM_USER, ScramCredentialInfo(kind, 4096), SCRAM_PASSWORD.encode()
                )
                admin.alter_user_scram_credentials([wanted])[SCRAM_USER].result(30)
            yield Fort(Lab(replace(lab.settings, kafka_port=ports[0])), address, authority, guard, folder)
    finally:
        guard.close()


def _made(plain: Settings) -> bool:
    try:
        kafka.ensure_topic(plain, 5.0)
        return bool(kafka.probe(plain, 5.0))
    except UnavailableError:
        return False


def test_a_guarded_cluster_is_read_and_driven(fort: Fort, tmp_path: Path) -> None:
    remote = Lab(fort.remote(tmp_path))
    plain = fort.lab.settings
    command = ["--rate", "0", "--count", str(TRADES), "--seed", "3"]
    run_producer = [*bootstrap.producer(remote.settings).command({}, background=False), *command]
    assert SCRAM_PASSWORD not in " ".join(run_producer)
    subprocess.run(run_producer, check=True, timeout=60)
    assert sum(p.high or 0 for p in Lab(plain).clients.kafka.lag().partitions) == TRADES
    seen: set[str] = set()
    assert remote.control.submit(lambda _: seen.update(_command_lines())).restored is None
    assert any("kafka_to_iceberg.py" in line for line in seen)
    remote.committed(TRADES)
    remote.assert_verified()
    remote.control.cancel()
    assert remote.control.submit(silent).restored is not None
    checks = {c.name: c for c in bootstrap.kit(remote.settings).examine()}
    assert not [c for c in checks.values() if not c.ok]
    assert checks["tables"].actual.startswith("ticks "), checks["tables"]
    assert all(s.healthy for s in bootstrap.backend(remote.settings).services())
    assert {status for status, _ in fort.guard.seen} <= {200, 202, 404}
    secrets = bootstrap.kit(remote.settings).secrets()
    assert SCRAM_PASSWORD in secrets
    assert not [line for line in seen for secret in secrets if secret in line]
    assert _holding(remote.settings.home, secrets) <= {"core-site.xml", "kafka-producer.json"}
    assert not any(secret in repr(remote.settings) for secret in secrets)
    remote.control.cancel()


def _command_lines() -> Iterator[str]:
    """Those of every process that this one has started, as all users of the machine can read them."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            yield " ".join(process.cmdline())


def _holding(home: Path, secrets: tuple[str, ...]) -> set[str]:
    """Names of the home's files that hold a secret, each of which must be its owner's alone."""
    found = set()
    for path in home.rglob("*"):
        if path.is_file() and any(s.encode() in path.read_bytes() for s in secrets):
            assert path.stat().st_mode & 0o077 == 0, path
            found.add(path.name)
    return found


def test_each_wrong_key_has_a_sentence(fort: Fort, tmp_path: Path) -> None:
    other = Authority(tmp_path / "kafka")
    cases = {
        "KAFKA_PASSWORD=wrong": "refuses the user",
        f"KAFKA_CA={other.ca}": "kafka_ca",
        "KAFKA_SECURITY=SASL_PLAINTEXT": "kafka_security",
        "FLINK_PASSWORD=wrong": "401: it does not accept the user",
        f"FLINK_CA={other.ca}": "name the PEM file of its authority in flink_ca",
        "S3_SECRET_KEY=wrong": "refuses the credentials",
    }
    told = {}
    for case, words in cases.items():
        name, value = case.split("=", 1)
        found = fort.remote(tmp_path, **{f"LAKEHOUSE_REMOTE_{name}": value})
        told[case] = [f"{c.name}: {c.actual}. {c.detail}" for c in bootstrap.kit(found).examine() if not c.ok]
        assert len(told[case]) >= 1, (case, told)
        assert any(words in line for line in told[case]), (case, told[case])
        services = {s.name: s.detail or "" for s in bootstrap.backend(found).services() if not s.healthy}
        assert services, case
    print(*told.items(), sep="\n")
    plain = fort.remote(tmp_path, LAKEHOUSE_REMOTE_KAFKA_SASL="PLAIN", LAKEHOUSE_REMOTE_KAFKA_USERNAME=USER)
    plain = replace(plain, remote=replace(plain.remote, kafka_password=PASSWORD))
    assert sorted(bootstrap.clients(plain).kafka.partition_ids()) == [0, 1, 2]
    fort.guard.forbidden = True
    assert any("403" in c.detail for c in bootstrap.kit(plain).examine() if not c.ok)
