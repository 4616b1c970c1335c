"""The kept lines against a slow and simple model of them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len, chop_cells

from tui.model.logs import Level, LogLine
from tui.view.log_buffer import LogBuffer

MAX = 7
TEXTS = st.text(alphabet="abA 漢é👍", max_size=12)
LINES = st.builds(LogLine, TEXTS, st.sampled_from([None, *Level]))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("extend"), st.lists(LINES, max_size=5)),
        st.tuples(st.just("note"), TEXTS),
        st.tuples(st.just("look"), st.tuples(st.sampled_from([None, *Level]), st.sampled_from([None, 2, 3, 5]))),
        st.tuples(st.just("search"), st.text(alphabet="abA漢", max_size=2)),
        st.tuples(st.just("clear"), st.none()),
    ),
    max_size=12,
)


@dataclass
class Model:
    """Everything in lists, everything looked at each time."""

    lines: list[tuple[LogLine, bool]] = field(default_factory=list)
    level: Level | None = None
    width: int | None = None
    needle: str = ""

    def shown(self) -> list[str]:
        least = self.level or 0
        return [x.text for x, note in self.lines if note or self.level is None or (x.level or 0) >= least]

    def parts(self, text: str) -> list[str]:
        return chop_cells(text, self.width) if self.width and cell_len(text) > self.width else [text]

    def rows(self) -> list[str]:
        return [part for text in self.shown() for part in self.parts(text)]

    def hits(self) -> list[str]:
        needle = self.needle
        if not needle:
            return []
        exact = needle != needle.lower()
        return [t for t in self.shown() if needle in (t if exact else t.lower())]


@given(STEPS)
@settings(max_examples=300, deadline=None)
def test_rows_hits_and_places_are_those_of_the_model(steps: list[tuple[str, object]]) -> None:
    buffer, model = LogBuffer(MAX), Model()
    for name, value in steps:
        before = len(model.rows())
        match name:
            case "extend" | "note":
                fresh = list(value) if name == "extend" else [LogLine(value)]  # type: ignore[call-overload, arg-type]
                gone = buffer.extend(fresh, note=name == "note")
                model.lines += [(line, name == "note") for line in fresh]
                added = len(model.rows()) - before
                model.lines = model.lines[-MAX:]
                assert gone == before + added - len(model.rows())
            case "look":
                model.level, model.width = value  # type: ignore[misc]
                buffer.look(level=model.level, width=model.width)
            case "search":
                model.needle = str(value)
                buffer.search(model.needle)
            case "clear":
                model.lines = []
                buffer.clear()
        check(buffer, model)


def check(buffer: LogBuffer, model: Model) -> None:
    rows = model.rows()
    assert (buffer.total, buffer.shown, buffer.rows) == (len(model.lines), len(model.shown()), len(rows))
    assert [buffer.text(*buffer.at(row)) for row in range(buffer.rows)] == rows
    numbers = [buffer.at(row)[0] for row in range(buffer.rows)]
    assert [buffer.row_of(n) for n in dict.fromkeys(numbers)] == [numbers.index(n) for n in dict.fromkeys(numbers)]
    assert buffer.hits == len(model.hits())
    found, at = [], -1
    while (hit := buffer.hit(at, 1)) is not None and not hit[1]:
        at = hit[0]
        found.append(buffer.line(at).line.text)
        assert buffer.rank(at) == len(found)
    assert found == model.hits()


def texts(buffer: LogBuffer) -> list[str]:
    return [buffer.text(*buffer.at(row)) for row in range(buffer.rows)]


def test_hits_go_round_at_both_ends() -> None:
    buffer = LogBuffer()
    buffer.extend([LogLine(text) for text in ("hit", "no", "hit", "no")])
    buffer.search("hit")
    assert [buffer.hit(n, 1) for n in (-1, 0, 1, 2, 3)] == [(0, False), (2, False), (2, False), (0, True), (0, True)]
    assert [buffer.hit(n, -1) for n in (4, 2, 1, 0)] == [(2, False), (0, False), (0, False), (2, True)]
    buffer.search("nowhere")
    assert buffer.hit(0, 1) is None


def test_search_is_plain_text_and_capitals_matter_if_typed() -> None:
    buffer = LogBuffer()
    buffer.extend([LogLine("a.*b"), LogLine("aXXb"), LogLine("Error"), LogLine("error"), LogLine("ÉCLAIR")])
    counts = {}
    for text in ("a.*b", "error", "Error", "éclair", ""):
        buffer.search(text)
        counts[text] = buffer.hits
    assert counts == {"a.*b": 1, "error": 2, "Error": 1, "éclair": 1, "": 0}


def test_a_line_without_level_is_hidden_by_a_filter_and_a_note_is_not() -> None:
    buffer = LogBuffer()
    buffer.extend([LogLine("plain"), LogLine("info", Level.INFO), LogLine("bad", Level.ERROR)])
    buffer.extend([LogLine("note")], note=True)
    buffer.look(level=Level.WARN, width=None)
    assert texts(buffer) == ["bad", "note"]


def test_appending_costs_what_is_appended_whatever_is_kept() -> None:
    """A buffer a hundred times as full must not make an append even three times as slow."""
    fresh = [LogLine(f"2026-11-24 INFO  line {n}", Level.INFO) for n in range(100)]

    def seconds(size: int) -> float:
        buffer = LogBuffer(size)
        for _ in range(size // 100):
            buffer.extend(fresh)
        best = 1.0
        for _ in range(30):
            began = time.perf_counter()
            buffer.extend(fresh)
            best = min(best, time.perf_counter() - began)
        return best

    assert seconds(20_000) < 3 * seconds(200) + 0.0005
