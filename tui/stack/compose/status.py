"""What is known of each container: the engine's word, and the service's own answer to a real question."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.model.errors import UnavailableError
from tui.model.stack import Service, ServiceState
from tui.settings import Settings
from tui.stack.local import flink, kafka, s3
from tui.stack.local.credentials import Credentials
from tui.stack.local.layout import Layout
from tui.stack.local.readiness import http_json
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
        state = found.attrs["State"]
        restarts = int(found.attrs.get("RestartCount", 0)) + revived(self.layout, name)
        status = str(state["Status"])
        if status in _WITHOUT_PROCESS:
            detail = f"exited with {state['ExitCode']}" if status == "exited" else status
            return Service(name, _WITHOUT_PROCESS[status], None, endpoint, restarts, state.get("Error") or detail)
        pid = state.get("Pid") or None
        if status == "paused":
            return Service(name, ServiceState.UNHEALTHY, pid, endpoint, restarts, "paused")
        health = str(state.get("Health", {}).get("Status", "none"))
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
            flink.TASKMANAGER: lambda: probe_taskmanager(self.settings, str(found.attrs["Config"]["Hostname"])),
        }
        return asked[name]()

    def _keys(self) -> Credentials:
        if self.keys is None:
            raise UnavailableError("its keys are not known here; `lakehouse-tui up` learns them")
        return self.keys


def probe_taskmanager(settings: Settings, hostname: str) -> str:
    """Whether the TaskManager in the container `hostname` has registered; raises `UnavailableError` if not (yet)."""
    known = http_json(settings.flink_port, "/taskmanagers", PROBE_S).get("taskmanagers", [])
    ours = [t for t in known if str(t.get("id", "")).startswith(f"{hostname}-")]
    if not ours:
        raise UnavailableError("not registered at the JobManager")
    newest = max(ours, key=lambda t: int(t.get("timeSinceLastHeartbeat", 0)))
    return f"{newest.get('freeSlots')} of {newest.get('slotsNumber')} slots free"


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
        return (layout.run / f"{name}.revived").read_text(encoding="utf-8").count("\n")
    except OSError:
        return 0
