"""A bordered panel of text: drawn by a pure function; only the lines that differ are painted anew.

What the panel shows may be old: the note in its border then says so in words, and the text is dimmed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import ClassVar

from rich.cells import cell_len
from rich.console import Console
from rich.control import strip_control_codes
from rich.style import Style
from rich.text import Span, Text
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from tui.core import advice
from tui.core.store import Shown, State
from tui.view import format as fmt
from tui.view.widgets import border
from tui.view.widgets.pieces import pieces, same

STALE_AFTER_S = 5.0
"""A value older than this (and than three refresh intervals) is said to be old, even when no error was seen yet."""


QUICK = "live"
"""The source that has news several times a second: it makes only those panels anew that show it."""


class Panel(Widget):
    """A panel; subclasses give `SOURCES`, `title_text` and `lines`."""

    TITLE: ClassVar[str] = ""
    SOURCES: ClassVar[tuple[str, ...]] = ()
    can_focus = True
    """Chosen by tab or by click: the help then begins with it."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._lines: tuple[Text, ...] = ()
        self._state = State()
        self._now: datetime | None = None
        self._seen: tuple[object, ...] = ()
        self._strips: dict[int, tuple[Text, int, Style, Strip]] = {}

    def offer(self, state: State, now: datetime, period_s: float) -> None:
        """Show `state`; nothing is repainted where nothing differs."""
        seen = self._news(state, now, period_s, self.size)
        if seen == self._seen and QUICK not in self.SOURCES:
            return
        self._seen, self._state, self._now = seen, state, now
        notes = [note for name in self.SOURCES if (note := staleness(state.shown(name), now, period_s))]
        border.write(self, self.title_text(state), notes[0] if notes else "")
        self.set_class(bool(notes), "-stale")
        self._redraw()

    @staticmethod
    def _news(state: State, now: datetime, period_s: float, size: Size) -> tuple[object, ...]:
        """What decides how a panel looks that does not show the quick source: readings, the second, the size."""
        readings = (id(shown) for name, shown in state.sources.items() if name != QUICK)
        return (int(now.timestamp()), period_s, size, *readings)

    def on_resize(self) -> None:
        """Lay the text out for the new size."""
        self._redraw()

    def _redraw(self) -> None:
        if self._now is None or not self.size.width:
            return
        made = self.lines(self._state, self._now, self.size.width, self.size.height)[: self.size.height]
        before = dict(enumerate(self._lines))
        lines = tuple(before[y] if y in before and same(line, before[y]) else line for y, line in enumerate(made))
        changed = [y for y, line in enumerate(lines) if line is not before.get(y)]
        changed += range(len(lines), len(before))
        self._lines = lines
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def render_line(self, y: int) -> Strip:
        """One line of now; what does not fit ends with an ellipsis."""
        width, style = self.size.width, self.visual_style.rich_style
        if y >= len(self._lines):
            return Strip.blank(width, style)
        line = self._lines[y]
        kept = self._strips.get(y)
        if kept is not None and kept[0] is line and kept[1] == width and kept[2] == style:
            return kept[3]
        strip = _strip(line, width, style)
        self._strips[y] = (line, width, style, strip)
        return strip

    def title_text(self, state: State) -> str:  # noqa: ARG002 - others have more to say
        """What stands in the border."""
        return self.TITLE

    def lines(self, state: State, now: datetime, width: int, height: int) -> Sequence[Text]:
        """The text for `width` columns and `height` rows."""
        raise NotImplementedError


def _strip(line: Text, width: int, style: Style) -> Strip:
    """`line` in `width` cells on `style`."""
    if line.cell_len > width:
        line = line.copy()
        line.truncate(width, overflow="ellipsis")
    return Strip(pieces(line, style), line.cell_len).extend_cell_length(width, style)


def staleness(shown: Shown, now: datetime, period_s: float) -> str | None:
    """In words, since when a value is not confirmed; `None` while it is fresh, or where there is nothing yet."""
    if shown.error is not None and shown.value is not None:
        return f"stale, {fmt.age(shown.taken_at, now)} old"
    age_s = shown.age_s(now)
    if shown.value is not None and age_s is not None and age_s > max(STALE_AFTER_S, 3 * period_s + 2):
        return f"no answer for {fmt.age(shown.taken_at, now)}"
    return None


def sentence(shown: Shown, now: datetime, width: int) -> list[Text]:
    """The error of a source, with since when, as lines; empty where it answers."""
    if shown.error is None:
        return []
    since = f" (for {fmt.age(shown.failing_since, now)})" if shown.failing_since else ""
    return wrapped(Text(f"! {fmt.plain(shown.error)}{since}", style="bold"), width)


def absent(state: State, service: str, title: str, shown: Shown, now: datetime, width: int) -> list[Text]:
    """What stands where nothing is known yet: what the service's process says, the error, or that one waits."""
    why = advice.absence(state, service, title)
    if why is not None:
        return wrapped(why, width)
    return sentence(shown, now, width) or [Text(f"Waiting for {title}'s first answer …", style="dim")]


def due_lines(state: State, now: datetime) -> list[Text]:
    """When the first checkpoint is due, while there is none."""
    due_s = advice.first_checkpoint(state, now)
    if due_s is None:
        return []
    return [Text(f"first checkpoint due {'now' if due_s == 0 else f'in {fmt.duration(due_s)}'}", style="yellow")]


def ahead_of_clock(state: State, now: datetime, width: int) -> list[Text]:
    """That snapshots are of the future, and what follows; nothing where they are not."""
    ahead = advice.clock_behind(state, now)
    if ahead is None:
        return []
    told = f"! This clock is {fmt.duration(ahead.total_seconds())} behind the newest snapshot."
    what = "If the job's is too, Iceberg takes no commit until it has caught up: set it right."
    return wrapped(Text(f"{told} {what}", style="bold"), width)


def wrapped(text: Text | str, width: int) -> list[Text]:
    """`text` in lines of at most `width` columns, broken between words."""
    whole = text if isinstance(text, Text) else Text(text)
    return list(whole.wrap(_console(max(8, width)), max(8, width)))


@lru_cache(maxsize=16)
def _console(width: int) -> Console:
    """What Rich needs to wrap text; making one costs more than the wrapping."""
    return Console(width=width)


def columns(
    header: Sequence[str], rows: Sequence[Sequence[str | Text]], *, left: Sequence[int] = (0,), gap: int = 2
) -> list[Text]:
    """Rows in aligned columns below a dim header; columns named in `left` are set left, others right."""
    table: list[list[str | Text]] = [[Text(h, style="dim") for h in header]]
    table += [[_printable(cell) for cell in row] for row in rows]
    sizes = [[cell_len(cell) if isinstance(cell, str) else cell.cell_len for cell in row] for row in table]
    widths = [max(column) for column in zip(*sizes, strict=True)]
    rooms = [[" " * (width - size) for size, width in zip(row, widths, strict=True)] for row in sizes]
    return [_row(row, room, left, " " * gap) for row, room in zip(table, rooms, strict=True)]


def _printable(cell: str | Text) -> str | Text:
    return cell if isinstance(cell, Text) or cell.isprintable() else strip_control_codes(cell)


def _row(cells: Sequence[str | Text], rooms: Sequence[str], left: Sequence[int], gap: str) -> Text:
    """One line of it: put together at once, because each step of Rich's own appending costs as much."""
    parts: list[str] = []
    spans: list[Span] = []
    at = 0
    for i, (cell, room) in enumerate(zip(cells, rooms, strict=True)):
        before, after = ("", room) if i in left else (room, "")
        before = gap + before if i else before
        at += len(before)
        if isinstance(cell, Text):
            if cell.style:
                spans.append(Span(at, at + len(cell), cell.style))
            spans += [Span(start + at, end + at, style) for start, end, style in cell.spans]
        plain = cell if isinstance(cell, str) else cell.plain
        parts += before, plain, after
        at += len(plain) + len(after)
    return Text("".join(parts), no_wrap=True, spans=spans)
