"""Texts change in place; the screen is laid out anew only where their number of lines has changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rich.text import Text
from textual.app import App, ComposeResult
from textual.widgets import Static

from tui.view.widgets.notes import put


class Frame(App[None]):
    """A text that is as high as its lines, above another one."""

    CSS = "Static { height: auto; }"

    def compose(self) -> ComposeResult:
        yield Static("one", id="text")
        yield Static("below")


def two(line: Static) -> None:
    put(line, Text("two"))


def wrapped(line: Static) -> None:
    put(line, Text("two words"))


def three(line: Static) -> None:
    put(line, Text("1\n2\n3"))


@pytest.mark.parametrize(("change", "shown", "again"), [(two, 1, False), (wrapped, 2, True), (three, 3, True)])
async def test_the_screen_is_laid_out_for_other_lines_only(
    change: Callable[[Static], None], shown: int, again: bool
) -> None:
    async with Frame().run_test(size=(6, 6)) as pilot:
        await pilot.pause()
        laid_out: list[object] = []
        pilot.app.screen.screen_layout_refresh_signal.subscribe(pilot.app.screen, laid_out.append, immediate=True)
        line = pilot.app.query_one("#text", Static)
        change(line)
        await pilot.pause()
        assert (line.size.height, bool(laid_out)) == (shown, again)
        assert pilot.app.query("Static").last().region.y == shown
