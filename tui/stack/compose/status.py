"""What is known of each container: the engine's word, and the service's own answer to a real question."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tui.model.errors import UnavailableError
from tui.model.stack import Service, ServiceState
from tui.settings import Settings
from tui.stack.local import flink, kafka, s3
from tui.stack.local.credentials import Credentials
from tui.stack.local.layout import Layout
from tui.stack.local.readiness import slots, taskmanagers
from tui.stack.local.status import endpoints

if TYPE_CHECKING:
    from docker.models.containers import Container

SERVICES = (kafka.NAME, s3.NAME, flink.JOBMANAGER, flink.TASKMANAGER)
PROBE_S = 1.0
_WITHOUT_PROCESS = {
    "created": ServiceState.STARTING,
    "restarting": ServiceState.BACKOFF,
    "exited": ServiceState.FAILED,
    "dead": ServiceState.FAILED,
    "removing": ServiceState.STOPPED,
}


@dataclass(frozen=True, slots=True)
class Inspected:
    """What the engine tells of a container; what it does not tell is `None` or empty."""

    status: str
    pid: int | None
    exit_code: int | None
    error: str
    health: str
    restarts: int | None
    hostname: str


def inspected(attrs: object) -> Inspected:
    """The parts of an inspected container that are used here (Docker Engine API, "Inspect a container")."""
    state, config = _part(attrs, "State"), _part(attrs, "Config")
    return Inspected(
        status=_word(state, "Status"),
        pid=_whole(state, "Pid") or None,
        exit_code=_whole(state, "ExitCode"),
        error=_word(state, "Error"),
        health=_word(_part(state, "Health"), "Status"),
        restarts=_whole(attrs, "RestartCount"),
        hostname=_word(config, "Hostname"),
    )


def _part(value: object, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _word(value: object, name: str) -> str:
    found = _part(value, name)
    return found if isinstance(found, str) else ""


def _whole(value: object, name: str) -> int | None:
    found = _part(value, name)
    return found if type(found) is int and found >= 0 else None


@dataclass(frozen=True, slots=True)
class Prober:
    """Asks the services of one home through their published ports."""

    settings: Settings
    layout: Layout
    keys: Credentials | None

    def services(self, found: dict[str, Container]) -> tuple[Service, ...]:
        """All services, asked side by side."""
        with ThreadPoolExecutor(len(SERVICES)) as pool:
            return tuple(pool.map(lambda name: self._service(name, found.get(name)), SERVICES))

    def _service(self, name: str, found: Container | None) -> Service:
        endpoint = endpoints(self.settings)[name]
        if found is None:
            return Service(name, ServiceState.STOPPED, endpoint=endpoint)
        told = inspected(found.attrs)
        restarts = None if told.restarts is None else told.restarts + revived(self.layout, name)
        status, pid, health = told.status, told.pid, told.health
        if status in _WITHOUT_PROCESS:
            code = "–" if told.exit_code is None else told.exit_code
            detail = f"exited with {code}" if status == "exited" else status
            return Service(name, _WITHOUT_PROCESS[status], None, endpoint, restarts, told.error or detail)
        if status == "paused":
            return Service(name, ServiceState.UNHEALTHY, pid, endpoint, restarts, "paused")
        if status != "running":
            return Service(name, ServiceState.UNKNOWN, pid, endpoint, restarts, "the engine does not tell its state")
        try:
            detail = self._probe(name, found)
            if health == "starting":
                return Service(name, ServiceState.STARTING, pid, endpoint, restarts, detail)
        except UnavailableError as error:
            ill = ServiceState.STARTING if health == "starting" else ServiceState.UNHEALTHY
            return Service(name, ill, pid, endpoint, restarts, str(error))
        return Service(name, ServiceState.READY, pid, endpoint, restarts, detail)

    def _probe(self, name: str, found: Container) -> str:
        asked: dict[str, Callable[[], str]] = {
            kafka.NAME: lambda: kafka.probe(self.settings, PROBE_S),
            s3.NAME: lambda: s3.probe(self.settings, self._keys(), PROBE_S),
            flink.JOBMANAGER: lambda: flink.probe_jobmanager(self.settings, PROBE_S),
            flink.TASKMANAGER: lambda: probe_taskmanager(self.settings, inspected(found.attrs).hostname),
        }
        return asked[name]()

    def _keys(self) -> Credentials:
        if self.keys is None:
            raise UnavailableError("its keys are not known here; `lakehouse-tui up` learns them")
        return self.keys


def probe_taskmanager(settings: Settings, hostname: str) -> str:
    """Whether the TaskManager in the container `hostname` has registered; raises `UnavailableError` if not (yet)."""
    ours = [t for t in taskmanagers(settings.flink_port, PROBE_S) if str(t.get("id", "")).startswith(f"{hostname}-")]
    if not ours:
        raise UnavailableError("not registered at the JobManager")
    return slots(max(ours, key=_heartbeat))


def _heartbeat(taskmanager: dict[str, Any]) -> int:
    at = taskmanager.get("timeSinceLastHeartbeat")
    return at if isinstance(at, int) else 0


def stopped(settings: Settings) -> tuple[Service, ...]:
    """All services of a stack without containers."""
    known = endpoints(settings)
    return tuple(Service(name, ServiceState.STOPPED, endpoint=known[name]) for name in SERVICES)


def note_revival(layout: Layout, name: str) -> None:
    """Remember that a container was started again from outside, which the engine does not count."""
    with (layout.run / f"{name}.revived").open("a", encoding="utf-8") as file:
        file.write("\n")


def revived(layout: Layout, name: str) -> int:
    """How often a container was started again from outside since `up`."""
    try:
        return (layout.run / f"{name}.revived").read_bytes().count(b"\n")
    except OSError:
        return 0
