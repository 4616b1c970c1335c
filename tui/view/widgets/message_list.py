"""A list of Kafka messages, one a line, that draws only the lines that are seen: a page may change every second."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message as Event
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.model.kafka import Message
from tui.view import format as fmt

Place = tuple[int, int]
"""Partition and offset."""

LATE_S = 5.0
"""A trade that was made so long before it came is said to be late."""

_KEY_WIDTH = 10
_VALUE_CHARACTERS = 500
_KEPT = 500
"""So many lines are kept as they were drawn."""


class Look(NamedTuple):
    """What decides how a message is drawn beside itself: cells of the line, of partition and of offset, and styles."""

    width: int = 0
    partition: int = 1
    offset: int = 6
    dated: bool = False
    needle: str = ""
    base: Style = Style.null()
    dim: Style = Style.null()
    bad: Style = Style.null()

    @property
    def header(self) -> str:
        """The names of the columns."""
        time = f"{'date and time':<18}" if self.dated else f"{'time':<12}"
        return f"  {'p':>{self.partition}} {'offset':>{self.offset}}  {time}  {'key':<{_KEY_WIDTH}}  value"

    def line(self, message: Message, style: Style) -> list[Segment]:
        """A message on `style`."""
        dim, bad = style + self.dim, style + self.bad
        place = f"{message.partition:>{self.partition}} {fmt.count(message.offset):>{self.offset}}  "
        time = f"{stamp(message.timestamp, dated=self.dated):<{18 if self.dated else 12}}  "
        key = f"{clipped(fmt.plain(message.key), _KEY_WIDTH)}  "
        line = [Segment(f"  {place}", style), Segment(time, dim), Segment(key, style)]
        if message.problem:
            line = [
                Segment("✗ ", bad),
                Segment(place, style),
                *line[1:],
                Segment(f"{fmt.plain(message.problem)}  ", bad),
            ]
        room = self.width - sum(segment.cell_length for segment in line)
        return line + self.value(message, room, dim if message.problem else style)

    def value(self, message: Message, room: int, style: Style) -> list[Segment]:
        """The value on one line: from where it holds the text that was searched; else a trade in short, if need be."""
        value = fmt.plain(message.value and message.value[:_VALUE_CHARACTERS])
        found = value.lower().find(self.needle) if self.needle else -1
        if found < 0 and self.needle and message.value:
            far = message.value.lower().find(self.needle)
            value = fmt.plain(message.value[max(0, far) : max(0, far) + _VALUE_CHARACTERS])
            found = 0 if far >= 0 else -1
        if found < 0:
            short = not message.problem and room < len(value)
            return [Segment((trade(message) if short else None) or value, style)]
        end = found + len(self.needle)
        begin = max(0, min(found - room // 4, len(value) - room + 1)) if end > room else 0
        before = ("…" if begin else "") + value[begin:found]
        marked = style + Style(bold=True, underline=True)
        return [Segment(before, style), Segment(value[found:end], marked), Segment(value[end:], style)]


class MessageList(ScrollView, can_focus=True):
    """Messages under a header that stays; the cursor stays on its message as long as that is there."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"messages--header", "messages--cursor", "messages--bad", "messages--dim"}
    DEFAULT_CSS = """
    MessageList { height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; }
    MessageList > .messages--header { text-style: bold; color: $foreground 70%; }
    MessageList > .messages--cursor { text-style: reverse; }
    MessageList > .messages--bad { color: $error; }
    MessageList > .messages--dim { color: $foreground 60%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "up", show=False),
        Binding("down", "move(1)", "down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("pagedown", "page(1)", "page down", show=False),
        Binding("home", "edge(-1)", "first", show=False),
        Binding("end", "edge(1)", "last", show=False),
        Binding("enter", "open", "open", show=False),
    ]

    class Moved(Event):
        """The user moved the cursor; `last` tells whether it is on the newest message."""

        def __init__(self, *, last: bool) -> None:
            super().__init__()
            self.last = last

    class Opened(Event):
        """The user wants to see the message under the cursor."""

    class Beyond(Event):
        """The user pages beyond the first (-1) or the last (1) message."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._messages: tuple[Message, ...] = ()
        self._cursor = 0
        self._needle = ""
        self._dated = False
        self._widths = (1, 6)
        self._look = Look()
        self._drawn: dict[Place, tuple[Message, Style, Strip]] = {}

    # --- what is shown

    @property
    def selected(self) -> Message | None:
        """The message under the cursor."""
        return self._messages[self._cursor] if self._messages else None

    @property
    def at_end(self) -> bool:
        """Whether the cursor is on the last message."""
        return self._cursor >= len(self._messages) - 1

    def offer(
        self, messages: Sequence[Message], now: datetime, *, go: int | None = None, needle: str | None = None
    ) -> None:
        """Show `messages`; `go` is the index to go to (-1: the last), `None` stays on the message of before.

        `needle` is underlined where a value holds it.
        """
        before = self.selected
        self._messages, self._needle = tuple(messages), (needle or "").lower()
        today = now.astimezone().date()
        self._dated = any(m.timestamp is not None and m.timestamp.astimezone().date() != today for m in messages)
        self._widths = (
            max([1, *(len(str(m.partition)) for m in messages)]),
            max([6, *(len(fmt.count(m.offset)) for m in messages)]),
        )
        last = max(0, len(self._messages) - 1)
        if go is not None:
            self._cursor = last if go < 0 else min(go, last)
        elif before is not None:
            self._cursor = self._place_of((before.partition, before.offset))
        else:
            self._cursor = last
        self._lay_out()

    def _place_of(self, place: Place) -> int:
        """The index of a message; of its neighbour in time where it is gone."""
        for index, message in enumerate(self._messages):
            if (message.partition, message.offset) == place:
                return index
        return min(self._cursor, max(0, len(self._messages) - 1)) if self._cursor else 0

    def _lay_out(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._messages) + 1)
        self._follow_cursor()
        self.refresh()

    def _follow_cursor(self) -> None:
        room = max(1, self.scrollable_content_region.height - 1)
        top = self.scroll_offset.y
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False, force=True, immediate=True)
        elif self._cursor >= top + room:
            self.scroll_to(y=self._cursor - room + 1, animate=False, force=True, immediate=True)
        self.vertical_scrollbar.position = self.scroll_y  # Textual forgets it when both change at once

    def on_resize(self) -> None:
        """The cursor stays in sight."""
        self._lay_out()

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines of a part of it."""
        width, needle = self.scrollable_content_region.width, self._needle
        base, dim, bad = self.visual_style.rich_style, self._style("dim"), self._style("bad")
        look = Look(width, *self._widths, self._dated, needle, base, dim, bad)
        if look != self._look or len(self._drawn) > _KEPT:
            self._look = look
            self._drawn.clear()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """The header, or the message on line `y`."""
        look = self._look
        index = self.scroll_offset.y + y - 1
        if not self._messages or index >= len(self._messages):
            return Strip.blank(look.width, look.base)
        if y == 0:
            return fitted([Segment(look.header, look.base + self._style("header"))], look.width, look.base)
        message, style = self._messages[index], look.base
        if index == self._cursor:
            style += self._style("cursor") if self.has_focus else Style(bold=True, underline=True)
        kept = self._drawn.get((message.partition, message.offset))
        if kept is None or kept[:2] != (message, style):
            kept = message, style, fitted(look.line(message, style), look.width, style)
            self._drawn[message.partition, message.offset] = kept
        return kept[2]

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"messages--{name}", partial=True)

    # --- keys and mouse

    def action_move(self, step: int) -> None:
        """One message up or down."""
        self._go(self._cursor + step)

    def action_page(self, step: int) -> None:
        """As many messages as are seen, or beyond the page."""
        if (self._cursor == 0) if step < 0 else self.at_end:
            self.post_message(self.Beyond(step))
            return
        self._go(self._cursor + step * max(1, self.scrollable_content_region.height - 2))

    def action_edge(self, step: int) -> None:
        """The first or the last message."""
        self._go(0 if step < 0 else len(self._messages))

    def action_open(self) -> None:
        """Show the message under the cursor."""
        if self._messages:
            self.post_message(self.Opened())

    def _go(self, index: int) -> None:
        self._cursor = min(max(0, index), max(0, len(self._messages) - 1))
        self._follow_cursor()
        self.refresh()
        self.post_message(self.Moved(last=self.at_end))

    def on_click(self, event: events.Click) -> None:
        """The message that was clicked; a second click opens it."""
        index = self.scroll_offset.y + event.y - 1
        if event.y >= 1 and index < len(self._messages):
            self._go(index)
            if event.chain == 2:
                self.action_open()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel moves the cursor, so that a page that is followed stands still."""
        event.stop()
        event.prevent_default()
        self._go(self._cursor - 3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Towards the end."""
        event.stop()
        event.prevent_default()
        self._go(self._cursor + 3)


def clipped(text: str, width: int) -> str:
    """`text` in exactly `width` cells, the last one an ellipsis where something was cut."""
    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"


def fitted(line: list[Segment], width: int, style: Style) -> Strip:
    """`line` in exactly `width` cells, as `clipped`."""
    strip = Strip(segment for segment in line if segment.text)
    if strip.cell_length <= width:
        return strip.adjust_cell_length(width, style)
    cut = list(strip.adjust_cell_length(width - 1))
    return Strip([*cut, Segment("…", cut[-1].style if cut else style)], width)


def trade(message: Message) -> str | None:
    """A trade in short, with how far behind Kafka's time it was made if that is much."""
    try:
        made = json.loads(message.value or "")
        text = f"{made['side']:<4} {made['qty']:g} at {fmt.price(float(made['price']))}"
        behind_s = (message.timestamp.timestamp() - made["ts"] / 1000) if message.timestamp else 0.0
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    return f"{text}, {fmt.duration(behind_s)} late" if behind_s >= LATE_S else text


def stamp(moment: datetime | None, *, dated: bool = False) -> str:
    """Local time to the millisecond, with month and day where `dated`."""
    if moment is None:
        return fmt.UNKNOWN
    local = moment.astimezone()
    text = f"{local:%H:%M:%S}.{local.microsecond // 1000:03}"
    return f"{local:%m-%d} {text}" if dated else text
