"""What is made of an engine's answers: which containers are ours, what state they are in, which are started again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker_server import Engine, serve
from tests.integration.conftest import free_ports
from tui.model.errors import LakehouseError, NotFoundError
from tui.model.stack import ServiceState
from tui.settings import Settings, load
from tui.stack.compose import engine as client
from tui.stack.compose.backend import ComposeBackend
from tui.stack.local import credentials
from tui.stack.local.layout import Layout


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    found = Engine()
    with serve(found) as host:
        monkeypatch.setenv("DOCKER_HOST", host)
        client.connect.cache_clear()
        yield found
    client.connect.cache_clear()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """On ports where nobody answers."""
    ports = dict(zip(("kafka_port", "flink_port", "s3_port", "s3_console_port"), map(str, free_ports(4)), strict=True))
    Layout(tmp_path).create()
    return load({"home": tmp_path, "backend": "compose", **ports}, {})


def test_our_containers_are_those_of_our_project(engine: Engine, settings: Settings) -> None:
    assert list(client.containers(settings)) == ["kafka", "s3", "jobmanager", "taskmanager"]
    assert client.strangers(settings) == ()
    other = load({"home": settings.home, "backend": "compose", "project": "second"}, {})
    assert client.containers(other) == {}
    for found in engine.told["containers"]:
        found["Labels"] = {}
    for inspected in engine.told["inspect"].values():
        inspected["Config"]["Labels"] = {}
    assert client.containers(settings) == {}
    assert client.strangers(settings) == ("flink-jobmanager", "flink-taskmanager", "kafka", "minio")


def test_names_of_somebody_else_are_refused(engine: Engine, settings: Settings) -> None:
    for found in (*engine.told["containers"], *(c["Config"] for c in engine.told["inspect"].values())):
        found["Labels"] = {"com.docker.compose.project": "theirs"}
    with pytest.raises(LakehouseError, match=r"Containers named flink-jobmanager.* belong to somebody else"):
        ComposeBackend(settings).up(lambda _: None)


def test_states_are_the_engines_where_nobody_answers(engine: Engine, settings: Settings) -> None:
    engine.end("minio", 137)
    engine.inspect("kafka")["State"]["Health"]["Status"] = "healthy"
    engine.inspect("flink-jobmanager")["State"] |= {"Status": "restarting"}
    engine.inspect("flink-jobmanager")["RestartCount"] = 3
    engine.inspect("flink-taskmanager")["State"] |= {"Status": "paused"}
    found = {s.name: s for s in ComposeBackend(settings).services()}
    assert (found["s3"].state, found["s3"].detail, found["s3"].pid) == (ServiceState.FAILED, "exited with 137", None)
    assert found["kafka"].state is ServiceState.UNHEALTHY
    assert found["kafka"].pid == engine.inspect("kafka")["State"]["Pid"]
    assert (found["jobmanager"].state, found["jobmanager"].restarts) == (ServiceState.BACKOFF, 3)
    assert (found["taskmanager"].state, found["taskmanager"].detail) == (ServiceState.UNHEALTHY, "paused")


def test_a_container_that_has_just_started_is_starting(engine: Engine, settings: Settings) -> None:
    engine.inspect("kafka")["State"]["Health"]["Status"] = "starting"
    found = {s.name: s.state for s in ComposeBackend(settings).services()}
    assert found["kafka"] is ServiceState.STARTING


def test_no_container_is_a_stack_that_is_stopped(engine: Engine, settings: Settings) -> None:
    engine.told["containers"] = []
    assert {s.state for s in ComposeBackend(settings).services()} == {ServiceState.STOPPED}
    with pytest.raises(NotFoundError, match="There is no container kafka; run `lakehouse-tui up` first"):
        list(ComposeBackend(settings).log("kafka"))


def test_what_has_ended_is_started_again_and_counted(engine: Engine, settings: Settings) -> None:
    backend = ComposeBackend(settings)
    assert backend.revive() == ()
    engine.end("flink-taskmanager", 137)
    assert backend.revive() == ("taskmanager",)
    assert engine.started == [engine.inspect("flink-taskmanager")["Id"]]
    found = {s.name: s.restarts for s in backend.services()}
    assert found == {"kafka": 0, "s3": 0, "jobmanager": 0, "taskmanager": 1}


def test_keys_of_a_stack_that_was_started_by_hand_are_taken_over(engine: Engine, settings: Settings) -> None:
    assert credentials.load(Layout(settings.home)) is None
    found = ComposeBackend(settings)._keys(client.containers(settings))
    assert (found.s3_access_key, found.s3_secret_key) == ("recorded-user", "recorded-password")
    assert credentials.load(Layout(settings.home)) == found
    assert len(found.supervisor_password) == 32


def test_an_engine_that_refuses_says_why(engine: Engine, settings: Settings) -> None:
    with pytest.raises(LakehouseError, match="The Docker engine says: driver failed"), client.failures():
        client.container(settings, "kafka").stop()
