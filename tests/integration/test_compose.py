"""The stack in containers: the main job from the command line, the lab's own commands, and every container killed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.containers import own_project
from tests.integration.conftest import silent, until
from tui import bootstrap
from tui.model.errors import LakehouseError
from tui.settings import Settings
from tui.stack.compose import engine, names, tool
from tui.stack.compose.recipe import recipe
from tui.stack.local import processes
from tui.stack.local.credentials import Credentials
from tui.stack.local.layout import Layout

pytestmark = pytest.mark.compose
HEALED_S = 300.0


def flags(settings: Settings) -> list[str]:
    values = ("backend", "project", "kafka_port", "flink_port", "s3_port", "s3_console_port")
    found = [part for name in values for part in (f"--{name.replace('_', '-')}", str(getattr(settings, name)))]
    return ["--home", str(settings.home), *found]


def run(settings: Settings, *arguments: str, timeout_s: float = 900) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tui", *arguments, *flags(settings)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=timeout_s)


def docker(*arguments: str, timeout_s: float = 120, text: str | None = None) -> str:
    done = subprocess.run(
        ["docker", *arguments], check=False, capture_output=True, text=True, timeout=timeout_s, input=text
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def own_home(tmp_path: Path) -> Iterator[Settings]:
    found = own_project(tmp_path)
    yield found
    bootstrap.backend(found).down(silent, purge=True)


def test_demo_passes_every_check_and_leaves_nothing(own_home: Settings) -> None:
    done = run(own_home, "demo", "--headless", "--backfill", "30m", "--rate", "100", "--seed", "5")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All 8 checks passed." in done.stdout
    assert engine.containers(own_home) == {}
    assert processes.tagged(Layout(own_home.home)) == []


def compose(settings: Settings, *arguments: str) -> str:
    """Docker Compose by hand in the folder of its file, with its own default keys."""
    defaults = names.defaults()
    keys = Credentials(defaults["LAKEHOUSE_S3_ACCESS_KEY"], defaults["LAKEHOUSE_S3_SECRET_KEY"], "")
    environ = names.environment(settings, keys, recipe())
    done = subprocess.run(
        [*tool.find(), *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=400,
        cwd=names.folder(),
        env=environ,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_labs_own_commands(own_home: Settings) -> None:
    stack = own_home
    bootstrap.backend(stack).prepare(silent)
    compose(stack, "config", "-q")
    compose(stack, "up", "-d")
    assert all(s.healthy for s in bootstrap.backend(stack).up(silent))  # takes over the keys of what it finds
    jobmanager, kafka = names.container(stack, "jobmanager"), names.container(stack, "kafka")
    bootstrap.producer(stack).start({"count": "300", "rate": "0", "seed": "1"})
    until(lambda: not bootstrap.producer(stack).runs(), "the producer is done")
    consumer = ["kafka-console-consumer.sh", "--bootstrap-server", f"localhost:{stack.kafka_port}", "--topic", "trades"]
    read = docker("exec", kafka, *consumer, "--from-beginning", "--max-messages", "1")
    assert '"symbol"' in read
    said = docker("exec", jobmanager, "flink", "run", "-py", "/opt/flink/usrlib/jobs/kafka_to_iceberg.py")
    assert re.search(r"Job has been submitted with JobID [0-9a-f]{32}", said)
    control = bootstrap.control(stack)
    until(lambda: control.active_job() is not None, "the job runs")
    job = control.require_job()
    control.control.wait_running(job.id, 60)

    def all_committed() -> bool:
        control.checkpoint(silent)
        return sum(p.committed or 0 for p in bootstrap.clients(stack).kafka.lag().partitions) == 300

    until(all_committed, "every message is committed")
    sql = "CREATE CATALOG c WITH ('type'='iceberg','catalog-type'='hadoop','warehouse'='s3a://warehouse/iceberg');\n"
    sql += "SET 'execution.runtime-mode'='batch';\nSET 'sql-client.execution.result-mode'='tableau';\n"
    sql += "SELECT COUNT(*) AS `n` FROM `c`.`lakehouse`.`raw_trades`;\n"
    answer = docker("exec", "-i", jobmanager, "./bin/sql-client.sh", text=sql)
    assert re.search(r"\b300\b", answer), answer[-2000:]
    listed = docker("exec", names.container(stack, "s3"), "mc", "ls", "local/warehouse/iceberg/lakehouse/")
    assert "raw_trades/" in listed
    assert "Received JobGraph submission" in compose(stack, "logs", "flink-jobmanager")
    assert not [c.name for c in bootstrap.verify(stack) if not c.ok]


def test_the_pages_of_flink_and_minio_answer(compose_settings: Settings) -> None:
    for port in (compose_settings.flink_port, compose_settings.s3_console_port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:
            assert page.status == 200
            assert b"<html" in page.read().lower()


def test_a_taken_port_is_named_with_who_holds_it(compose_settings: Settings, tmp_path: Path) -> None:
    other = replace(own_project(tmp_path), kafka_port=compose_settings.kafka_port)
    with pytest.raises(LakehouseError, match=rf"Port {compose_settings.kafka_port} \(kafka port\) is held by"):
        bootstrap.backend(other).up(silent)
    assert engine.containers(other) == {}


@pytest.mark.parametrize("service", ["taskmanager", "s3", "kafka", "jobmanager"])
def test_a_killed_container_comes_back_under_load_and_nothing_is_lost(compose_settings: Settings, service: str) -> None:
    stack = compose_settings
    producer, control = bootstrap.producer(stack), bootstrap.control(stack)
    if not producer.runs():
        producer.start({"rate": "300"})
    if control.active_job() is None:
        control.submit(silent)
    control.checkpoint(silent)
    before = control.require_job()
    restarts = next(s.restarts for s in bootstrap.backend(stack).services() if s.name == service)
    began = time.monotonic()
    docker("kill", names.container(stack, service))

    def back() -> bool:
        services = {s.name: s for s in bootstrap.backend(stack).services()}
        return services[service].restarts == (restarts or 0) + 1 and all(s.healthy for s in services.values())

    until(back, f"{service} is back", HEALED_S)

    def working() -> bool:
        try:
            job = control.active_job()
            if job is None or job.tasks_running < job.tasks_total or job.state != "RUNNING":
                return False
            control.checkpoint(silent)
        except LakehouseError:
            return False
        return True

    until(working, "the job commits again", HEALED_S)
    print(json.dumps({"killed": service, "committing_again_s": round(time.monotonic() - began, 1)}))
    same = control.require_job().id == before.id
    assert same == (service != "jobmanager")
    failed = [
        f"{c.name}: expected {c.expected}, found {c.actual}. {c.detail}" for c in bootstrap.verify(stack) if not c.ok
    ]
    assert not failed, failed


def test_the_producer_and_the_job_can_be_ended(compose_settings: Settings) -> None:
    """Last in this file: what the tests before left running."""
    bootstrap.producer(compose_settings).stop()
    if bootstrap.control(compose_settings).active_job() is not None:
        bootstrap.control(compose_settings).cancel()
    assert bootstrap.control(compose_settings).active_job() is None
