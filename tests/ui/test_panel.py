"""A panel paints only the lines that differ, and cuts those that do not fit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Span, Text
from textual.app import App, ComposeResult
from textual.strip import Strip

from tui.core.store import State, apply
from tui.model.reading import Reading
from tui.view.widgets.panel import Panel, _strip, columns

NOW = datetime(2026, 7, 27, 12, tzinfo=UTC)


class Lines(Panel):
    """Shows `now_shown` and notes which lines it is asked to paint."""

    def __init__(self) -> None:
        super().__init__(id="lines")
        self.title = "Lines [b]"
        self.now_shown = [Text("one"), Text("two", style="green"), Text("three")]
        self.painted: list[int] = []
        self.made = 0

    def title_text(self, state: State) -> str:
        return self.title

    def lines(self, state: State, now: datetime, width: int, height: int) -> Sequence[Text]:
        self.made += 1
        return self.now_shown

    def render_line(self, y: int) -> Strip:
        self.painted.append(y)
        return super().render_line(y)


class Frame(App[None]):
    """One panel."""

    CSS = "Lines { width: 20; height: 8; border: round white; }"

    def compose(self) -> ComposeResult:
        yield Lines()


@pytest.mark.asyncio
async def test_only_lines_that_differ_are_painted() -> None:
    app = Frame()
    async with app.run_test(size=(40, 12)) as pilot:
        panel = app.query_one(Lines)
        panel.offer(State(), NOW, 1.0)
        await pilot.pause(0.1)
        panel.painted.clear()
        panel.offer(State(), NOW + timedelta(seconds=1), 1.0)
        await pilot.pause(0.1)
        assert panel.painted == []
        panel.title = "Other"
        panel.offer(State(), NOW + timedelta(seconds=1.5), 1.0)
        panel.offer(State(), NOW + timedelta(seconds=2), 1.0)
        await pilot.pause(0.1)
        assert panel.painted == []
        assert "Other" in app.screen._compositor.render_strips()[0].text
        panel.now_shown = [Text("one"), Text("two", style="red"), Text("three")]
        panel.offer(State(), NOW + timedelta(seconds=4), 1.0)
        await pilot.pause(0.1)
        assert panel.painted == [1]
        panel.painted.clear()
        panel.now_shown = [Text("one")]
        panel.offer(State(), NOW + timedelta(seconds=5), 1.0)
        await pilot.pause(0.1)
        assert panel.painted == [1, 2]
        assert panel.render_line(1).text.strip() == ""


@pytest.mark.asyncio
async def test_a_long_line_is_cut_and_a_title_is_no_markup() -> None:
    app = Frame()
    async with app.run_test(size=(40, 12)) as pilot:
        panel = app.query_one(Lines)
        panel.now_shown = [Text("a" * 40), Text("日" * 20)]
        panel.offer(State(), NOW, 1.0)
        await pilot.pause(0.1)
        assert panel.render_line(0).text == "a" * 17 + "…"
        assert panel.render_line(1).cell_length == 18
        shown = [strip.text for strip in app.screen._compositor.render_strips()]
        assert "Lines [b]" in shown[0]


def test_a_line_has_the_styles_that_rich_gives_it() -> None:
    base = Style.parse("white on black")
    overlapping = Text("overlapping", spans=[Span(0, 6, "bold"), Span(3, 11, "red")])
    ordered = Text.assemble("a", ("b", "green"), "c", ("日", "bold red"), "  ")
    assert list(_strip(Text("plain", style="dim"), 5, base)) == [Segment("plain", base + Style.parse("dim"))]
    for line in (Text(""), Text("plain"), ordered, overlapping):
        want = [(s.text, s.style) for s in Segment.apply_style(line.render(Console(), end=""), base)]
        strip = _strip(line, 20, base)
        flat = [(c, style) for text, style, _ in strip for c in text]
        assert flat[: len(line.plain)] == [(c, style) for text, style in want for c in text]
        assert strip.cell_length == 20


@pytest.mark.asyncio
async def test_quick_news_make_only_the_panels_anew_that_show_them() -> None:
    app = Frame()
    async with app.run_test(size=(40, 12)):
        panel = app.query_one(Lines)
        first = apply(apply(State(), Reading("lag", NOW, 1, value=1)), Reading("live", NOW, 1, value=1))
        panel.offer(first, NOW, 1.0)
        panel.made = 0
        panel.offer(apply(first, Reading("live", NOW, 2, value=2)), NOW, 1.0)
        assert panel.made == 0
        panel.offer(apply(first, Reading("lag", NOW, 2, value=2)), NOW, 1.0)
        assert panel.made == 1
        panel.offer(first, NOW + timedelta(seconds=1), 1.0)
        assert panel.made == 2


def test_columns_are_what_rich_would_put_together() -> None:
    odd = Text("x", style="red").append("変化", "bold")
    rows = [["a", "1", odd], [Text("bb", style="dim"), Text(), "with\x07bell"]]
    header, first, second = columns(("name", "n", "what"), rows, left=(0, 2), gap=3)
    assert header.plain == "name   n   what    "
    wanted = Text("a   ").append("   ").append("1").append("   ").append_text(odd).append("   ")
    assert (first.plain, first.spans) == (wanted.plain, wanted.spans)
    assert second.plain == "bb         withbell"
    assert second.spans == [Span(0, 2, "dim")]
