"""A list of Kafka messages, one a line, that draws only the lines that are seen: a page may change every second."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
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

    def render_line(self, y: int) -> Strip:
        """The header, or the message on line `y`."""
        width = self.scrollable_content_region.width
        base = self.visual_style.rich_style
        if not self._messages:
            return Strip.blank(width, base)
        if y == 0:
            return self._strip(self._header(), width, base + self._style("header"))
        index = self.scroll_offset.y + y - 1
        if index >= len(self._messages):
            return Strip.blank(width, base)
        style = base
        if index == self._cursor:
            focused = self.has_focus
            style += self._style("cursor") if focused else Style(bold=True, underline=True)
        return self._strip(self._line(self._messages[index]), width, style)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"messages--{name}", partial=True)

    def _strip(self, text: Text, width: int, style: Style) -> Strip:
        text.truncate(width, overflow="ellipsis")
        segments = [
            Segment(s.text, style + s.style if s.style else style)
            for s in text.render(self.app.console, end="")
            if s.text
        ]
        return Strip(segments).adjust_cell_length(width, style)

    def _header(self) -> Text:
        partition, offset = self._widths
        time = "date and time" if self._dated else "time"
        head = f"  {'p':>{partition}} {'offset':>{offset}}  {time:<{self._time_width}}  {'key':<{_KEY_WIDTH}}  value"
        return Text(head, no_wrap=True)

    @property
    def _time_width(self) -> int:
        return 18 if self._dated else 12

    def _line(self, message: Message) -> Text:
        partition, offset = self._widths
        dim, bad = self._style("dim"), self._style("bad")
        line = Text(no_wrap=True, end="")
        line.append_text(Text("✗ ", style=bad) if message.problem else Text("  "))
        line.append(f"{message.partition:>{partition}} {fmt.count(message.offset):>{offset}}  ")
        line.append(f"{stamp(message.timestamp, dated=self._dated):<{self._time_width}}  ", style=dim)
        key = Text(fmt.plain(message.key), no_wrap=True)
        key.truncate(_KEY_WIDTH, overflow="ellipsis", pad=True)
        line.append_text(key)
        line.append("  ")
        if message.problem:
            line.append(message.problem, style=bad)
            line.append("  ")
        room = self.scrollable_content_region.width - line.cell_len
        return line.append_text(self._value(message, room, dim if message.problem else Style.null()))

    def _value(self, message: Message, room: int, style: Style) -> Text:
        """The value on one line: from where it holds the text that was searched; else a trade in short, if need be."""
        value = fmt.plain(message.value and message.value[:_VALUE_CHARACTERS])
        found = value.lower().find(self._needle) if self._needle else -1
        if found < 0 and self._needle and message.value:
            far = message.value.lower().find(self._needle)
            value = fmt.plain(message.value[max(0, far) : max(0, far) + _VALUE_CHARACTERS])
            found = 0 if far >= 0 else -1
        if found < 0 and not message.problem and room < len(value):
            return Text(trade(message) or value, style=style)
        begin = max(0, min(found - room // 4, len(value) - room + 1)) if found + len(self._needle) > room else 0
        text = Text("…" if begin else "", style=style).append(value[begin:])
        if found >= 0:
            at = found - begin + (1 if begin else 0)
            text.stylize("bold underline", at, at + len(self._needle))
        return text

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
