"""The job graph: boxes where there is room for them, else a row a vertex; one vertex is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.model.flink import Vertex
from tui.model.flink_detail import JobGraph
from tui.view import graph_boxes, graph_text
from tui.view.graph_boxes import Box, Placed
from tui.view.job_view import JobView
from tui.view.widgets.pieces import pieces

BOX_WIDTH = 34
"""Columns that a box needs for its lines, with the gap to the next one."""


class GraphView(ScrollView, can_focus=True):
    """Draws the graph of a `JobView`; only lines that are seen are rendered."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("home", "move(-1000)", show=False),
        Binding("end", "move(1000)", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("pagedown", "page_down", show=False),
    ]

    class Chosen(Message):
        """Another vertex is chosen; `opened`: by a click on the chosen one."""

        def __init__(self, *, opened: bool) -> None:
            super().__init__()
            self.opened = opened

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self.chosen: str | None = None
        self.rows_only = False
        self._view: JobView | None = None
        self._key: object = None
        self._lines: tuple[Text, ...] = ()
        self._placed: tuple[Placed, ...] = ()

    def offer(self, view: JobView) -> None:
        """Show the graph as of now."""
        self._view = view
        graph = view.graph
        known = {node.id for node in graph.nodes} if graph else set()
        if self.chosen not in known:
            self.chosen = graph.nodes[0].id if graph and graph.nodes else None
        self._draw()

    def on_resize(self) -> None:
        """Lay it out anew."""
        self._draw()

    @property
    def boxes(self) -> bool:
        """Whether there is room for boxes, and they are wanted."""
        graph = self._view.graph if self._view else None
        return graph is not None and not self.rows_only and self.boxes_fit

    @property
    def boxes_fit(self) -> bool:
        """Whether there is room for boxes."""
        graph = self._view.graph if self._view else None
        most = graph_boxes.widest_layer(graph) if graph else 0
        return most > 0 and self.size.width >= most * BOX_WIDTH and self.size.height >= 20

    def _draw(self) -> None:
        view, width = self._view, self.size.width
        if view is None or width <= 0:
            return
        key = (view.graph, view.detail, view.measured_at, self.chosen, self.size, self.rows_only)
        if key == self._key:
            return
        self._key = key
        self._lines, self._placed = self._drawn(view, width) if view.graph else ((), ())
        self.virtual_size = Size(max((line.cell_len for line in self._lines), default=0), len(self._lines))
        self.refresh()

    def _drawn(self, view: JobView, width: int) -> tuple[tuple[Text, ...], tuple[Placed, ...]]:
        graph, names, at = view.graph, view.labels(), view.measured_at or view.now
        if graph is None:
            return (), ()
        vertices = {vertex.id: vertex for vertex in view.detail.vertices} if view.detail else {}
        if self.boxes:
            boxes = _boxes(graph, vertices, names, at, full=True)
            if graph_boxes.rows(graph, boxes, self.size.width) > self.size.height:
                boxes = _boxes(graph, vertices, names, at, full=False)
            drawing = graph_boxes.draw(graph, boxes, self.size.width, self.chosen)
            return drawing.lines, drawing.placed
        rows = graph_text.lane_lines(graph, vertices, names, at, width, self.chosen)
        placed = [Placed(node, 0, width, i, i + 1) for i, (_, node) in enumerate(rows) if node is not None]
        return tuple(line for line, _ in rows), tuple(placed)

    def render_line(self, y: int) -> Strip:
        """One line of what is seen."""
        row = y + self.scroll_offset.y
        width, base = self.size.width, self.visual_style.rich_style
        if row >= len(self._lines):
            return Strip.blank(width, base)
        left = self.scroll_offset.x
        return Strip(pieces(self._lines[row], base)).crop_extend(left, left + width, base)

    def action_move(self, step: int) -> None:
        """The next vertex in the order of the graph."""
        order = [place.node for place in self._placed]
        if order:
            here = order.index(self.chosen) if self.chosen in order else 0
            self.choose(order[min(max(0, here + step), len(order) - 1)])

    def choose(self, node: str, *, opened: bool = False) -> None:
        """Choose a vertex and bring it into view."""
        self.chosen = node
        self._draw()
        place = next((place for place in self._placed if place.node == node), None)
        if place is not None:
            region = Region(place.left, max(0, place.top - 1), place.right - place.left, place.bottom - place.top + 2)
            self.scroll_to_region(region, animate=False, x_axis=self._widest() > self.size.width)
        self.post_message(self.Chosen(opened=opened))

    def _widest(self) -> int:
        return self.virtual_size.width

    def on_click(self, event: events.Click) -> None:
        """Choose what was clicked; open what is chosen already."""
        x, y = event.x + self.scroll_offset.x, event.y + self.scroll_offset.y
        for place in self._placed:
            if place.left <= x < place.right and place.top <= y < place.bottom:
                self.choose(place.node, opened=place.node == self.chosen)
                return


def _boxes(
    graph: JobGraph, vertices: Mapping[str, Vertex], names: Mapping[str, str], at: datetime, *, full: bool
) -> dict[str, Box]:
    sources = graph.sources()
    return {
        node.id: graph_text.node_box(
            node, vertices.get(node.id), names[node.id], at, is_source=node.id in sources, full=full
        )
        for node in graph.nodes
    }
