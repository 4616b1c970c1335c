"""The candles panel: the chart of one symbol, or the way to the first candle."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text
from textual import events

from tui.core import advice
from tui.core.store import State
from tui.model.candles import Candle
from tui.model.live import LiveView
from tui.view import format as fmt
from tui.view.registry import GLOBAL
from tui.view.widgets.chart import Layout, draw, head_line, lay_out
from tui.view.widgets.panel import Panel, absent, sentence, wrapped

_KEYS = {command.id: command.shown_key for command in GLOBAL}


class CandlesPanel(Panel):
    """Candles of the chosen symbol; a cursor reads one of them."""

    TITLE = "Candles"
    SOURCES = ("live",)

    def __init__(self, *, id: str, capabilities: frozenset[str] = advice.OURS) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._capabilities = capabilities
        self._cursor: datetime | None = None
        self._layout: Layout | None = None
        self._drawn: tuple[tuple[object, ...], list[Text]] = ((), [])

    def title_text(self, state: State) -> str:
        """Symbol, last price, change, and how many trades come."""
        view: LiveView | None = state.shown("live").value
        if view is None or not view.symbol:
            return self.TITLE
        since = "" if view.change is None else f" · {100 * view.change:+.2f}% in {len(view.candles)} min"
        price = f"{fmt.plain(view.symbol)} {fmt.price(view.last_price)}{since}"
        rate = "" if view.rate is None else f" · {fmt.rate(view.rate)} trades/s"
        return price + rate if len(price + rate) <= self.size.width - 4 else price

    def move(self, step: int, state: State) -> None:
        """Move the cursor by `step` candles; beyond the newest one it goes away."""
        candles = _candles(state)
        if not candles:
            return
        at = next((n for n, c in enumerate(candles) if c.window_start == self._cursor), len(candles))
        at = max(0, at + step)
        self._cursor = candles[at].window_start if at < len(candles) else None

    def clear(self) -> bool:
        """Take the cursor away; whether there was one."""
        had, self._cursor = self._cursor is not None, None
        return had

    def lines(self, state: State, now: datetime, width: int, height: int) -> Sequence[Text]:
        """The numbers of the newest candle (or of the one under the cursor), then the chart."""
        candles = _candles(state)
        if not candles:
            return first_step_lines(state, now, width, self._capabilities)[:height]
        notes = note_lines(state, now, width)
        at = next((n for n, c in enumerate(candles) if c.window_start == self._cursor), len(candles) - 1)
        head = head_line(candles[at], candles[at - 1] if at else None, width)
        return [head, *notes, *self._chart(candles, width, height - 1 - len(notes))]

    def _chart(self, candles: Sequence[Candle], width: int, height: int) -> list[Text]:
        """The chart; drawn anew only for other candles, another size or another cursor."""
        key = (candles, width, height, self._cursor)
        if key != self._drawn[0]:
            self._layout = lay_out(candles, width, height, self._cursor)
            self._drawn = (key, [] if self._layout is None else draw(self._layout, self._cursor))
        return self._drawn[1]

    def on_click(self, event: events.Click) -> None:
        """The cursor on the candle that is clicked; where it is already, or where none is: away."""
        if self._layout is None:
            return
        found = self._layout.candle_at(event.get_content_offset_capture(self).x)
        self._cursor = None if found is None or found.window_start == self._cursor else found.window_start
        self._redraw()


def _candles(state: State) -> Sequence[Candle]:
    view: LiveView | None = state.shown("live").value
    return () if view is None else view.candles


def note_lines(state: State, now: datetime, width: int) -> list[Text]:
    """What is not as it should be with the candles."""
    shown = state.shown("live")
    view: LiveView | None = shown.value
    said = [] if view is None else [view.note, _behind(view)]
    notes = [Text(f"! {fmt.plain(note)}", "yellow") for note in said if note]
    return [*sentence(shown, now, width), *(line for note in notes for line in wrapped(note, width))][:3]


def _behind(view: LiveView) -> str | None:
    if view.live_from is None:
        return None
    start = fmt.clock(view.live_from, seconds=False)
    return f"The job is {fmt.count(view.behind)} messages behind: live candles start at {start}."


def first_step_lines(state: State, now: datetime, width: int, capabilities: frozenset[str] = advice.OURS) -> list[Text]:
    """What is done on the way to the first candle, and which key does the next step."""
    if not advice.services(state):
        return absent(state, "supervisor", "the stack", state.shown("services"), now, width)
    lines = [Text("No candle yet. The way to the first one:", style="bold"), Text()]
    pending = True
    for step in advice.first_steps(state, capabilities):
        if step.done:
            lines.append(Text(f"  ✓ {step.text}", style="dim"))
            continue
        key = _KEYS.get(step.command or "", " ")
        line = Text("  ")
        line.append(f" {key} ", style="bold reverse" if pending else "dim")
        line.append(f" {step.text}", style="bold" if pending else "dim")
        lines.append(line)
        pending = False
    running = any(step.done for step in advice.first_steps(state, capabilities))
    return [*lines, Text(), *(note_lines(state, now, width) if running else [])]
