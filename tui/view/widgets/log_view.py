"""A log as rows that are drawn only where they are seen; follows the end until somebody scrolls away from it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.model.logs import Level, LogLine
from tui.view.log_buffer import LogBuffer

GUTTER = 2
"""Cells before each line: its level's letter, and a sign."""
SIDEWAYS = 20
"""Columns that one key press moves."""
_LETTERS = {Level.ERROR: "E", Level.WARN: "W"}
_STYLES = {Level.ERROR: "log--error", Level.WARN: "log--warn", Level.DEBUG: "log--debug"}


class LogView(ScrollView, can_focus=True):
    """Shows a `LogBuffer`; every change of what is seen goes through its methods."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_up", show=False),
        Binding("down", "scroll_down", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("pagedown", "page_down", show=False),
        Binding("home", "scroll_home", show=False),
        Binding("end", "scroll_end", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log--error", "log--warn", "log--debug", "log--note", "log--hit", "log--sign",
    }  # fmt: skip

    class Changed(Message):
        """Another part is seen, or it began or ended to follow."""

        def can_replace(self, message: Message) -> bool:
            """Whether `message` says the same."""
            return isinstance(message, LogView.Changed)

    def __init__(self, buffer: LogBuffer | None = None, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own
        super().__init__(id=id)
        self.buffer = buffer or LogBuffer()
        self.following = True
        self.wrap = False
        self.column = 0
        self.current: int | None = None
        self._empty = ""
        self._place: int | None = None  # the line to stay at through changes of the filter, until somebody scrolls

    # --- what is in it

    def append(self, lines: Iterable[LogLine], *, note: bool = False) -> None:
        """Add lines; what is seen stays where it is, unless the end is followed."""
        gone = self.buffer.extend(lines, note=note)
        self._renew(None if self.following else self.scroll_y - gone)

    def clear(self) -> None:
        """Forget every line and follow again."""
        self.buffer.clear()
        self.current, self.column, self._place, self.following = None, 0, None, True
        self._renew(None)

    def empty(self, sentence: str) -> None:
        """What to say where there is no line."""
        if sentence != self._empty:
            self._empty = sentence
            if not self.buffer.rows:
                self.refresh()

    # --- how it is seen

    def look(self, level: Level | None, *, wrap: bool) -> None:
        """Choose lines and layout; the line at the top stays there, and is remembered while it is not among them."""
        if self._place is None and not self.following:
            self._place = self._top()
        if wrap != self.wrap:
            self.wrap, self.column = wrap, 0
        self.buffer.look(level=level, width=self._room() if wrap else None)
        self._renew(None if self._place is None else self.buffer.row_of(self._place))

    def search(self, text: str) -> None:
        """Highlight `text`; an empty one ends the search."""
        self.buffer.search(text)
        self.current = None
        self.refresh()

    def next_hit(self, step: int) -> bool | None:
        """Go to the next (1) or previous (-1) hit; whether it went round the end, `None` where there is none."""
        known = self.current is not None and self.buffer.rank(self.current) is not None
        found = self.buffer.hit(self.current if known and self.current is not None else self._from(step), step)
        if found is None:
            return None
        self.current, round_ = found
        self._reveal(self.current)
        self.refresh()
        self.post_message(self.Changed())
        return round_

    def newest_hit(self) -> bool:
        """Go to the last hit that is seen or above; whether there is any hit at all."""
        self.current = None
        return self.next_hit(-1) is not None

    def sideways(self, step: int) -> None:
        """Move over long lines by so many columns."""
        most = max(0, self.buffer.widest - self._room()) if not self.wrap else 0
        column = min(max(0, self.column + step), most)
        if column != self.column:
            self.column = column
            self.refresh()

    @property
    def rows_below(self) -> int:
        """Rows below what is seen."""
        return max(0, self.buffer.rows - round(self.scroll_y) - self.size.height)

    # --- scrolling

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """At the end it follows, elsewhere not."""
        super().watch_scroll_y(old_value, new_value)
        self.following, self._place = new_value >= self.max_scroll_y, None
        self.post_message(self.Changed())

    def on_resize(self) -> None:
        """Lay out for the new width, and keep the end, or the top line, in sight."""
        self.look(self.buffer.level, wrap=self.wrap)

    def action_scroll_up(self) -> None:
        """One row up."""
        self.scroll_to(y=self.scroll_y - 1, animate=False)

    def action_scroll_down(self) -> None:
        """One row down."""
        self.scroll_to(y=self.scroll_y + 1, animate=False)

    def action_page_up(self) -> None:
        """A page up, one row of it again."""
        self.scroll_to(y=self.scroll_y - max(1, self.size.height - 1), animate=False)

    def action_page_down(self) -> None:
        """A page down, one row of it again."""
        self.scroll_to(y=self.scroll_y + max(1, self.size.height - 1), animate=False)

    def action_scroll_home(self) -> None:
        """To the oldest line."""
        self.scroll_to(y=0, animate=False)

    def action_scroll_end(self) -> None:
        """To the newest line, and follow."""
        self.column, self._place, self.following = 0, None, True
        self._renew(None)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        """Sideways by the wheel."""
        self._wheel(event, -4)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        """Sideways by the wheel."""
        self._wheel(event, 4)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """With shift or ctrl sideways, as elsewhere."""
        if event.shift or event.ctrl:
            self._wheel(event, 4)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """With shift or ctrl sideways, as elsewhere."""
        if event.shift or event.ctrl:
            self._wheel(event, -4)

    def _wheel(self, event: events.MouseEvent, step: int) -> None:
        event.stop()
        event.prevent_default()
        self.sideways(step)

    def _room(self) -> int:
        """Cells for a line's text; the place of the scroll bar is always kept free."""
        return max(8, self.scrollable_content_region.width - GUTTER)

    def _top(self) -> int | None:
        row = round(self.scroll_y)
        return self.buffer.at(row)[0] if row < self.buffer.rows else None

    def _from(self, step: int) -> int:
        """The line from which a search begins: above what is seen for the next hit, below it for the one before."""
        if not self.buffer.rows:
            return 0
        top = round(self.scroll_y)
        row = top if step > 0 else min(top + self.size.height, self.buffer.rows) - 1
        return self.buffer.at(min(row, self.buffer.rows - 1))[0] - step

    def _reveal(self, number: int) -> None:
        """Scroll so that the first hit of the line is seen."""
        text = self.buffer.line(number).line.text
        spans = self.buffer.needle.spans(text) if self.buffer.needle else []
        begin, end = (cell_len(text[:place]) for place in (spans[0] if spans else (0, 0)))
        row, top, height = self.buffer.row_of(number), round(self.scroll_y), self.size.height
        if self.wrap:
            row += begin // self._room()
        elif not self.column <= begin <= end < self.column + self._room():
            self.column = 0
            self.sideways(max(0, end + SIDEWAYS // 2 - self._room()))
        if not top <= row < top + height:
            self.scroll_to(y=max(0, row - height // 2), animate=False)

    def _renew(self, top: float | None) -> None:
        """Take over the buffer's size and scroll to `top`, or to the end."""
        place = self._place
        self.virtual_size = Size(self.scrollable_content_region.width, self.buffer.rows)
        self.scroll_to(y=self.max_scroll_y if top is None else max(0, top), animate=False)
        self.following, self._place = top is None or self.scroll_y >= self.max_scroll_y, place
        self.refresh()
        self.post_message(self.Changed())

    # --- drawing

    def render_line(self, y: int) -> Strip:
        """One row of what is seen."""
        width = self.scrollable_content_region.width
        base = self.visual_style.rich_style
        row = round(self.scroll_y) + y
        if not self.buffer.rows:
            said = self._empty if y == 0 else ""
            return Strip([Segment(said, base + self._style("log--note"))]).adjust_cell_length(width, base)
        if row >= self.buffer.rows:
            return Strip.blank(width, base)
        number, part = self.buffer.at(row)
        return self._strip(number, part, width, base)

    def _strip(self, number: int, part: int, width: int, base: Style) -> Strip:
        kept = self.buffer.line(number)
        name = "log--note" if kept.note else _STYLES.get(kept.line.level) if kept.line.level else None
        style = base + self._style(name) if name else base
        sign = base + self._style("log--sign")
        letter = _LETTERS.get(kept.line.level, " ") if kept.line.level else " "
        if letter != " " and (part or not kept.line.first):
            letter = "│"
        mark = ">" if number == self.current else "…" if self.column and not kept.note else " "
        text = self.buffer.text(number, part)
        body = Strip(self._segments(text, style))
        room = width - GUTTER
        left = 0 if kept.note else self.column
        body = body.crop_extend(left, left + room, base)
        if not self.wrap and kept.cells > left + room:
            body = Strip([*body.crop(0, room - 1), Segment("…", sign)])
        return Strip([Segment(letter, style), Segment(mark, sign), *body], width)

    def _segments(self, text: str, style: Style) -> list[Segment]:
        if self.buffer.needle is None:
            return [Segment(text, style)]
        segments, at, hit = [], 0, style + self._style("log--hit")
        for begin, end in self.buffer.needle.spans(text):
            segments += [Segment(text[at:begin], style), Segment(text[begin:end], hit)]
            at = end
        return [*segments, Segment(text[at:], style)]

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(name, partial=True)
