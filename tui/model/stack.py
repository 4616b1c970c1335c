"""Values about the services that a backend runs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

NO_SPACE = "no space is left"
"""How the detail of a service begins that a full disk keeps from working."""


class ServiceState(StrEnum):
    """What is known of one service."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    UNHEALTHY = "unhealthy"  # its process runs but it does not answer as it should
    BACKOFF = "backoff"  # it crashed and waits to be started again
    FAILED = "failed"  # it crashed too often, or never became ready; nobody tries again
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Service:
    """One service; `restarts` counts starts after the first since the stack came up."""

    name: str
    state: ServiceState
    pid: int | None = None
    endpoint: str | None = None
    restarts: int | None = None
    detail: str | None = None

    @property
    def healthy(self) -> bool:
        """Whether it answers as it should."""
        return self.state is ServiceState.READY


@dataclass(frozen=True, slots=True)
class ProducerStatus:
    """The background producer of this home; `rate` in records a second (0: unbounded), `sent` = acknowledged."""

    state: str
    pid: int | None
    rate: float | None
    sent: int | None


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a longer action; `done` and `total` in `unit`, `total` unknown is `None`."""

    step: str
    detail: str = ""
    done: int | None = None
    total: int | None = None
    unit: str = ""
    finished: bool = False
