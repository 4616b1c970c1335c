"""Where a query is written: coloured, completed, with the queries before at its upper edge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.style import Style
from textual import events
from textual.message import Message
from textual.widgets import TextArea
from textual.widgets.text_area import TextAreaTheme

from tui.view.sql import words

_THEME = TextAreaTheme(
    name="sql",
    syntax_styles={
        "keyword": Style(bold=True, color="cyan"),
        "string": Style(color="green"),
        "number": Style(color="magenta"),
        "comment": Style(italic=True, dim=True),
    },
)


class SqlEditor(TextArea):
    """Takes typed keys while it has the focus; `up` in the first line and `down` in the last one go through history."""

    class Completing(Message):
        """What the word before the cursor may become."""

        def __init__(self, found: Sequence[str]) -> None:
            super().__init__()
            self.found = tuple(found)

    class Older(Message):
        """The query before (`step` 1) or after (-1) is wanted."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, tab_behavior="focus", show_line_numbers=False, soft_wrap=True)
        self.columns: Mapping[str, Sequence[str]] = {}
        self.register_theme(_THEME)
        self.theme = "sql"

    @property
    def word(self) -> str:
        """The word before the cursor."""
        row, column = self.cursor_location
        return words.before(self.document.get_line(row)[:column])

    def put(self, sql: str) -> None:
        """Another query in place of this one, the cursor at its end; it can be undone."""
        self.replace(sql, (0, 0), self.document.end)
        self.move_cursor(self.document.end)

    def complete(self) -> bool:
        """Add what all completions of the word have in common; whether there was anything to complete."""
        word = self.word
        found = words.completions(word, self.columns)
        if not found:
            return False
        row, column = self.cursor_location
        common = _common(found)
        if len(found) == 1 or len(common) > len(word):
            self.replace(common, (row, column - len(word)), (row, column))
        return True

    async def _on_key(self, event: events.Key) -> None:
        """Tab completes, the edges lead to history, all else is the editor's own."""
        row, last = self.cursor_location[0], self.document.line_count - 1
        if event.key == "tab" and self.word and self.complete():
            event.stop()
            event.prevent_default()
        elif (event.key == "up" and row == 0) or (event.key == "down" and row == last):
            event.stop()
            event.prevent_default()
            self.post_message(self.Older(1 if event.key == "up" else -1))
        else:
            await super()._on_key(event)

    def update_suggestion(self) -> None:
        """Textual asks after each edit: say what the word may become."""
        self.post_message(self.Completing(words.completions(self.word, self.columns)))

    def _build_highlight_map(self) -> None:
        """Colours by word, where Textual's own come from a parser that is not installed; they count bytes."""
        self._line_cache.clear()
        self._highlights.clear()
        for number, line in enumerate(self.document.lines):
            self._highlights[number] = [
                (len(line[:start].encode()), len(line[:end].encode()), kind)
                for start, end, kind in words.coloured(line)
            ]


def _common(found: Sequence[str]) -> str:
    """The longest beginning that all have in common, in the case of the first."""
    first = found[0]
    length = len(first)
    for other in found[1:]:
        length = next((n for n in range(length) if n >= len(other) or other[n].lower() != first[n].lower()), length)
    return first[:length]
