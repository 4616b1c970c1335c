"""The job graph as lines of text: a box for each vertex, or a row; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from rich.text import Text

from tui.model.flink import Vertex
from tui.model.flink_detail import GraphNode, JobGraph
from tui.view import flink_tables as tables
from tui.view import format as fmt
from tui.view.fit import PADDING, Col, Fitted, fit
from tui.view.graph_boxes import Box
from tui.view.graph_lanes import lane_rows
from tui.view.vertices import behind


def node_box(node: GraphNode, vertex: Vertex | None, name: str, at: datetime, *, is_source: bool, full: bool) -> Box:
    """A vertex as a box: rates, load, watermark; with `full` also its tasks and how much it has read and written."""
    suffix = f" ×{node.parallelism}"
    if vertex is None:
        waiting = (
            Text("out –/s"),
            Text("busy –  backpressure –"),
            Text("watermark –"),
            *([Text("tasks –")] if full else []),
        )
        return Box(name, suffix, waiting)
    in_rate, out_rate = tables.rates(vertex, is_source=is_source)
    flow = f"out {out_rate}/s" if is_source else f"in {in_rate}/s  out {out_rate}/s"
    load = Text.assemble(
        "busy ", tables.load(vertex.busy_ratio), "  backpressure ", tables.load(vertex.backpressured_ratio)
    )
    if vertex.running < vertex.parallelism:
        load = Text.assemble(tables.state_text(vertex.status), f" {vertex.running}/{vertex.parallelism} tasks")
    late = behind(vertex.watermark_ms, at, vertex.watermark_lag_ms)
    lines = [Text(flow), load, Text(f"watermark {late if late == fmt.UNKNOWN else f'{late} behind'}")]
    if full:
        read = "" if is_source else f"in {fmt.short(vertex.read_records)}  "
        lines.append(Text(f"all: {read}out {fmt.short(vertex.write_records)}", style="dim"))
    return Box(name, suffix, tuple(lines))


LANES = (
    Col("vertex", "vertex", 26, 0, "left", grow=True),
    Col("by", "fed by", 9, 5, "left"),
    Col("in", "in/s", 5, 1),
    Col("out", "out/s", 5, 1),
    Col("busy", "busy", 4, 1),
    Col("back", "backpr.", 7, 2),
    Col("mark", "watermark", 9, 3),
)


def lane_lines(
    graph: JobGraph,
    vertices: Mapping[str, Vertex],
    names: Mapping[str, str],
    now: datetime,
    width: int,
    chosen: str | None,
) -> list[tuple[Text, str | None]]:
    """A header, then the graph as lanes: each line with its vertex, if it has one."""
    rows = lane_rows(graph)
    gutter = max((len(row.lanes) for row in rows), default=0) + 1
    measured = dict(tables.vertex_rows(vertices.values(), names, graph, now))
    cells = [
        (node.id, {**measured.get(node.id, {"by": tables.fed_by(graph, node.id)}), "vertex": title(node, names)})
        for node in graph.nodes
    ]
    header, *texts = _aligned(fit(LANES, cells, width - gutter + PADDING))
    by_node = dict(zip((node.id for node in graph.nodes), texts, strict=True))
    lines: list[tuple[Text, str | None]] = [(Text.assemble(" " * gutter, header), None)]
    for row in rows:
        if row.node is None:
            lines.append((Text(row.lanes, style="dim"), None))
            continue
        line = Text.assemble(row.lanes.ljust(gutter), by_node[row.node])
        for target in row.loops:
            line.append(f"  back to {names.get(target, target)}", style="dim")
        line.stylize("reverse" if row.node == chosen else "", gutter)
        lines.append((line, row.node))
    return lines


def title(node: GraphNode, names: Mapping[str, str]) -> str:
    """The short name with the parallelism."""
    return f"{names.get(node.id) or fmt.plain(node.name)} ×{node.parallelism}"


def _aligned(fitted: Fitted) -> list[Text]:
    """Header and rows of a table as lines."""
    header = [Text(label, style="dim") for _, label, _ in fitted.columns]
    cells = [header, *(row for _, row in fitted.rows)]
    widths = [max(row[i].cell_len for row in cells) for i in range(len(fitted.columns))]
    return [_row(row, [side == "left" for _, _, side in fitted.columns], widths) for row in cells]


def _row(cells: Sequence[Text], left: Sequence[bool], widths: Sequence[int]) -> Text:
    line = Text(no_wrap=True)
    for cell, is_left, width in zip(cells, left, widths, strict=True):
        room = " " * (width - cell.cell_len)
        line = Text.assemble(line, "  " if line else "", *((cell, room) if is_left else (room, cell)))
    return line


def streams_text(graph: JobGraph, names: Mapping[str, str], vertex: str) -> str:
    """What flows into a vertex and out of it, and how it is shared out."""
    into = [f"from {names.get(e.source, e.source)} by {e.ship_strategy}" for e in graph.edges if e.target == vertex]
    out = [f"to {names.get(e.target, e.target)} by {e.ship_strategy}" for e in graph.edges if e.source == vertex]
    return " · ".join([*into, *out]) or "no streams"
