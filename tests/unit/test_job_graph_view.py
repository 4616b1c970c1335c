"""The job graph as text: short names, lanes, boxes; and tables that fit."""

from __future__ import annotations

import itertools
import random

import pytest
from rich.text import Text

from tests.flink_server import recorded
from tui.clients.flink_detail_parse import graph as parsed
from tui.model.flink_detail import GraphEdge, GraphNode, JobGraph
from tui.view.fit import PADDING, Col, fit
from tui.view.graph_boxes import Box, draw, widest_layer
from tui.view.graph_lanes import lane_rows
from tui.view.vertices import labels, short_name


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("Source: messages[1] -> MiniBatchAssigner[2] -> Calc[3] -> (Calc[8], Calc[15])", "Source: messages"),
        ("IcebergFilesCommitter -> Sink: IcebergSink lakehouse.lakehouse.raw_trades", "Sink: raw_trades"),
        (
            "OverAggregate[10] -> Calc[11] -> (Calc[12] -> (Calc[13] -> IcebergStreamWriter, Calc[19]), Calc[16])",
            "OverAggregate + IcebergStreamWriter",
        ),
        ("GlobalGroupAggregate[22] -> Calc[23] -> ConstraintEnforcer[24]", "GlobalGroupAggregate"),
        ("Calc[7]", "Calc"),
        ("Source: a[1] -> Sink: b.c", "Source: a + Sink: c"),
        ("Sink: Writer", "Sink: Writer"),
        ("Sink: ", "Sink:"),
        ("Map", "Map"),
        ("a\x1b[31m", "a�[31m"),
        ("", ""),
        ("()", "()"),
    ],
)
def test_a_vertex_by_what_it_is_for(name: str, short: str) -> None:
    assert short_name(name) == short


def lakehouse() -> JobGraph:
    return parsed(recorded("lakehouse_job"))


def test_vertices_of_one_name_are_told_apart() -> None:
    graph = lakehouse()
    found = labels({node.id: node.name for node in graph.nodes}, graph.edges)
    assert sorted(found.values()) == [
        "GlobalGroupAggregate",
        "IcebergStreamWriter (agg_1m)",
        "IcebergStreamWriter (bad_trades)",
        "OverAggregate + IcebergStreamWriter + LocalGroupAggregate",
        "Sink: agg_1m",
        "Sink: bad_trades",
        "Sink: raw_trades",
        "Source: messages",
    ]
    assert labels({"a": "Map", "b": "Map"}) == {"a": "Map", "b": "Map #2"}


def made(edges: str, nodes: str | None = None) -> JobGraph:
    """A graph out of "ab bc": streams from a to b and from b to c."""
    pairs = edges.split()
    names = nodes or "".join(dict.fromkeys("".join(pairs)))
    return JobGraph(
        "j",
        tuple(GraphNode(name, name, name, 1) for name in names),
        tuple(GraphEdge(source, target, "HASH") for source, target in pairs),
    )


@pytest.mark.parametrize(
    ("graph", "rows"),
    [
        (made("ab bc"), ["○", "●", "■"]),
        (made("ab ac"), ["○", "├─╮", "■ │", "  ■"]),
        (made("ac bc", "abc"), ["○", "│ ○", "├─╯", "■"]),
        (made("ac ab bc", "abc"), ["○", "├─╮", "● │", "╰─┤", "  ■"]),
        (made("ad ae bf ce", "abcdef"), None),
        (made("aa ab"), ["●", "■"]),
        (made("", "abc"), ["○", "○", "○"]),
        (made("", ""), []),
    ],
)
def test_lanes(graph: JobGraph, rows: list[str] | None) -> None:
    found = [row.lanes for row in lane_rows(graph)]
    assert rows is None or found == rows
    assert [row.node for row in lane_rows(graph) if row.node] == [node.id for node in graph.nodes]


def test_a_loop_is_said_in_words() -> None:
    rows = lane_rows(made("ab bc cb", "abc"))
    assert [row.loops for row in rows if row.node] == [(), (), ("b",)]


def any_graph(seed: int) -> JobGraph:
    numbers = random.Random(seed)
    names = "abcdefghijkl"[: numbers.randrange(1, 12)]
    pairs = [f"{a}{b}" for a, b in itertools.combinations(names, 2) if numbers.random() < 0.3]
    return made(" ".join(pairs), names)


def boxes(graph: JobGraph) -> dict[str, Box]:
    return {node.id: Box(f"vertex {node.id}", " ×1", (Text("in 1/s"), Text("busy 1%"))) for node in graph.nodes}


@pytest.mark.parametrize("seed", range(40))
def test_any_graph_is_drawn_without_a_box_over_another(seed: int) -> None:
    graph = any_graph(seed)
    for width in (60, 118, 198):
        drawing = draw(graph, boxes(graph), width, chosen=graph.nodes[0].id)
        assert {place.node for place in drawing.placed} == {node.id for node in graph.nodes}
        for one, other in itertools.combinations(drawing.placed, 2):
            apart = one.right <= other.left or other.right <= one.left
            assert apart or one.bottom <= other.top or other.bottom <= one.top
        assert len({line.cell_len for line in drawing.lines}) == 1
        text = "\n".join(line.plain for line in drawing.lines)
        arrows = len({(edge.source, edge.target) for edge in graph.edges})
        assert text.count("▼") == arrows
        for node in graph.nodes:
            assert f"vertex {node.id} ×1" in text
    lanes = lane_rows(graph)
    assert [row.node for row in lanes if row.node] == [node.id for node in graph.nodes]


def test_streams_lead_from_box_to_box() -> None:
    graph = made("ab ac bd cd")
    drawing = draw(graph, boxes(graph), 80)
    assert drawing.lines[4].plain.strip()[0] == "╭"
    assert drawing.lines[4].plain.strip()[-1] == "╮"
    assert drawing.lines[5].plain.count("▼ HASH") == 2
    assert widest_layer(graph) == 2


def test_a_title_that_is_too_long_keeps_its_parallelism() -> None:
    graph = made("", "a")
    drawing = draw(graph, {"a": Box("x" * 100, " ×64", ())}, 60)
    assert "… ×64 ┐" in drawing.lines[0].plain.replace("╮", "┐")


# --- tables

COLUMNS = (
    Col("name", "name", 10, 0, "left", grow=True),
    Col("rate", "rate", 5, 1),
    Col("extra", "extra", 8, 2),
    Col("path", "path", 6, 3, "left", tail=True),
)


def test_columns_go_by_need_and_one_takes_what_is_left() -> None:
    rows = [("a", {"name": "x" * 50, "rate": "1.0", "extra": Text("y" * 20), "path": "file:/data/chk-1"})]
    wide = fit(COLUMNS, rows, 60)
    assert [key for key, _, _ in wide.columns] == ["name", "rate", "extra", "path"]
    assert [cell.plain for cell in wide.rows[0][1]] == ["x" * 32 + "…", "1.0", "y" * 7 + "…", "…chk-1"]
    narrow = fit(COLUMNS, rows, 22)
    assert [key for key, _, _ in narrow.columns] == ["name", "rate"]
    assert sum(max(cell.cell_len, 5) + PADDING for cell in narrow.rows[0][1]) <= 22
    assert [key for key, _, _ in fit(COLUMNS, rows, 3).columns] == ["name"]


def test_a_cell_that_is_missing_is_unknown() -> None:
    assert [cell.plain for cell in fit(COLUMNS, [("a", {})], 60).rows[0][1]] == ["–"] * 4
