"""What the tabs of the Iceberg screen show; each says which reading it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from tui.core import advice
from tui.core.store import Shown
from tui.model.candles import CandleSet
from tui.model.iceberg import RowSet, SnapshotChange, TableFiles, TableSchema
from tui.ports import LakeDetailPort
from tui.view import format as fmt
from tui.view.lake import texts
from tui.view.lake.look import CANDLES, Look, Sight, first_snapshot, short_id
from tui.view.widgets.notes import put
from tui.view.widgets.panel import wrapped
from tui.view.widgets.table import DiffTable

SNAPSHOTS = 300
"""How many snapshots are listed; older ones are reached by stepping."""
ROWS = 200
CANDLE_ROWS = 240
WIDE = 110


@dataclass(frozen=True, slots=True)
class Wanted:
    """A reading: its name, how to get it, and whether what it says can still change."""

    name: str
    fetch: Callable[[LakeDetailPort], object]
    fixed: bool


class LakeTable(DiffTable, inherit_bindings=False):
    """A table that leaves the keys it does not need to the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "cursor_up", show=False),
        Binding("down", "cursor_down", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("pagedown", "page_down", show=False),
        Binding("home", "scroll_top", show=False),
        Binding("end", "scroll_bottom", show=False),
        Binding("shift+left", "scroll_left", show=False),
        Binding("shift+right", "scroll_right", show=False),
    ]


class Pane(Vertical):
    """Lines above a table."""

    NAME: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__(id=f"lake-{self.NAME}")
        self._head = ""
        self._seen: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """The lines, then the table."""
        yield Static(id=f"lake-{self.NAME}-head", markup=False)
        yield self.table_widget()

    def table_widget(self) -> Widget:
        """What the keys move in."""
        return LakeTable(id=f"lake-{self.NAME}-table")

    @property
    def table(self) -> LakeTable:
        """The table."""
        return self.query_one(LakeTable)

    def target(self) -> Widget:
        """What takes the focus."""
        return self.table

    def wanted(self, look: Look) -> Wanted | None:  # noqa: ARG002 - others need the look
        """The reading that it shows beside the history."""
        return None

    def offer(self, sight: Sight) -> None:
        """Show what is known; nothing is done twice for the same readings within a second."""
        seen = (sight.look, sight.width, sight.paused, sight.facts, self.shown(sight), int(sight.now.timestamp()))
        if seen != self._seen:
            self._seen = seen
            self.draw(sight)

    def draw(self, sight: Sight) -> None:
        """Put what is known into the widgets."""
        raise NotImplementedError

    def record(self, key: str) -> tuple[str, list[tuple[str, str]]] | None:  # noqa: ARG002 - others have one
        """All of the row with that key, as a title and named values."""
        return None

    def say(self, lines: Iterable[Text]) -> None:
        """The lines above the table; hidden where there are none."""
        text = Text("\n").join(list(lines))
        if text.markup != self._head:
            self._head = text.markup
            head = self.query_one(Static)
            head.display = bool(text)
            put(head, text)

    def shown(self, sight: Sight) -> Shown:
        """The reading that it wants."""
        wanted = self.wanted(sight.look)
        return sight.state.shown(wanted.name) if wanted is not None else Shown()


class SnapshotsPane(Pane):
    """The list of snapshots, or what one of them changed."""

    NAME = "snapshots"

    def __init__(self) -> None:
        super().__init__()
        self._cells: dict[int, tuple[tuple[object, ...], tuple[Text, ...]]] = {}
        self._change: SnapshotChange | None = None

    def compose(self) -> ComposeResult:
        """The list; and the changed candles of one."""
        yield from super().compose()
        yield LakeTable(id="lake-changes-table")

    @property
    def changes(self) -> LakeTable:
        """The candles that the opened snapshot changed."""
        return self.query_one("#lake-changes-table", LakeTable)

    def target(self) -> Widget:
        """The list, or the changes."""
        return self.changes if self.changes.display else self.table

    def wanted(self, look: Look) -> Wanted | None:
        """The change, while a snapshot is open."""
        if look.detail is None:
            return None
        table, detail = look.table, look.detail
        return Wanted(f"iceberg.change:{table}:{detail}", lambda port: port.change(table, detail), fixed=True)

    def draw(self, sight: Sight) -> None:
        """The list, or the detail."""
        self._toggle(sight.look.detail is not None)
        if sight.look.detail is None:
            self._offer_list(sight)
        else:
            self._offer_change(sight, self.shown(sight))

    def _toggle(self, detail: bool) -> None:
        table, changes = self.table, self.changes
        if changes.display == detail and table.display != detail:
            return
        focused = table.has_focus or changes.has_focus
        table.display, changes.display = not detail, detail
        if focused:
            self.target().focus()

    def _offer_list(self, sight: Sight) -> None:
        wide = sight.width >= WIDE
        history = sight.history
        shown = sight.state.shown(f"history.{sight.look.table}")
        lines = sight.trouble(shown) if shown.value is None or shown.error else []
        self.table.set_columns(texts.snapshot_columns(wide))
        newest = list(reversed(history.snapshots))[:SNAPSHOTS] if history is not None else []
        if history is not None and not newest:
            lines.append(Text(_first_commit(sight)))
        rows = []
        cells: dict[int, tuple[tuple[object, ...], tuple[Text, ...]]] = {}
        for s in newest:
            as_of = s.id == sight.look.as_of
            stamp = (fmt.coarse_age(s.committed_at, sight.now), as_of, wide)
            known = self._cells.get(s.id)
            if known is None or known[0] != stamp:
                known = (stamp, texts.snapshot_cells(s, sight.now, wide=wide, as_of=as_of))
            cells[s.id] = known
            rows.append((str(s.id), known[1]))
        self._cells = cells
        self.table.set_rows(rows)
        left_out = len(history.snapshots) - len(newest) if history is not None else 0
        if left_out:
            older = sight.keys.get("lake_older", "b")
            lines.append(Text(f"The newest {SNAPSHOTS}; {left_out:,} older ones by stepping ({older}).", style="dim"))
        self.say(lines)

    def _offer_change(self, sight: Sight, shown: Shown) -> None:
        self.changes.set_columns(texts.CHANGE_COLUMNS)
        self._change = change = shown.value if isinstance(shown.value, SnapshotChange) else None
        if change is None:
            known = sight.snapshot(sight.look.detail)
            head = [] if known is None else [Text(f"Snapshot {known.id} of {sight.look.table}", style="bold")]
            self.say([*head, *sight.trouble(shown, fixed=True)])
            self.changes.set_rows([])
            return
        lines = texts.change_lines(change, sight.now, sight.width)
        if change.keys is None and change.note is None:
            lines.append(Text("Rows are told apart by key in the table of candles only.", style="dim"))
        self.say(lines)
        self.changes.set_rows([texts.change_row(c, sight.now) for c in change.candles])

    def record(self, key: str) -> tuple[str, list[tuple[str, str]]] | None:
        """One changed candle, value by value."""
        if self._change is None or not self.changes.display:
            return None
        return texts.change_record(self._change.candles, key)


def _first_commit(sight: Sight) -> str:
    due = advice.first_checkpoint(sight.state, sight.now)
    when = "" if due is None else f"; it is due in {fmt.duration(due)}"
    key = sight.keys.get("checkpoint", "k")
    return f"{sight.look.table} has no snapshot yet: {first_snapshot(sight.look.table)}{when} ({key}: checkpoint now)."


class SchemaPane(Pane):
    """Columns, partitions, properties."""

    NAME = "schema"

    def __init__(self) -> None:
        super().__init__()
        self._drawn: tuple[object, ...] = ()

    def table_widget(self) -> Widget:
        """A text that scrolls."""
        box = VerticalScroll(Static(id="lake-schema-text", markup=False), id="lake-schema-box")
        box.can_focus = True
        return box

    def target(self) -> Widget:
        """The text."""
        return self.query_one(VerticalScroll)

    def wanted(self, look: Look) -> Wanted:
        """The schema of now."""
        table = look.table
        return Wanted(f"iceberg.schema:{table}", lambda port: port.schema(table), fixed=False)

    def draw(self, sight: Sight) -> None:
        """The schema in words."""
        shown = self.shown(sight)
        schema = shown.value if isinstance(shown.value, TableSchema) else None
        self.say(sight.trouble(shown))
        if (schema, sight.width) != self._drawn:
            self._drawn = (schema, sight.width)
            lines = [] if schema is None else texts.schema_lines(schema, sight.width - 2)
            self.query_one("#lake-schema-text", Static).update(Text("\n").join(lines))


class FilesPane(Pane):
    """Live files and their health."""

    NAME = "files"

    def __init__(self) -> None:
        super().__init__()
        self._files: TableFiles | None = None
        self._drawn: tuple[object, ...] = ()

    def wanted(self, look: Look) -> Wanted:
        """The files of the moment."""
        table, as_of = look.table, look.as_of
        fetch: Callable[[LakeDetailPort], object] = lambda port: port.files(table, as_of)  # noqa: E731
        return Wanted(f"iceberg.files:{table}:{look.when}", fetch, fixed=as_of is not None)

    def draw(self, sight: Sight) -> None:
        """Health, then file by file."""
        shown = self.shown(sight)
        wide = sight.width >= WIDE
        self._files = files = shown.value if isinstance(shown.value, TableFiles) else None
        self.table.set_columns(texts.file_columns(wide))
        trouble = sight.trouble(shown, fixed=sight.look.as_of is not None)
        health = [] if files is None else texts.health_lines(files, sight.width)
        self.say([*trouble, *_when(sight, files.snapshot_id if files else None), *health])
        drawn = (files.files if files else (), wide, sight.now.astimezone().date())
        if drawn != self._drawn:
            self._drawn = drawn
            self.table.set_rows([texts.file_row(f, sight.now, wide=wide) for f in drawn[0]])

    def record(self, key: str) -> tuple[str, list[tuple[str, str]]] | None:
        """One file."""
        return texts.file_record(self._files.files if self._files else (), key)


class DataPane(Pane):
    """Candles of a symbol, or the newest rows."""

    NAME = "data"

    def __init__(self) -> None:
        super().__init__()
        self._value: CandleSet | RowSet | None = None
        self._drawn: tuple[object, ...] = ()

    def wanted(self, look: Look) -> Wanted:
        """Candles of the symbol, or rows."""
        table, symbol, as_of = look.table, look.symbol, look.as_of
        if table == CANDLES:
            name = f"iceberg.candles:{symbol}:{look.when}"
            return Wanted(name, lambda port: port.candles_at(as_of, symbol, CANDLE_ROWS), fixed=as_of is not None)
        name = f"iceberg.rows:{table}:{look.when}"
        return Wanted(name, lambda port: port.rows(table, as_of, ROWS), fixed=as_of is not None)

    def draw(self, sight: Sight) -> None:
        """The newest first."""
        shown = self.shown(sight)
        self._value = value = shown.value if isinstance(shown.value, CandleSet | RowSet) else None
        lines = sight.trouble(shown, fixed=sight.look.as_of is not None)
        if isinstance(value, CandleSet):
            lines += _when(sight, value.snapshot_id, f"candles of {sight.look.symbol}")
        elif isinstance(value, RowSet):
            lines += _when(sight, value.snapshot_id, f"the newest {len(value.rows):,} rows")
        if value is not None and not (value.candles if isinstance(value, CandleSet) else value.rows):
            lines.append(Text("No row here yet."))
        self.say(lines)
        self._fill(sight, value)

    def _fill(self, sight: Sight, value: CandleSet | RowSet | None) -> None:
        content = value.candles if isinstance(value, CandleSet) else value
        drawn = (content, sight.width, sight.now.astimezone().date(), sight.look.table)
        if drawn == self._drawn and content is not None:
            return
        self._drawn = drawn
        if isinstance(value, CandleSet):
            self.table.set_columns(texts.CANDLE_COLUMNS)
            self.table.set_rows([texts.candle_row(c, sight.now) for c in reversed(value.candles)])
        elif value is not None:
            columns, rows = texts.row_table(value, sight.now, sight.width)
            self.table.set_columns(columns)
            self.table.set_rows(rows)
        else:
            self.table.set_rows([])

    def record(self, key: str) -> tuple[str, list[tuple[str, str]]] | None:
        """One row or candle in full."""
        if isinstance(self._value, CandleSet):
            return texts.candle_record(self._value.candles, key)
        return texts.row_record(self._value, key) if self._value is not None else None


def _when(sight: Sight, snapshot_id: int | None, what: str = "") -> Sequence[Text]:
    """Which moment is shown, and how to go to another; as of an older one the banner says it."""
    if sight.look.as_of is not None or snapshot_id is None:
        return [Text(what)] if what and snapshot_id is not None else []
    snapshot = sight.snapshot(snapshot_id)
    ago = f", {fmt.age(snapshot.committed_at, sight.now)} ago" if snapshot else ""
    older = sight.keys.get("lake_older", "b")
    head = f"{what}, " if what else ""
    return wrapped(Text(f"{head}now: snapshot {short_id(snapshot_id)}{ago} · {older} steps back in time"), sight.width)


PANES: tuple[type[Pane], ...] = (SnapshotsPane, SchemaPane, FilesPane, DataPane)
