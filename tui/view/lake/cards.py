"""The three tables at a glance, of which one is chosen by key or by click."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget

from tui.core.store import Shown, State
from tui.model.iceberg import TableHistory
from tui.view import format as fmt
from tui.view.lake.look import TABLES, first_snapshot
from tui.view.widgets.panel import columns, staleness, wrapped

LINES = 5
"""Rows of a card where there is room for cards."""


class TableCards(Widget):
    """A line a table, or a card a table where the widget is high enough."""

    can_focus = False

    class Chosen(Message):
        """A table was clicked."""

        def __init__(self, table: str) -> None:
            super().__init__()
            self.table = table

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._lines: list[Text] = []
        self._rows_each = 1
        self._seen: tuple[object, ...] = ()

    def offer(self, state: State, now: datetime, period_s: float, chosen: str) -> None:
        """Show `state`; nothing is repainted where nothing differs."""
        shown = [(table, state.shown(f"history.{table}")) for table in TABLES]
        seen = (shown, chosen, self.size, int(now.timestamp()))
        if seen == self._seen:
            return
        self._seen = seen
        high = self.size.height >= LINES * len(TABLES)
        self._rows_each = LINES if high else 1
        if high:
            width = self.size.width
            cards = [_card(t, one, now, period_s, chosen=t == chosen, width=width) for t, one in shown]
            lines = [line for card in cards for line in card]
        else:
            lines = _lines(shown, now, period_s, chosen)
        if [(t.plain, t.spans) for t in lines] != [(t.plain, t.spans) for t in self._lines]:
            self._lines = lines
            self.refresh()

    def render(self) -> Text:
        """The lines of now."""
        text = Text("\n", no_wrap=True, overflow="ellipsis").join(self._lines)
        text.no_wrap, text.overflow = True, "ellipsis"
        return text

    def on_click(self, event: events.Click) -> None:
        """Choose what was clicked."""
        number = (event.get_content_offset(self) or event.offset).y // self._rows_each
        if 0 <= number < len(TABLES):
            self.post_message(self.Chosen(TABLES[number]))


def _lines(shown: Sequence[tuple[str, Shown]], now: datetime, period_s: float, chosen: str) -> list[Text]:
    rows = [_line(table, one, now, period_s) for table, one in shown]
    known = [row for row in rows if len(row) > 1]
    table = columns([""] * 5, known, left=(4,), gap=1)[1:] if known else []
    texts = iter(table)
    bodies = [next(texts) if len(row) > 1 else row[0] for row in rows]
    width = max(len(name) for name in TABLES)
    return [
        Text.assemble(_name(name, name == chosen, width), "  ", body)
        for (name, _), body in zip(shown, bodies, strict=True)
    ]


def _name(table: str, chosen: bool, width: int = 0) -> Text:
    return Text(f"{'▶' if chosen else ' '} {table:<{width}}", style="bold reverse" if chosen else "bold")


def _line(table: str, shown: Shown, now: datetime, period_s: float, *, full: bool = False) -> list[Text]:
    """Cells, or a single sentence where there is nothing to count; `full` leaves no word out."""
    history: TableHistory | None = shown.value
    current = history.current if history is not None else None
    if history is None or current is None:
        return [_nothing(table, shown)]
    deletes = f" +{fmt.count(current.total_delete_files)} deletes" if current.total_delete_files != 0 else ""
    stale = staleness(shown, now, period_s)
    age = f"{fmt.age(current.committed_at, now)} ago" if not stale else f"! {stale}" if full else "! stale"
    return [
        Text(f"{fmt.short(current.total_records)} records"),
        Text(f"{fmt.count(current.total_files)} files{deletes}"),
        Text(fmt.size(current.total_bytes)),
        Text(f"{fmt.count(len(history.snapshots))} snapshots"),
        Text(age),
    ]


def _nothing(table: str, shown: Shown) -> Text:
    if shown.value is not None:
        return Text(f"no snapshot yet: {first_snapshot(table)}")
    return Text(
        "…" if shown.error is None else f"! {fmt.plain(shown.error)}", style="dim" if shown.error is None else ""
    )


def _card(table: str, shown: Shown, now: datetime, period_s: float, *, chosen: bool, width: int) -> list[Text]:
    cells = _line(table, shown, now, period_s, full=True)
    body: Sequence[Text]
    if len(cells) == 1:
        body = wrapped(cells[0], width - 2)[: LINES - 2]
    else:
        records, files, size, snapshots, age = cells
        body = [records, Text.assemble(files, ", ", size), Text.assemble(snapshots, ", ", age)]
    lines = [_name(table, chosen), *(Text.assemble("  ", line) for line in body)]
    return [*lines, *[Text()] * (LINES - len(lines))]
