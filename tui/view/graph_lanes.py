"""A job graph as rows, one a vertex, with the streams as lanes at their left; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tui.model.flink_detail import JobGraph

UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
STROKES: Final = {
    0: " ", UP: "╵", DOWN: "╷", LEFT: "╴", RIGHT: "╶", UP | DOWN: "│", LEFT | RIGHT: "─", UP | RIGHT: "╰",
    UP | LEFT: "╯", DOWN | RIGHT: "╭", DOWN | LEFT: "╮", UP | DOWN | RIGHT: "├", UP | DOWN | LEFT: "┤",
    DOWN | LEFT | RIGHT: "┬", UP | LEFT | RIGHT: "┴", UP | DOWN | LEFT | RIGHT: "┼",
}  # fmt: skip
"""A box-drawing character for each set of directions."""
SOURCE, MIDDLE, END = "○", "●", "■"


@dataclass(frozen=True, slots=True)
class LaneRow:
    """The lanes of one row; `node` is the vertex in it, `None` for a row that only leads on; `loops`: back to these."""

    lanes: str
    node: str | None = None
    loops: tuple[str, ...] = ()


def lane_rows(graph: JobGraph) -> list[LaneRow]:
    """The whole graph, in the order of its vertices; each lane leads down to one vertex."""
    after: dict[str, list[str]] = {node.id: [] for node in graph.nodes}
    for edge in graph.edges:
        if edge.source in after and edge.target not in after[edge.source]:
            after[edge.source].append(edge.target)
    order = {node.id: index for index, node in enumerate(graph.nodes)}
    sources, rows = graph.sources(), []
    lanes: list[str | None] = []
    for index, node in enumerate(graph.nodes):
        targets = sorted((t for t in after[node.id] if order.get(t, -1) > index), key=lambda t: order[t])
        loops = tuple(t for t in after[node.id] if order.get(t, index + 1) <= index)
        column = _column_of(node.id, lanes)
        mark = SOURCE if node.id in sources else MIDDLE if targets else END
        drawn = [mark if i == column else "│" if lane else " " for i, lane in enumerate(lanes)]
        rows.append(LaneRow(_drawn(drawn), node.id, loops))
        rows += _branch(lanes, column, targets)
    return rows


def _column_of(node: str, lanes: list[str | None]) -> int:
    """Where the vertex stands: at the end of the lane that leads to it, else in a lane of its own."""
    if node in lanes:
        return lanes.index(node)
    return _free(lanes, node)


def _free(lanes: list[str | None], target: str) -> int:
    """Give `target` the first free lane."""
    if None in lanes:
        column = lanes.index(None)
        lanes[column] = target
        return column
    lanes.append(target)
    return len(lanes) - 1


def _branch(lanes: list[str | None], column: int, targets: Sequence[str]) -> Iterator[LaneRow]:
    """Lead on from the vertex in `column`: the nearest new target below it, others in lanes of their own."""
    lanes[column] = None
    before = list(lanes)
    for target in targets:
        if target not in lanes:
            if lanes[column] is None:
                lanes[column] = target
            else:
                _free(lanes, target)
    ends = {lanes.index(target) for target in targets}
    if ends - {column}:
        yield LaneRow(_connector(before, lanes, column, ends))
    while lanes and lanes[-1] is None:
        lanes.pop()


def _connector(before: Sequence[str | None], lanes: Sequence[str | None], column: int, ends: set[int]) -> str:
    low, high = min(ends | {column}), max(ends | {column})
    drawn = []
    for i in range(len(lanes)):
        passes = i < len(before) and before[i] is not None
        strokes = UP | DOWN if passes else 0
        if i in ends or i == column:
            strokes |= (LEFT if i > low else 0) | (RIGHT if i < high else 0)
            strokes |= (UP if i == column else 0) | (DOWN if i in ends else 0)
        elif low < i < high and not passes:
            strokes = LEFT | RIGHT
        drawn.append(STROKES[strokes])
    return _drawn(drawn, low, high)


def _drawn(cells: Sequence[str], low: int = 0, high: int = 0) -> str:
    """Cells with a column between them, which is part of the stream from `low` to `high`."""
    line = ""
    for i, cell in enumerate(cells):
        line += ("─" if low < i <= high else " ") * (i > 0) + cell
    return line.rstrip()
