"""What the Flink screen shows beyond the dashboard: graph, subtasks, one checkpoint, configuration, TaskManagers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from tui.model.flink import Checkpoint


@dataclass(frozen=True, slots=True)
class GraphNode:
    """One vertex of the plan. `description` tells its operators in lines; `clocked`: it replaces watermarks."""

    id: str
    name: str
    description: str
    parallelism: int
    clocked: bool = False


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """A stream between two vertices, and how its records are shared out (`FORWARD`, `HASH`, `REBALANCE`, …)."""

    source: str
    target: str
    ship_strategy: str


@dataclass(frozen=True, slots=True)
class JobGraph:
    """The plan of a job, sources first: every edge goes from an earlier node to a later one, unless it is a loop."""

    job_id: str
    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]

    def sources(self) -> frozenset[str]:
        """Ids of the vertices that nothing flows into."""
        return frozenset(node.id for node in self.nodes) - {edge.target for edge in self.edges}

    def behind(self, ids: Iterable[str]) -> frozenset[str]:
        """Ids of all vertices that something flows into from one of `ids`, over any number of edges."""
        found: set[str] = set()
        reached = set(ids)
        while reached:
            reached = {edge.target for edge in self.edges if edge.source in reached} - found
            found |= reached
        return frozenset(found)

    def clocked(self) -> frozenset[str]:
        """Ids of the vertices where watermarks tell the clock, not event time."""
        return self.behind(node.id for node in self.nodes if node.clocked)


@dataclass(frozen=True, slots=True)
class Subtask:
    """One parallel instance of a vertex; counts are of this attempt, rates records a second, ratios 0 to 1."""

    index: int
    attempt: int
    status: str
    host: str | None
    taskmanager: str | None
    started_at: datetime | None
    duration_ms: int | None
    read_records: int | None
    write_records: int | None
    read_bytes: int | None
    write_bytes: int | None
    in_rate: float | None = None
    out_rate: float | None = None
    busy_ratio: float | None = None
    backpressured_ratio: float | None = None
    idle_ratio: float | None = None
    watermark_ms: int | None = None


@dataclass(frozen=True, slots=True)
class CheckpointVertex:
    """What one vertex did for a checkpoint; of the parts of its time (ms) each is the slowest subtask's."""

    vertex_id: str
    status: str
    acknowledged: int
    subtasks: int
    acknowledged_at: datetime | None
    duration_ms: int | None
    size_bytes: int | None
    sync_ms: int | None = None
    async_ms: int | None = None
    alignment_ms: int | None = None
    start_delay_ms: int | None = None


@dataclass(frozen=True, slots=True)
class CheckpointDetail:
    """One checkpoint with its vertices, in the order of Flink's answer."""

    checkpoint: Checkpoint
    kind: str
    acknowledged: int
    subtasks: int
    processed_bytes: int | None
    vertices: tuple[CheckpointVertex, ...]


@dataclass(frozen=True, slots=True)
class ConfigEntry:
    """One setting; the value of a `masked` one is not here."""

    key: str
    value: str
    masked: bool = False


@dataclass(frozen=True, slots=True)
class ConfigSection:
    """Settings of one origin, by key."""

    title: str
    entries: tuple[ConfigEntry, ...]


@dataclass(frozen=True, slots=True)
class TaskManager:
    """One TaskManager; memory in bytes, `cpu_load` 0 to 1 of the machine, `None` where it has not reported."""

    id: str
    address: str
    data_port: int
    slots_total: int
    slots_free: int
    last_heartbeat_at: datetime | None
    cores: int | None
    physical_bytes: int | None
    process_bytes: int | None
    heap_used: int | None = None
    heap_max: int | None = None
    managed_used: int | None = None
    managed_total: int | None = None
    network_used: int | None = None
    network_total: int | None = None
    metaspace_used: int | None = None
    metaspace_max: int | None = None
    direct_used: int | None = None
    gc_count: int | None = None
    gc_ms: int | None = None
    cpu_load: float | None = None
    threads: int | None = None
