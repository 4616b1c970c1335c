"""What every part of the Flink screen has: a frame, a note, a list, and the details of one row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Static

from tui.core.sources import Source
from tui.ports import FlinkDetailPort
from tui.view.job_view import JobView
from tui.view.widgets import border
from tui.view.widgets.fit_table import FitTable
from tui.view.widgets.notes import put

Port = Callable[[], FlinkDetailPort]
ONCE_S = 3600.0
"""How often something is asked for that cannot change."""


class Line(Static):
    """Text that is set only when it differs; hidden while it is empty."""

    can_focus = False

    def __init__(self, *, id: str | None = None, classes: str = "note") -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes=classes, markup=False)
        self._said = Text()
        self.display = False

    def say(self, text: Text) -> None:
        """Show `text`."""
        if text.plain != self._said.plain or text.spans != self._said.spans:
            self._said = text
            self.display = bool(text.plain)
            put(self, text)


class Pane(Vertical):
    """One tab; `-open` while the details of one row are shown."""

    LABEL: ClassVar[str] = ""
    DETAIL_FOCUS: ClassVar[str] = ""
    LIST_FOCUS: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__(id=f"flink-{self.LABEL.lower()}", classes="box")
        self.opened: str | None = None

    def compose(self) -> ComposeResult:
        """A note, then list and details."""
        yield Line()
        yield from self.body()

    def body(self) -> Iterable[Widget]:
        """The pane's own widgets."""
        raise NotImplementedError

    def sources(self, port: Port, view: JobView) -> Mapping[str, Source]:  # noqa: ARG002 - most ask for something
        """What is fetched while the pane is seen."""
        return {}

    def offer(self, view: JobView) -> None:
        """Show the state of now."""
        raise NotImplementedError

    def row(self) -> str | None:
        """The key of the row that enter opens."""
        return self.query_one(self.LIST_FOCUS, FitTable).selected_key

    def open(self, key: str | None) -> bool:
        """Open the details of a row; whether there is one."""
        if key is None or not self.DETAIL_FOCUS:
            return False
        self.opened = key
        self.add_class("-open")
        self.query_one(self.DETAIL_FOCUS).focus()
        return True

    def close(self) -> bool:
        """Back to the list; whether something was open."""
        if self.opened is None:
            return False
        self.opened = None
        self.remove_class("-open")
        self.focus_list()
        return True

    @property
    def at_list(self) -> bool:
        """Whether the keys go to the list: beside it details may be open."""
        return self.query_one(self.LIST_FOCUS).has_focus

    def focus_list(self) -> None:
        """The keys go to the list, or to what is open; to nothing where the program ends before they are there."""
        self.query(self.DETAIL_FOCUS if self.opened and self.DETAIL_FOCUS else self.LIST_FOCUS).focus()

    def note(self, lines: Sequence[Text]) -> None:
        """What is said above the list."""
        self.query(Line).first().say(Text("\n").join(lines))

    def frame(self, title: str, subtitle: str, stale: str = "") -> None:
        """Border title and subtitle; what is stale says so."""
        border.write(self, title, " · ".join(filter(None, (stale, subtitle))))
        self.set_class(bool(stale), "-stale")

    @property
    def room(self) -> int:
        """Columns for text."""
        return max(20, self.size.width - 2)
