"""What is known of each service: the supervisor's word about its process, and its own answer to a real question."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tui.model.errors import UnavailableError
from tui.model.stack import Service, ServiceState
from tui.settings import Settings
from tui.stack.local import flink, kafka, s3
from tui.stack.local.credentials import Credentials
from tui.stack.local.layout import Layout
from tui.stack.local.space import shortage
from tui.stack.local.supervision import ProgramState, State

SERVICES = (kafka.NAME, s3.NAME, flink.JOBMANAGER, flink.TASKMANAGER)
PROBE_S = 1.0
"""How long a frozen service can delay the answer about all; a working one takes milliseconds."""
_SIDE_BY_SIDE = ThreadPoolExecutor(2 * len(SERVICES), thread_name_prefix="probe")
_WITHOUT_PROCESS = {
    State.STOPPED: ServiceState.STOPPED,
    State.STOPPING: ServiceState.STOPPED,
    State.BACKOFF: ServiceState.BACKOFF,
    State.EXITED: ServiceState.FAILED,
    State.FATAL: ServiceState.FAILED,
}


@dataclass(frozen=True, slots=True)
class Prober:
    """Asks the services of one home."""

    settings: Settings
    layout: Layout
    keys: Credentials

    def probe(self, name: str, pid: int, timeout_s: float = PROBE_S) -> str:
        """A few words from service `name`, whose process is `pid`; raises `UnavailableError` if it is not ready."""
        match name:
            case kafka.NAME:
                detail = kafka.probe(self.settings, timeout_s)
            case s3.NAME:
                detail = s3.probe(self.settings, self.keys, timeout_s)
            case flink.JOBMANAGER:
                detail = flink.probe_jobmanager(self.settings, timeout_s)
            case _:
                detail = flink.probe_taskmanager(self.settings, pid, timeout_s)
        if self._ready_pid(name) != pid:
            with suppress(OSError):  # a full disk or a read-only home does not make a service unready
                self._marker(name).write_text(str(pid), encoding="utf-8")
        return detail

    def services(self, programs: dict[str, ProgramState], timeout_s: float = PROBE_S) -> tuple[Service, ...]:
        """All services, asked side by side."""
        found = tuple(_SIDE_BY_SIDE.map(lambda name: self._service(name, programs.get(name), timeout_s), SERVICES))
        full = None if all(s.healthy for s in found) else shortage(self.layout.home)
        return found if full is None else tuple(s if s.healthy else replace(s, detail=full) for s in found)

    def _service(self, name: str, program: ProgramState | None, timeout_s: float) -> Service:
        endpoint = endpoints(self.settings)[name]
        if program is None:
            return Service(name, ServiceState.STOPPED, endpoint=endpoint)
        restarts = restart_count(self.layout, name)
        if not program.runs or program.pid is None:
            state = _WITHOUT_PROCESS.get(program.state, ServiceState.UNKNOWN)
            return Service(name, state, None, endpoint, restarts, program.problem or None)
        try:
            detail = self.probe(name, program.pid, timeout_s)
        except UnavailableError as error:
            was_ready = self._ready_pid(name) == program.pid
            late = program.uptime_s > self.settings.ready_timeout_s
            state = ServiceState.UNHEALTHY if was_ready or late else ServiceState.STARTING
            return Service(name, state, program.pid, endpoint, restarts, str(error))
        return Service(name, ServiceState.READY, program.pid, endpoint, restarts, detail)

    def _marker(self, name: str) -> Path:
        return self.layout.run / f"{name}.ready"

    def _ready_pid(self, name: str) -> int | None:
        try:
            return int(self._marker(name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None


def stopped(settings: Settings) -> tuple[Service, ...]:
    """All services of a home whose supervisor is not there."""
    known = endpoints(settings)
    return tuple(Service(name, ServiceState.STOPPED, endpoint=known[name]) for name in SERVICES)


def unknown(settings: Settings, why: str) -> tuple[Service, ...]:
    """All services of a home whose supervisor is there but says nothing."""
    known = endpoints(settings)
    return tuple(Service(name, ServiceState.UNKNOWN, endpoint=known[name], detail=why) for name in SERVICES)


def endpoints(settings: Settings) -> dict[str, str | None]:
    """Where each service can be reached."""
    return {
        kafka.NAME: settings.kafka,
        s3.NAME: settings.s3_endpoint,
        flink.JOBMANAGER: settings.flink,
        flink.TASKMANAGER: None,
    }


def restart_count(layout: Layout, name: str) -> int | None:
    """Starts after the first since the supervisor came up; `None` if it never started."""
    try:
        starts = (layout.run / f"{name}.starts").read_bytes().count(b"\n")
    except OSError:
        return None
    return max(0, starts - 1) if starts else None
