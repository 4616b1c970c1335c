"""Waiting for services: what passes is waited for, what does not ends the wait."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tui.model.errors import LakehouseError, UnavailableError
from tui.model.stack import Progress, ServiceState
from tui.settings import Settings
from tui.stack.local import startup
from tui.stack.local.credentials import Credentials
from tui.stack.local.layout import Layout
from tui.stack.local.startup import Startup
from tui.stack.local.status import SERVICES, Prober
from tui.stack.local.supervision import ProgramState, State, Supervisor


class Running(Supervisor):
    """Says that all services have a process."""

    def programs(self, timeout_s: float | None = None) -> dict[str, ProgramState]:
        return {name: ProgramState(name, State.RUNNING, 42, 1, "") for name in SERVICES}


class Stage:
    """Probes and preparations that fail as often as they are told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.probes: list[str] = []
        self.prepared: list[str] = []
        self.failing_probes: dict[str, list[int]] = {}
        self.failing_preparations: dict[str, int] = {}
        stage = self

        def probe(_: Prober, name: str, pid: int, timeout_s: float = 1.0) -> str:
            stage.probes.append(name)
            if stage.probes.count(name) in stage.failing_probes.get(name, []):
                raise UnavailableError("no answer")
            return f"{name} works"

        def prepare(_: Startup, name: str) -> str:
            stage.prepared.append(name)
            if stage.prepared.count(name) <= stage.failing_preparations.get(name, 0):
                raise UnavailableError("no leader yet")
            return "prepared"

        monkeypatch.setattr(Prober, "probe", probe)
        monkeypatch.setattr(Startup, "_finish", prepare)
        monkeypatch.setattr(startup, "_POLL_S", 0.001)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


@pytest.fixture
def told() -> list[Progress]:
    return []


@pytest.fixture
def starting(tmp_path: Path, told: list[Progress]) -> Startup:
    settings = Settings(home=tmp_path / "home", cache=tmp_path)
    layout = Layout(settings.home)
    layout.create()
    return Startup(settings, layout, Credentials("a", "b", "c"), Running(layout, "c"), told.append)


def test_a_topic_that_cannot_be_made_yet_is_tried_again(stage: Stage, starting: Startup, told: list[Progress]) -> None:
    stage.failing_preparations = {"kafka": 2}
    starting.wait()
    assert stage.prepared.count("kafka") == 3
    assert [(p.detail.split(" in ")[0], p.finished) for p in told if p.step == "kafka"] == [
        ("waiting (no leader yet)", False),
        ("ready", True),
    ]


def test_a_preparation_that_never_works_ends_the_wait(stage: Stage, starting: Startup) -> None:
    stage.failing_preparations = {"kafka": 10**9}
    starting.settings = replace(starting.settings, ready_timeout_s=0)
    with pytest.raises(LakehouseError, match=r"kafka is not ready after 0 s \(no leader yet\)"):
        starting.wait()


def test_services_that_are_late_with_one_answer_are_asked_again(stage: Stage, starting: Startup) -> None:
    stage.failing_probes = {"s3": [2]}
    found = starting.wait()
    assert {s.name: (s.state, s.detail) for s in found} == {n: (ServiceState.READY, f"{n} works") for n in SERVICES}
    assert stage.probes.count("s3") == 4
