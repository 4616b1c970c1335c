"""Names of vertices as a reader needs them (Flink makes them of every operator in the chain), and their watermarks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from tui.model.flink_detail import GraphEdge
from tui.view import format as fmt

_PLUMBING: Final = re.compile(
    r"Calc|MiniBatchAssigner|ConstraintEnforcer|WatermarkAssigner|Timestamps/Watermarks|DropUpdateBefore|NotNullEnforcer"
)
_NUMBER: Final = re.compile(r"\[\d+\]")
_SPLIT: Final = re.compile(r"\s*->\s*|[(),]")
_SOURCE, _SINK = "Source: ", "Sink: "


def short_name(name: str) -> str:
    """What a vertex is for: its source or sink, else its operators without the plumbing between them.

    `Source: trades[1] -> Calc[2]` is `Source: trades`; `IcebergFilesCommitter -> Sink: IcebergSink db.tables.candles`
    is `Sink: candles`.
    """
    parts = [_NUMBER.sub("", part).strip() for part in _SPLIT.split(name)]
    operators = list(dict.fromkeys(part for part in parts if part.strip(" :")))
    ends = [_end(part) for part in operators if part.startswith((_SOURCE, _SINK))]
    kept = ends or [part for part in operators if not _PLUMBING.fullmatch(part)] or operators[:1]
    return fmt.plain(" + ".join(kept) or name)


def _end(operator: str) -> str:
    """A source or sink by the last part of what it reads or writes."""
    kind, _, what = operator.partition(": ")
    words = what.split()
    last = words[-1].rsplit(".", 1)[-1] if words else ""
    return f"{kind}: {last or what}"


def labels(names: Mapping[str, str], edges: Iterable[GraphEdge] = ()) -> dict[str, str]:
    """Vertex id → short name; vertices of one name are told apart by the sink that they feed, or by a number."""
    found = {vertex: short_name(name) for vertex, name in names.items()}
    after: dict[str, list[str]] = {}
    for edge in edges:
        after.setdefault(edge.source, []).append(edge.target)
    often = Counter(found.values())
    taken: Counter[str] = Counter()
    for vertex, label in list(found.items()):
        if often[label] > 1:
            sink = _sink_of(vertex, found, after)
            if sink is not None:
                found[vertex] = f"{label} ({sink})"
    for vertex, label in list(found.items()):
        taken[label] += 1
        if taken[label] > 1:
            found[vertex] = f"{label} #{taken[label]}"
    return found


def _sink_of(vertex: str, found: Mapping[str, str], after: Mapping[str, list[str]]) -> str | None:
    """The only sink that `vertex` leads to, by any way."""
    sinks: set[str] = set()
    seen: set[str] = set()
    waiting = [vertex]
    while waiting:
        here = waiting.pop()
        if here in seen:
            continue
        seen.add(here)
        if here != vertex and (label := found.get(here, "")).startswith(_SINK):
            sinks.add(label.removeprefix(_SINK))
        waiting += after.get(here, [])
    return sinks.pop() if len(sinks) == 1 else None


def behind(watermark_ms: int | None, at: datetime, lag_ms: int | None = None) -> str:
    """How far a watermark was behind the clock: as its source measured it, else at the time `at` of the reading."""
    if watermark_ms is None:
        return fmt.UNKNOWN
    return fmt.duration(max(0.0, lag_ms / 1000 if lag_ms is not None else at.timestamp() - watermark_ms / 1000))
