"""The SQL screen: a query over the tables, its answer, and of which snapshots that is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.binding import BindingType
from textual.containers import Vertical
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import DataTable, Static

from tui.core.sources import Source
from tui.core.store import State
from tui.model.errors import LakehouseError
from tui.model.query import Exported, QueryAnswer, QueryError, Sighting, ThereError
from tui.ports import QueryPort
from tui.view import explained, registry
from tui.view import format as fmt
from tui.view.registry import Command
from tui.view.screens.ask import Ask
from tui.view.screens.base import CockpitScreen
from tui.view.screens.confirm import Confirm
from tui.view.screens.record import Record
from tui.view.sql import cells
from tui.view.sql.asking import Answered, Asking
from tui.view.sql.editor import SqlEditor
from tui.view.sql.pick import Pick
from tui.view.widgets import border
from tui.view.widgets.notes import put
from tui.view.widgets.table import DiffTable

COLUMNS = "sql.columns"
LIMIT = 1_000
MOST = 10_000
"""Rows that the table on the screen may hold; an export has them all."""
FIRST = "SELECT * FROM agg_1m ORDER BY window_start DESC, symbol"
_STEP_S = 0.25


class SqlScreen(CockpitScreen):
    """The editor above, the answer below; one query at a time."""

    NAME = "sql"
    AUTO_FOCUS = "#sql-table"
    OWN: ClassVar[tuple[Command, ...]] = (
        Command(
            "sql_run", "f5,ctrl+r,ctrl+enter", "screen.run", "run", "run the query, also while it is written", rank=1
        ),
        Command(
            "sql_edit", "e", "screen.edit", "edit", "write; tab completes, up and down at the edges: history", rank=1
        ),
        Command("sql_queries", "f2,w", "screen.queries", "queries", "worked queries, and those asked before", rank=1),
        Command("sql_export", "f9,E", "screen.export", "export", "write the whole answer as CSV or Parquet", rank=2),
        Command("sql_limit", "L", "screen.limit", "limit", "how many rows are shown at most", rank=3),
        Command("sql_back", "escape", "screen.back", "back", "cancel the query; leave the editor; go back", rank=4),
    )
    BINDINGS: ClassVar[list[BindingType]] = registry.bindings(OWN)
    PANELS = explained.SQL
    ABOUT = """
SQL over raw_trades, agg_1m and bad_trades, as this product reads them: every delete is applied.
Names may stand in backticks, as in Flink. "agg_1m$snapshots" and "agg_1m$files" tell of a table itself.
An answer is of the snapshot that its lower border names; it is dimmed as soon as a newer one is there.
∅ null is no value; a text NULL is written as it is. Times with a zone are local. enter shows a row in full.
Only questions are possible: nothing is written, and neither files nor the network can be reached.
While the editor has the focus, letters are its own: esc gives the keys back.
"""
    DEFAULT_CSS = """
    SqlScreen #sql-editor {
        height: auto; min-height: 5; max-height: 45%;
        border: round $secondary 60%; border-title-color: $primary; border-title-style: bold;
        border-subtitle-color: $foreground 80%; background: $background; padding: 0;
    }
    SqlScreen #sql-editor:focus { border: round $primary; }
    SqlScreen #sql-note { height: auto; max-height: 4; padding: 0 1; display: none; }
    SqlScreen #sql-note.-bad { color: $error; text-style: bold; }
    SqlScreen #sql-answer {
        height: 1fr; border: round $secondary 60%; border-title-color: $primary; border-title-style: bold;
        border-subtitle-color: $foreground 80%;
    }
    SqlScreen #sql-answer:focus-within { border: round $primary; }
    SqlScreen #sql-answer.-stale {
        color: $foreground 60%; border: round $warning 60%; border-subtitle-color: $warning;
    }
    SqlScreen #sql-answer.-stale DiffTable { color: $foreground 60%; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._asking: Asking | None = None
        self._steps: Timer | None = None
        self._answer: QueryAnswer | None = None
        self._failure: LakehouseError | None = None
        self._said = ""
        self._found: tuple[str, ...] = ()
        self._limit = LIMIT
        self._back = -1
        self._draft = ""

    def body(self) -> Iterable[Widget]:
        """Editor, a line to say something, the answer."""
        yield SqlEditor(id="sql-editor")
        yield Static(id="sql-note", markup=False)
        with Vertical(id="sql-answer"):
            yield DiffTable(id="sql-table")

    def on_mount(self) -> None:
        """A query to begin with; the newest one, where one was asked before."""
        port, notes = self.cockpit.query, self.cockpit.query_notes
        editor = self.query_one(SqlEditor)
        if port is None:
            editor.read_only = True
            return
        self._asking = Asking(port, self.cockpit.report, self.post_message)
        history = notes.history() if notes is not None else ()
        editor.put(history[0] if history else FIRST)
        self._steps = self.set_interval(_STEP_S, self._step, pause=True)

    def sources(self) -> Mapping[str, Source]:
        """The columns, for completion."""
        port = self.cockpit.query
        return {} if port is None else {COLUMNS: Source(lambda: port().columns(), 10.0)}

    # --- what is shown

    def show(self, state: State) -> None:
        """What is running or wrong, and of when the answer is."""
        columns = state.shown(COLUMNS).value
        if isinstance(columns, Mapping):
            self.query_one(SqlEditor).columns = columns
        editor = self.query_one(SqlEditor)
        border.write(editor, "query", "  ".join(self._found))
        self._show_note()
        self._show_frame(state)

    def _show_note(self) -> None:
        note = self.query_one("#sql-note", Static)
        bad = self._failure is not None and self._seconds is None
        text = fmt.plain(self._words())
        note.set_class(bad, "-bad")
        if str(note.content) != text:
            note.display = bool(text)
            put(note, Text(text))

    def _words(self) -> str:
        seconds = self._seconds
        if self._asking is None:
            return "A recording holds readings, not tables: SQL needs the lakehouse itself."
        if seconds is not None:
            read = self._asking.rows_read()
            return f"… {seconds:.0f} s, {fmt.count(read)} rows read; esc cancels" if seconds > 1 else "…"
        if self._failure is not None:
            return f"! {self._failure}"
        return self._said

    @property
    def _seconds(self) -> float | None:
        return None if self._asking is None else self._asking.seconds

    def _show_frame(self, state: State) -> None:
        """Title and lower border: how many rows, how long, as of when; another state than now's is dimmed."""
        box, answer = self.query_one("#sql-answer"), self._answer
        if answer is None:
            border.write(box, "answer", "" if self._asking is None else "f5 runs the query")
            return
        rows = (
            f"the first {fmt.count(len(answer.rows))} rows, there are more" if answer.more else _rows(len(answer.rows))
        )
        other = self.query_one(SqlEditor).text.strip() != answer.sql.strip() or self._failure is not None
        title = f"{'answer to the query before' if other else 'answer'} · {rows} · {answer.seconds:.2f} s"
        newer = [s.table for s in answer.sightings if _is_behind(s, state)]
        box.set_class(bool(newer) or self._failure is not None, "-stale")
        seen = " · ".join(self._seen(s) for s in answer.sightings)
        words = f"f5 asks again: newer data is in {', '.join(newer)} · {seen}" if newer else seen
        border.write(box, title, words)

    def _seen(self, sighting: Sighting) -> str:
        if sighting.snapshot_id is None:
            return f"{sighting.table}: no snapshot yet"
        then = sighting.committed_at
        age = f"{fmt.age(then, self.now)} ago"
        return f"{sighting.table} as of {fmt.day_clock(then, self.now)}, {age}, snapshot {sighting.snapshot_id}"

    def on_resize(self, event: events.Resize) -> None:
        """Borders are cut to the new width."""
        super().on_resize(event)
        self.call_after_refresh(self.refresh_all)

    def _began(self) -> None:
        """Something is asked: its seconds are shown as they pass."""
        if self._steps is not None:
            self._steps.resume()
        self._show_note()

    def _step(self) -> None:
        if self._asking is not None and self._seconds is not None:
            self._asking.insist()
            self._show_note()
        elif self._steps is not None:
            self._steps.pause()

    # --- a query and its end

    def action_run(self) -> None:
        """Run what the editor holds."""
        if self._asking is None or self._seconds is not None:
            self._refuse("there are no tables here" if self._asking is None else "a query runs already; esc cancels it")
            return
        sql = self.query_one(SqlEditor).text
        self._failure, self._said, self._back = None, "", -1
        if self.cockpit.query_notes is not None:
            self.cockpit.query_notes.remember(sql)
        self._asking.run(sql, self._limit)
        self._began()

    @on(Answered)
    def answered(self, message: Answered) -> None:
        """Show the answer, or why there is none."""
        if self._asking is None or not self._asking.ended(message):
            return
        result = message.result
        if isinstance(result, LakehouseError):
            self._fail(result)
        elif isinstance(result, Exported):
            self._said = f"Written: {_rows(result.rows)} to {result.path}"
        elif isinstance(result, QueryAnswer):
            self._answer = result
            table = self.query_one(DiffTable)
            table.set_columns(())
            table.set_columns(cells.shape(result.columns))
            table.set_rows(cells.rows(result))
            table.move_cursor(row=0)
        self.refresh_all()

    def _fail(self, error: LakehouseError) -> None:
        self._failure = error
        if isinstance(error, QueryError) and error.line is not None and error.column is not None:
            editor = self.query_one(SqlEditor)
            line = min(error.line, editor.document.line_count) - 1
            editor.move_cursor((line, min(error.column - 1, len(editor.document.get_line(line)))))

    def _refuse(self, why: str) -> None:
        self._failure, self._said = None, f"Not possible: {why}."
        self.refresh_all()

    # --- keys

    def action_edit(self) -> None:
        """Write."""
        self.query_one(SqlEditor).focus()

    def action_queries(self) -> None:
        """Choose another query."""
        notes = self.cockpit.query_notes
        if notes is None:
            self._refuse("there are no tables here")
            return
        self.app.push_screen(Pick(notes.worked(), notes.history()), self._take)

    def _take(self, sql: str | None) -> None:
        if sql is not None:
            self.query_one(SqlEditor).put(sql)
            self.refresh_all()

    def action_limit(self) -> None:
        """Ask for another limit, and for the query's answer with it."""

        def take(limit: int | None) -> None:
            if limit is not None:
                self._limit = limit
                if self._answer is not None:
                    self.action_run()

        self.app.push_screen(Ask("Rows that are shown", f"from 1 to {MOST:,}", _limit, str(self._limit)), take)

    def action_export(self) -> None:
        """Ask where the whole answer is to be written."""
        port, answer = self.cockpit.query, self._answer
        if port is None:
            self._refuse("there are no tables here")
        elif self.cockpit.read_only:
            self._refuse("the dashboard is read-only")
        elif answer is None:
            self._refuse("run a query first")
        elif self._seconds is not None:
            self._refuse("a query runs")
        else:
            self._ask_where(port, answer)

    def _ask_where(self, port: Callable[[], QueryPort], answer: QueryAnswer) -> None:
        def check(path: str) -> str:
            try:
                return port().check_path(path, overwrite=True)
            except LakehouseError as error:
                raise ValueError(str(error)) from None

        def take(path: str | None) -> None:
            if path is not None:
                self._export(answer, path)

        name = f"query-{self.lakehouse.clock():%Y%m%dT%H%M%SZ}.csv"
        hint = "a path that ends with .csv or .parquet: all rows, not only those that are shown"
        self.app.push_screen(Ask("Export the answer", hint, check, str(Path.cwd() / name)), take)

    def _export(self, answer: QueryAnswer, path: str) -> None:
        port, asking = self.cockpit.query, self._asking
        if port is None or asking is None:
            return

        def write(overwrite: bool) -> None:
            self._failure, self._said = None, ""
            asking.export(answer, path, overwrite=overwrite)
            self._began()

        try:
            port().check_path(path)
        except ThereError as error:
            question = f"{error} Overwrite it?"
            self.app.push_screen(Confirm("Export", question), lambda yes: write(True) if yes else None)
        except LakehouseError as error:
            self._refuse(str(error).rstrip("."))
        else:
            write(False)

    async def action_back(self) -> None:
        """Cancel; else leave the editor; else as everywhere."""
        if self._asking is not None and self._seconds is not None:
            self._asking.cancel()
        elif self.query_one(SqlEditor).has_focus:
            self.query_one(DiffTable).focus()
        elif self._failure is not None or self._said:
            self._failure, self._said = None, ""
            self.refresh_all()
        elif self.lakehouse.performer.activities:
            self.lakehouse.action_dismiss_result()
        else:
            await self.lakehouse.action_leave()

    # --- what the editor and the table say

    @on(SqlEditor.Completing)
    def completing(self, message: SqlEditor.Completing) -> None:
        """What tab would complete stands in the editor's border."""
        self._found = message.found
        self.refresh_all()

    @on(SqlEditor.Older)
    def older(self, message: SqlEditor.Older) -> None:
        """The query before, or back to what was being written."""
        notes, editor = self.cockpit.query_notes, self.query_one(SqlEditor)
        history = notes.history() if notes is not None else ()
        place = self._back + message.step
        if not -1 <= place < len(history):
            return
        if self._back == -1:
            self._draft = editor.text
        self._back = place
        editor.put(self._draft if place == -1 else history[place])

    @on(DataTable.RowSelected)
    def row_chosen(self, message: DataTable.RowSelected) -> None:
        """The row in full."""
        message.stop()
        answer = self._answer
        if answer is not None and message.cursor_row < len(answer.rows):
            row = answer.rows[message.cursor_row]
            values = [(fmt.plain(c.name), fmt.plain(cells.text(v))) for c, v in zip(answer.columns, row, strict=True)]
            self.app.push_screen(Record(f"Row {message.cursor_row + 1}", values))


def _is_behind(sighting: Sighting, state: State) -> bool:
    """Whether a newer snapshot is known than the one that was read."""
    history = state.shown(f"history.{sighting.table}").value
    if history is None or not history.snapshots:
        return False
    newest = history.snapshots[-1]
    return sighting.committed_at is None or newest.committed_at > sighting.committed_at


def _rows(count: int) -> str:
    return f"{fmt.count(count)} row{'' if count == 1 else 's'}"


def _limit(text: str) -> int:
    try:
        limit = int(text.replace(",", "").strip())
    except ValueError:
        limit = 0
    if not 1 <= limit <= MOST:
        raise ValueError(f"{text.strip()!r} is no limit: a whole number from 1 to {MOST:,}.")
    return limit
