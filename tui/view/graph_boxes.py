"""A job graph as boxes in layers, from sources at the top to sinks at the bottom; pure.

The layers are those of the longest way from a source. A stream over several layers takes a place of its own in those
between. Each layer is ordered by where its streams come from, so that few of them cross.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from rich.cells import cell_len
from rich.text import Text

from tui.model.flink_detail import JobGraph
from tui.view import format as fmt
from tui.view.graph_lanes import DOWN, LEFT, RIGHT, STROKES, UP

GAP: Final = 3
"""Columns between two boxes."""
_BORDERS: Final = {False: ("╭", "─", "╮", "│", "╰", "╯"), True: ("┏", "━", "┓", "┃", "┗", "┛")}


@dataclass(frozen=True, slots=True)
class Box:
    """What stands in a box: a title for its border, of which the suffix is never cut, and lines."""

    title: str
    suffix: str
    lines: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """Where the box of a vertex is: columns and rows, ends excluded."""

    node: str
    left: int
    right: int
    top: int
    bottom: int


@dataclass(frozen=True, slots=True)
class Drawing:
    """Lines of text, and where each box is in them."""

    lines: tuple[Text, ...]
    placed: tuple[Placed, ...]


@dataclass(slots=True)
class _Item:
    """One place in a layer: a box, or a stream that passes by."""

    name: str
    node: str | None
    inputs: list[tuple[_Item, str]] = field(default_factory=list)
    outputs: list[_Item] = field(default_factory=list)
    center: int = 0


@lru_cache(8)
def widest_layer(graph: JobGraph) -> int:
    """How many boxes stand beside each other at most (passing streams not counted)."""
    return max((sum(item.node is not None for item in layer) for layer in _layers(graph)), default=0)


def draw(graph: JobGraph, boxes: Mapping[str, Box], width: int, chosen: str | None = None) -> Drawing:
    """The graph with boxes of equal width that fill `width` columns; the chosen one has a heavy border."""
    rows, placed = _streams(graph, _height(boxes), width)
    over: dict[int, list[tuple[int, Text]]] = {}
    for place in placed:
        for row, line in enumerate(_box(place, boxes[place.node], heavy=place.node == chosen), place.top):
            over.setdefault(row, []).append((place.left, line))
    return Drawing(tuple(_line(row, over.get(number, [])) for number, row in enumerate(rows)), placed)


def rows(graph: JobGraph, boxes: Mapping[str, Box], width: int) -> int:
    """How many rows the drawing takes."""
    return len(_streams(graph, _height(boxes), width)[0])


def _height(boxes: Mapping[str, Box]) -> int:
    return 2 + max((len(box.lines) for box in boxes.values()), default=0)


@lru_cache(8)
def _streams(graph: JobGraph, height: int, width: int) -> tuple[tuple[str, ...], tuple[Placed, ...]]:
    """The streams alone, as rows of equal length, and where boxes of that height stand between them."""
    layers = _layers(graph)
    most = max((sum(item.node is not None for item in layer) for layer in layers), default=1)
    passing = max((sum(item.node is None for item in layer) for layer in layers), default=0)
    outer = max(24, min(46, (width - passing * (GAP + 1)) // max(1, most) - GAP))
    room = _place(layers, outer, width)
    canvas = _Canvas()
    placed, top = [], 0
    for depth, layer in enumerate(layers):
        for item in layer:
            if item.node is None:
                canvas.vertical(item.center, top, top + height - 1, item.name)
            else:
                left = item.center - outer // 2
                placed.append(Placed(item.node, left, left + outer, top, top + height))
        top += height
        if depth + 1 < len(layers):
            top += _route(canvas, layer, layers[depth + 1], top, outer)
    drawn = canvas.rows(top, room)
    used = max([*(len(row.rstrip()) for row in drawn), *(place.right for place in placed)], default=0)
    return tuple(row[:used] for row in drawn), tuple(placed)


# --- layers


def _layers(graph: JobGraph) -> list[list[_Item]]:
    order = {node.id: index for index, node in enumerate(graph.nodes)}
    ways: dict[tuple[str, str], str] = {}
    for edge in graph.edges:
        if order[edge.source] < order[edge.target]:  # loops are not drawn
            known = ways.get((edge.source, edge.target))
            ways[edge.source, edge.target] = f"{known} {edge.ship_strategy}" if known else edge.ship_strategy
    depth = dict.fromkeys(order, 0)
    for node in graph.nodes:
        depth[node.id] = max((depth[a] + 1 for a, b in ways if b == node.id), default=0)
    layers: list[list[_Item]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    items = {node.id: _Item(node.id, node.id) for node in graph.nodes}
    for node in graph.nodes:
        layers[depth[node.id]].append(items[node.id])
    for (source, target), strategy in ways.items():
        here = items[source]
        for between in range(depth[source] + 1, depth[target]):
            step = _Item(f"{source}>{target}", None, [(here, "")])
            here.outputs.append(step)
            layers[between].append(step)
            here = step
        here.outputs.append(items[target])
        items[target].inputs.append((here, strategy))
    _order(layers)
    return layers


def _order(layers: list[list[_Item]]) -> None:
    for down in (True, False, True):
        for layer in layers if down else reversed(layers):
            rank = {id(item): index for other in layers for index, item in enumerate(other)}
            near = {
                id(item): _mean([rank[id(n)] for n in _neighbours(item, down=down)], rank[id(item)]) for item in layer
            }
            layer.sort(key=lambda item: near[id(item)])


def _neighbours(item: _Item, *, down: bool) -> list[_Item]:
    return [other for other, _ in item.inputs] if down else item.outputs


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default


# --- places


def _place(layers: list[list[_Item]], outer: int, width: int) -> int:
    """Give every item its middle column: below what flows into it where there is room; returns the columns used."""
    widths = [[outer if item.node else 1 for item in layer] for layer in layers]
    used = max((sum(layer) + GAP * (len(layer) - 1) for layer in widths), default=0)
    room = max(width, used)
    for layer, sizes in zip(layers, widths, strict=True):
        wanted = [_mean([other.center for other, _ in item.inputs], room / 2) for item in layer]
        left = 0
        for item, size, middle in zip(layer, sizes, wanted, strict=True):
            item.center = max(left + size // 2, round(middle))
            left = item.center - size // 2 + size + GAP
        right = room
        for item, size in reversed(list(zip(layer, sizes, strict=True))):
            item.center = min(item.center, right - size + size // 2)
            right = item.center - size // 2 - GAP
    _centered(layers, outer, room)
    return room


def _centered(layers: list[list[_Item]], outer: int, room: int) -> None:
    """Move everything so that there is as much room at its left as at its right."""
    items = [item for layer in layers for item in layer]
    left = min((item.center - (outer // 2 if item.node else 0) for item in items), default=0)
    right = max((item.center + (outer - outer // 2 if item.node else 1) for item in items), default=room)
    for item in items:
        item.center += (room - right - left) // 2


# --- streams


class _Canvas:
    """Strokes by cell; where two streams cross, the vertical one passes over the other."""

    def __init__(self) -> None:
        self._cells: dict[tuple[int, int], tuple[int, str]] = {}
        self._texts: list[tuple[int, int, str]] = []

    def stroke(self, row: int, column: int, strokes: int, owner: str) -> None:
        old, of = self._cells.get((row, column), (0, owner))
        if of != owner and old:
            if old == UP | DOWN and strokes == LEFT | RIGHT:
                return
            if old == LEFT | RIGHT and strokes == UP | DOWN:
                old = 0
        self._cells[row, column] = (old | strokes, owner)

    def vertical(self, column: int, top: int, bottom: int, owner: str) -> None:
        for row in range(top, bottom + 1):
            self.stroke(row, column, UP | DOWN, owner)

    def horizontal(self, row: int, start: int, end: int, owner: str) -> None:
        for column in range(min(start, end) + 1, max(start, end)):
            self.stroke(row, column, LEFT | RIGHT, owner)

    def text(self, row: int, column: int, text: str) -> None:
        self._texts.append((row, column, text))

    def rows(self, height: int, width: int) -> list[str]:
        rows = [[" "] * width for _ in range(height)]
        for (row, column), (strokes, _) in self._cells.items():
            if 0 <= column < width:
                rows[row][column] = STROKES[strokes]
        for row, column, text in self._texts:
            for i, character in enumerate(text):
                if 0 <= column + i < width:
                    rows[row][column + i] = character
        return ["".join(row) for row in rows]


def _route(canvas: _Canvas, above: Sequence[_Item], below: Sequence[_Item], top: int, outer: int) -> int:
    """Draw the streams between two layers; returns how many rows that took."""
    ports = {id(item): _ports(item, above, outer) for item in below}
    tracks: list[list[tuple[int, int]]] = []
    chosen: dict[int, int] = {}
    for item in above:
        ends = [
            item.center,
            *(column for target in item.outputs for other, column, _ in ports[id(target)] if other is item),
        ]
        span = (min(ends), max(ends))
        if span[0] != span[1]:
            free = (i for i, taken in enumerate(tracks) if all(span[1] < a - 1 or span[0] > b + 1 for a, b in taken))
            track = next(free, len(tracks))
            if track == len(tracks):
                tracks.append([])
            tracks[track].append(span)
            chosen[id(item)] = track
    height = max(1, len(tracks)) + 1
    for target in below:
        for item, column, strategy in ports[id(target)]:
            _draw_stream(canvas, item, column, (top, top + chosen.get(id(item), 0), top + height - 1))
            if target.node is None:
                canvas.stroke(top + height - 1, column, UP | DOWN, item.name)
            else:
                room = max(3, outer // max(1, len(target.inputs)) - 2)
                canvas.text(top + height - 1, column, fmt.clip(f"▼ {strategy}".strip(), room))
    return height


def _ports(item: _Item, above: Sequence[_Item], outer: int) -> list[tuple[_Item, int, str]]:
    """Where each stream enters `item`, from left to right as they come, and never straight below another's origin."""
    inputs = sorted(item.inputs, key=lambda entry: entry[0].center)
    left, share = item.center - outer // 2, outer / max(1, len(inputs))
    found = []
    for i, (other, strategy) in enumerate(inputs):
        column = item.center if len(inputs) == 1 else left + round(share * (i + 0.5))
        while any(column == origin.center for origin in above if origin is not other):
            column += 2
        if item.node is None:
            item.center = column
        found.append((other, column, strategy))
    return found


def _draw_stream(canvas: _Canvas, item: _Item, column: int, rows: tuple[int, int, int]) -> None:
    top, track, bottom = rows
    owner = item.name if item.node is None else item.node
    canvas.vertical(item.center, top, track - 1, owner)
    if column == item.center:
        canvas.vertical(column, track, bottom - 1, owner)
        return
    canvas.stroke(track, item.center, UP | (RIGHT if column > item.center else LEFT), owner)
    canvas.horizontal(track, item.center, column, owner)
    canvas.stroke(track, column, DOWN | (LEFT if column > item.center else RIGHT), owner)
    canvas.vertical(column, track + 1, bottom - 1, owner)


# --- boxes


def _box(place: Placed, box: Box, *, heavy: bool) -> Iterator[Text]:
    """The lines of a box."""
    upper_left, flat, upper_right, side, lower_left, lower_right = _BORDERS[heavy]
    inner = place.right - place.left - 2
    title = fmt.clip(box.title, inner - 3 - len(box.suffix)) + box.suffix
    border = "bold" if heavy else ""
    yield Text.assemble(
        (f"{upper_left}{flat}", border),
        (f" {title} ", "bold reverse" if heavy else "bold"),
        (f"{flat * max(0, inner - 3 - cell_len(title))}{upper_right}", border),
    )
    for content in box.lines:
        line = content.copy()
        line.truncate(inner - 2, overflow="ellipsis", pad=True)
        yield Text.assemble((f"{side} ", border), line, (f" {side}", border))
    for _ in range(place.top + 1 + len(box.lines), place.bottom - 1):
        yield Text(f"{side}{' ' * inner}{side}", style=border)
    yield Text(f"{lower_left}{flat * inner}{lower_right}", style=border)


def _line(row: str, over: Sequence[tuple[int, Text]]) -> Text:
    """A row of streams with lines of boxes over it, each from its column on."""
    line, at = Text(no_wrap=True), 0
    for column, part in sorted(over, key=lambda entry: entry[0]):
        line.append(row[at:column], style="dim").append_text(part)
        at = column + part.cell_len
    return line.append(row[at:], style="dim")
