"""Pure parsers of the REST answers behind the Flink screen (shapes as Flink 1.19 gives them, recorded in the tests).

As in `flink_parse`, an answer that lacks what it should hold raises `UnavailableError` with one sentence, and what
Flink does not know (-1, NaN, a missing field) is `None`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from tui.clients.flink_parse import Json, checkpoint, get, items, maybe, moment
from tui.model.errors import UnavailableError
from tui.model.flink_detail import (
    CheckpointDetail,
    CheckpointVertex,
    ConfigEntry,
    GraphEdge,
    GraphNode,
    JobGraph,
    Subtask,
    TaskManager,
)

HIDDEN: Final = "******"
_SMELLS: Final = (
    r"secret|passw|passphrase|token|credential|api-?key|(?:access|account|service|private)[._-]?key|auth-params"
    r"|basic-auth|authorization|jaas|http-headers|signature|\bsig\b"
)
_SECRET_KEY: Final = re.compile(rf"{_SMELLS}|(?:^|[._-])key$", re.IGNORECASE)
_SECRET_NAME: Final = re.compile(rf"{_SMELLS}|[._-]key$", re.IGNORECASE)
_NAME: Final = re.compile(r"""(?<![\w.-])([\w.-]++)["']?\s*+[=:]\s*+""")
_VALUE: Final = re.compile(r""""[^"]*+"?|'[^']*+'?|[^\s,;&"']++""")
_BEFORE_AT: Final = re.compile(r"(?<![^\s@])[^\s@]++(?=@)")
_USER: Final = re.compile(r"(?<=://)(?=[^/]*:|[^/]+\Z)")
_LOGIN: Final = re.compile(r"(?<=bearer )\S+|(?<=basic )\S+", re.IGNORECASE)
_HARMLESS: Final = re.compile(r"true|false|", re.IGNORECASE)
_BY_THE_CLOCK: Final = ("MiniBatchAssigner(", "mode=[ProcTime]")

# --- the graph


def graph(answer: object) -> JobGraph:
    """`GET /jobs/:id`, its plan: vertices with their names and operators, sources first, and the edges."""
    what = "a job's plan"
    names = {get(v, "id", str, what): get(v, "name", str, what) for v in items(answer, "vertices", what)}
    plan = get(answer, "plan", dict, what)
    nodes, edges = [], []
    for entry in items(plan, "nodes", what):
        node = _node(entry, names)
        nodes.append(node)
        for incoming in maybe(entry, "inputs", list) or ():
            strategy = maybe(incoming, "ship_strategy", str) or ""
            edges.append(GraphEdge(get(incoming, "id", str, what), node.id, strategy))
    known = {node.id for node in nodes}
    edges = [edge for edge in edges if edge.source in known]
    order = {vertex: index for index, vertex in enumerate(names)}
    nodes.sort(key=lambda node: order.get(node.id, len(order)))
    return JobGraph(get(answer, "jid", str, what), tuple(_sorted(nodes, edges)), tuple(edges))


def _node(entry: object, names: Mapping[str, str]) -> GraphNode:
    vertex = get(entry, "id", str, "a job's plan")
    marked = (maybe(entry, "description", str) or "").replace("<br/>", "\n")
    description = html.unescape(marked).strip()
    return GraphNode(
        id=vertex,
        name=names.get(vertex) or description.partition("\n")[0] or vertex,
        description=description,
        parallelism=get(entry, "parallelism", int, "a job's plan"),
        clocked=any(_is_clocked(line) for line in description.splitlines()),
    )


def _is_clocked(line: str) -> bool:
    operator, mode = _BY_THE_CLOCK
    return mode in line.partition(operator)[2]


def _sorted(nodes: Iterable[GraphNode], edges: Iterable[GraphEdge]) -> Iterator[GraphNode]:
    """The nodes so that edges point forward, otherwise in their own order; in a loop the first comes first."""
    waiting = {node.id: node for node in nodes}
    inputs: dict[str, set[str]] = {}
    for edge in edges:
        inputs.setdefault(edge.target, set()).add(edge.source)
    while waiting:
        ready = (node for node in waiting.values() if not inputs.get(node.id, set()) & waiting.keys())
        node = next(ready, None) or next(iter(waiting.values()))
        yield waiting.pop(node.id)


# --- subtasks


def subtasks(answer: object) -> tuple[Subtask, ...]:
    """`GET /jobs/:id/vertices/:vertex`, by index; still without rates."""
    found = [_subtask(line) for line in items(answer, "subtasks", "a vertex")]
    return tuple(sorted(found, key=lambda subtask: subtask.index))


def _subtask(line: object) -> Subtask:
    what = "a subtask"
    counts = get(line, "metrics", dict, what)
    host = maybe(line, "endpoint", str) or maybe(line, "host", str)
    return Subtask(
        index=get(line, "subtask", int, what),
        attempt=get(line, "attempt", int, what),
        status=get(line, "status", str, what),
        host=None if host in {None, "(unassigned)"} else host,
        taskmanager=_assigned(maybe(line, "taskmanager-id", str)),
        started_at=_moment(line, "start-time"),
        duration_ms=_count(line, "duration"),
        read_records=_complete(counts, "read-records"),
        write_records=_complete(counts, "write-records"),
        read_bytes=_complete(counts, "read-bytes"),
        write_bytes=_complete(counts, "write-bytes"),
    )


def _assigned(name: str | None) -> str | None:
    return None if name in {None, "", "(unassigned)"} else name


def _complete(counts: Json, name: str) -> int | None:
    return maybe(counts, name, int) if maybe(counts, f"{name}-complete", bool) else None


# --- one checkpoint


def checkpoint_detail(answer: object) -> CheckpointDetail:
    """`GET …/checkpoints/details/:checkpoint`: the vertices still without the parts of their time."""
    what = "a checkpoint"
    tasks = maybe(answer, "tasks", dict) or {}
    return CheckpointDetail(
        checkpoint=checkpoint(answer),
        kind=maybe(answer, "checkpoint_type", str) or "CHECKPOINT",
        acknowledged=get(answer, "num_acknowledged_subtasks", int, what),
        subtasks=get(answer, "num_subtasks", int, what),
        processed_bytes=_count(answer, "processed_data"),
        vertices=tuple(_checkpoint_vertex(vertex, line) for vertex, line in tasks.items()),
    )


def _checkpoint_vertex(vertex: str, line: object) -> CheckpointVertex:
    what = "a checkpoint's vertex"
    return CheckpointVertex(
        vertex_id=vertex,
        status=get(line, "status", str, what),
        acknowledged=get(line, "num_acknowledged_subtasks", int, what),
        subtasks=get(line, "num_subtasks", int, what),
        acknowledged_at=_moment(line, "latest_ack_timestamp"),
        duration_ms=_count(line, "end_to_end_duration"),
        size_bytes=_count(line, "checkpointed_size"),
    )


def timed(vertex: CheckpointVertex, answer: object) -> CheckpointVertex:
    """The vertex with what `GET …/checkpoints/details/:checkpoint/subtasks/:vertex` tells of its slowest subtask."""
    summary = maybe(answer, "summary", dict)
    duration = maybe(summary, "checkpoint_duration", dict)
    return replace(
        vertex,
        sync_ms=_count(maybe(duration, "sync", dict), "max"),
        async_ms=_count(maybe(duration, "async", dict), "max"),
        alignment_ms=_count(maybe(maybe(summary, "alignment", dict), "duration", dict), "max"),
        start_delay_ms=_count(maybe(summary, "start_delay", dict), "max"),
    )


# --- configuration


def cluster_config(answer: object) -> tuple[ConfigEntry, ...]:
    """`GET /jobmanager/config`, by key, secrets hidden."""
    if not isinstance(answer, list):
        raise UnavailableError("Flink's answer about its configuration is no list: is this Flink's REST port?")
    what = "its configuration"
    return entries({get(line, "key", str, what): get(line, "value", str, what) for line in answer})


def job_config(answer: object) -> tuple[ConfigEntry, ...]:
    """`GET /jobs/:id/config`, by key, secrets hidden."""
    return entries(get(answer, "execution-config", dict, "a job's configuration"))


def checkpoint_config(answer: object) -> tuple[ConfigEntry, ...]:
    """`GET /jobs/:id/checkpoints/config`, by key."""
    if not isinstance(answer, Mapping):
        raise UnavailableError("Flink's answer about checkpoints is no object: is this Flink's REST port?")
    return entries(answer)


def entries(settings: Mapping[str, Any]) -> tuple[ConfigEntry, ...]:
    """Settings as text, nested keys joined by dots, every secret hidden."""
    try:
        return tuple(_entry(key, text) for key, text in sorted(_flat("", settings)))
    except RecursionError:
        raise UnavailableError("Flink's answer about its configuration is nested without end.") from None


def _flat(prefix: str, settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flat(f"{name}.", value)
        else:
            yield name, str(value).lower() if isinstance(value, bool) else str(value)


def _entry(key: str, value: str) -> ConfigEntry:
    """Hides a value whose key smells of a secret, and secrets within any other value (options, addresses)."""
    if not _HARMLESS.fullmatch(value) and _SECRET_KEY.search(key) and not key.endswith("credentials.provider"):
        return ConfigEntry(key, HIDDEN, masked=True)
    return ConfigEntry(key, _masked(_LOGIN.sub(HIDDEN, _BEFORE_AT.sub(_without_user, value))), value == HIDDEN)


def _without_user(found: re.Match[str]) -> str:
    """What stands before an `@`, up to the user of an address."""
    user = _USER.search(found[0])
    return f"{found[0][: user.start()]}{HIDDEN}" if user else found[0]


def _masked(text: str) -> str:
    """The text with the value of every `name=value` hidden whose name smells; takes time by length, not its square."""
    parts, end = [], 0
    for name in _NAME.finditer(text):
        if name.start() < end or not _SECRET_NAME.search(name[1]):
            continue
        if value := _VALUE.match(text, name.end()):
            parts += [text[end : name.end()], HIDDEN]
            end = value.end()
    return "".join((*parts, text[end:]))


# --- TaskManagers

TASKMANAGER_METRICS: Final = (
    "Status.JVM.CPU.Load",
    "Status.JVM.Threads.Count",
    "Status.Flink.Memory.Managed.Used",
    "Status.JVM.Memory.Metaspace.Used",
    "Status.JVM.Memory.Metaspace.Max",
)


def taskmanager_ids(answer: object) -> list[str]:
    """`GET /taskmanagers`: the ids, in order."""
    what = "its TaskManagers"
    return sorted(get(line, "id", str, what) for line in items(answer, "taskmanagers", what))


def taskmanager(answer: object, metrics: Mapping[str, float]) -> TaskManager:
    """`GET /taskmanagers/:id`, and its `TASKMANAGER_METRICS` as far as it has reported them."""
    what = "a TaskManager"
    memory, hardware = maybe(answer, "memoryConfiguration", dict), maybe(answer, "hardware", dict)
    used = maybe(answer, "metrics", dict)
    collectors = maybe(used, "garbageCollectors", list) or []
    collections = next((c for c in collectors if maybe(c, "name", str) == "All"), None)
    load = metrics.get("Status.JVM.CPU.Load")
    return TaskManager(
        id=get(answer, "id", str, what),
        address=_address(maybe(answer, "path", str)),
        data_port=get(answer, "dataPort", int, what),
        slots_total=get(answer, "slotsNumber", int, what),
        slots_free=get(answer, "freeSlots", int, what),
        last_heartbeat_at=_moment(answer, "timeSinceLastHeartbeat"),  # an epoch time, whatever its name says
        cores=_count(hardware, "cpuCores"),
        physical_bytes=_count(hardware, "physicalMemory"),
        process_bytes=_count(memory, "totalProcessMemory"),
        heap_used=_count(used, "heapUsed"),
        heap_max=_count(used, "heapMax"),
        managed_used=_whole(metrics.get("Status.Flink.Memory.Managed.Used")),
        managed_total=_count(memory, "managedMemory"),
        network_used=_count(used, "nettyShuffleMemoryUsed"),
        network_total=_count(used, "nettyShuffleMemoryTotal"),
        metaspace_used=_whole(metrics.get("Status.JVM.Memory.Metaspace.Used")),
        metaspace_max=_whole(metrics.get("Status.JVM.Memory.Metaspace.Max")),
        direct_used=_count(used, "directUsed"),
        gc_count=_count(collections, "count"),
        gc_ms=_count(collections, "time"),
        cpu_load=None if load is None or load < 0 else min(1.0, load),
        threads=_whole(metrics.get("Status.JVM.Threads.Count")),
    )


def _address(path: str | None) -> str:
    """Host and port out of `pekko.tcp://flink@host:port/user/rpc/taskmanager_0`."""
    return (path or "").partition("@")[2].partition("/")[0]


# --- numbers


def _count(answer: object, name: str) -> int | None:
    """A number that is 0 or more; -1 is how Flink says that it does not know."""
    value = maybe(answer, name, int)
    return value if value is not None and value >= 0 else None


def _whole(value: float | None) -> int | None:
    return None if value is None or value < 0 else int(value)


def _moment(answer: object, name: str) -> datetime | None:
    epoch_ms = maybe(answer, name, int)
    return moment(epoch_ms) if epoch_ms is not None and epoch_ms > 0 else None
