"""The checks that prove that what came out is what went in: as they finish, failures first."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import ClassVar

from rich.text import Text, TextType
from textual import events
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widget import Widget
from textual.widgets import DataTable, Input, Static
from textual.widgets.data_table import ColumnKey

from tui.core.report import as_json, as_markdown, failures_first, verdict
from tui.core.sources import Source
from tui.core.store import State
from tui.core.verify import NAMES
from tui.model.checks import Check, Report, VerifyRun
from tui.model.errors import LakehouseError
from tui.view import explained, registry
from tui.view import format as fmt
from tui.view.registry import Command
from tui.view.screens.base import CockpitScreen
from tui.view.verification import Verification
from tui.view.widgets.notes import put
from tui.view.widgets.table import Column, DiffTable

RUN = "verify.run"
POLL_S = 0.2
IDLE_S = 5.0
COLUMNS: tuple[Column, ...] = (
    ("result", "result", "left"),
    ("check", "check", "left"),
    ("actual", "found", "left"),
    ("expected", "expected", "left"),
)
MEANINGS = {
    "services": "Every service answers a real question, not only a connection.",
    "topic": "The topic has the partitions that the settings ask for.",
    "job": "One job runs, with all its tasks; a second one would write every trade twice.",
    "checkpoint": "The newest checkpoint is young: what came before it is in the tables.",
    "snapshots": "No table holds a checkpoint that the job has not reached.",
    "ledger": "The ledger: no message below the committed offsets is lost, none is there twice.",
    "candles": "Every candle is computed again from the trades and compared in every column.",
    "keys": "No candle is there twice.",
}


class CheckTable(DiffTable):
    """One row a check, as wide as the screen whatever is in it; enter runs all of them again."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "screen.again", show=False)]

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._widths: dict[str, int] = {}

    def fit(self, width: int) -> None:
        """Lay the columns out for `width` cells."""
        wanted = widths(width)
        if wanted != self._widths:
            self._widths = wanted
            self.set_columns(())
            self.set_columns(COLUMNS)

    def add_column(
        self, label: TextType, *, width: int | None = None, key: str | None = None, default: Text | None = None
    ) -> ColumnKey:
        """A column with the width that `fit` has chosen."""
        return super().add_column(label, width=width or self._widths.get(key or ""), key=key, default=default)


class VerifyScreen(CockpitScreen):
    """One run of the checks; it goes on while another screen is looked at."""

    NAME = "verify"
    AUTO_FOCUS = "#checks"
    OWN: ClassVar[tuple[Command, ...]] = (
        Command("verify_again", "V", "screen.again", "run again", "run every check again; enter does so too", rank=1),
        Command("verify_export", "e", "screen.export", "export", "write the report: JSON and Markdown", rank=2),
        Command("verify_back", "escape", "screen.back", "back", "close the path, or go back", palette=False),
    )
    BINDINGS: ClassVar[list[BindingType]] = registry.bindings(OWN)
    PANELS = explained.VERIFY
    ABOUT = "\n".join(("", *(f"{name}: {meaning}" for name, meaning in MEANINGS.items()), ""))

    class Saved(Message):
        """The report was written, or why not."""

        def __init__(self, sentence: str) -> None:
            super().__init__()
            self.sentence = sentence

    def __init__(self) -> None:
        super().__init__()
        self._verification: Verification | None = None
        self._at_first_row = True
        self._said = ""
        self._texts: dict[str, str] = {}

    def body(self) -> Iterable[Widget]:
        """Summary, checks, the chosen one in full, and the line for the path."""
        yield Static(id="verify-summary")
        yield CheckTable(id="checks")
        with VerticalScroll(id="check", can_focus=False):
            yield Static(id="check-text")
        yield Static(id="verify-said")
        yield Input(id="verify-path", placeholder="path of the report, without suffix", compact=True)

    # --- the run

    def run(self, *, insist: bool = True) -> None:
        """Begin the checks; if they run already, that is only worth a word where somebody insists."""
        verification = self._checks()
        refused = "There is nothing to verify here." if verification is None else verification.start()
        if refused is None:
            self._at_first_row = True
            self._say("")
            self.refetch(RUN)
            if self.lakehouse.facts(self.NAME).paused_for_s is not None:
                self.notify("The checks run, but the display is paused; space goes on.", markup=False)
        elif insist:
            self.notify(refused, severity="warning", markup=False)

    def _checks(self) -> Verification | None:
        if self._verification is None and self.cockpit.verify is not None:
            self._verification = Verification(self.cockpit.verify, self.cockpit.report, self.lakehouse.clock)
        return self._verification

    def sources(self) -> Mapping[str, Source]:
        """How far the run is: often while it runs."""
        verification = self._checks()
        if verification is None:
            return {}
        busy = self._shown().running or verification.now().running
        return {RUN: Source(verification.now, POLL_S if busy else IDLE_S, own_pace=True)}

    def _shown(self) -> VerifyRun:
        value = self.state.shown(RUN).value
        return value if isinstance(value, VerifyRun) else VerifyRun()

    # --- what is seen

    def show(self, state: State) -> None:  # noqa: ARG002 - asked by name
        """Every check, and the chosen one in full."""
        run, table = self._shown(), self.query_one(CheckTable)
        self._put("#verify-summary", summary(run, self._checks() is not None))
        ended = bool(run.checks) and not run.running
        self.query_one("#verify-summary").set_class(ended and Report(run.checks).ok, "-good")
        self.query_one("#verify-summary").set_class(ended and not Report(run.checks).ok, "-bad")
        table.fit(table.size.width)
        table.set_rows(rows(run, table.size.width))
        if self._at_first_row and table.row_count and table.cursor_row:
            table.move_cursor(row=0)
        self._detail()

    def _detail(self) -> None:
        name = self.query_one(CheckTable).selected_key or ""
        check = next((c for c in self._shown().checks if c.name == name), None)
        self._put("#check-text", detail(name, check))

    def _put(self, selector: str, text: Text) -> None:
        widget = self.query_one(selector, Static)
        if widget.content != text:
            put(widget, text)

    def _say(self, sentence: str) -> None:
        self._said = sentence
        line = self.query_one("#verify-said", Static)
        line.display = bool(sentence)
        put(line, Text(fmt.plain(sentence)))

    def on_data_table_row_highlighted(self, message: DataTable.RowHighlighted) -> None:
        """Another check was chosen."""
        message.stop()
        self._detail()

    def on_key(self, event: events.Key) -> None:
        """Whoever moves the cursor keeps it."""
        if event.key in ("up", "down", "pageup", "pagedown", "home", "end"):
            self._at_first_row = False

    def on_click(self) -> None:
        """Whoever moves the cursor keeps it."""
        self._at_first_row = False

    def on_resize(self, event: events.Resize) -> None:
        """Columns for the new width."""
        super().on_resize(event)
        self.call_after_refresh(self.refresh_all)

    # --- keys

    def action_again(self) -> None:
        """Run every check again."""
        self.run()

    def action_export(self) -> None:
        """Ask for the path of the report."""
        run = self._shown()
        if self.cockpit.save is None or self.cockpit.read_only:
            why = "the dashboard is read-only" if self.cockpit.read_only else "there is no place for it"
            self.notify(f"Not possible: {why}.", severity="warning", markup=False)
        elif run.running or not run.checks:
            why = "wait until every check has ended" if run.running else "run the checks first (V)"
            self.notify(f"There is no report yet: {why}.", severity="warning", markup=False)
        else:
            self._texts = {".json": as_json(Report(run.checks)), ".md": as_markdown(run, self.cockpit.home)}
            began = (run.began_at or self.lakehouse.clock()).astimezone(UTC)
            line = self.query_one(Input)
            line.value = f"{self.cockpit.home}/reports/verify-{began:%Y%m%dT%H%M%SZ}"
            line.display = True
            line.focus()
            self._say("Write the report as .json and .md to this path? enter writes, esc does not.")

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Write the report, in a thread: a disk may be slow."""
        message.stop()
        self._close()
        self._say("Writing the report …")
        threading.Thread(target=self._save, args=(message.value,), name="save-report", daemon=True).start()

    def _save(self, path: str) -> None:
        assert self.cockpit.save is not None
        try:
            files = self.cockpit.save(path, self._texts)
        except LakehouseError as error:
            self.post_message(self.Saved(f"Not written: {error}"))
        except Exception as error:  # noqa: BLE001 - a bug must not end the dashboard
            self.post_message(self.Saved(f"Not written: {self.cockpit.report(error)}"))
        else:
            self.post_message(self.Saved(f"Written: {' and '.join(files)}"))

    def on_verify_screen_saved(self, message: Saved) -> None:
        """How the writing ended."""
        self._say(message.sentence)

    def _close(self) -> None:
        self.query_one(Input).display = False
        self.query_one(CheckTable).focus()

    async def action_back(self) -> None:
        """Close the path; without one take the last sentence away, or go back."""
        if self.query_one(Input).display:
            self._close()
            self._say("")
        elif self._said:
            self._say("")
        elif self.lakehouse.performer.activities:
            self.lakehouse.action_dismiss_result()
        else:
            await self.lakehouse.action_leave()


def summary(run: VerifyRun, possible: bool) -> Text:
    """How far the run is, or how it ended, in words."""
    took = "" if run.took_s is None else f" in {run.took_s:.1f} s"
    if run.running:
        failed = sum(not check.ok for check in run.checks)
        return Text(
            f"… running: {len(run.checks)} of {len(NAMES)} checks done{f', {failed} failed' if failed else ''}{took}"
        )
    if run.began_at is None:
        return Text("V runs the checks." if possible else "There is nothing to verify here.")
    good = Report(run.checks).ok
    left = len(NAMES) - len(run.checks)
    undone = f", {left} not made" if left > 0 else ""
    return Text(
        f"{'✓' if good else '✗'} {verdict(run.checks)}{undone}{took}, begun {fmt.clock(run.began_at)}", style="bold"
    )


def rows(run: VerifyRun, width: int) -> list[tuple[str, tuple[str | Text, ...]]]:
    """Failures, then what passed, then what is waited for."""
    done = [(c.name, _result(c), c.actual, c.expected) for c in failures_first(run.checks)]
    names = {c.name for c in run.checks}
    missing = [name for name in NAMES if name not in names] if run.began_at is not None else list(NAMES)
    words = ["… running", "· waiting"] if run.running else ["– not run"] * 2
    waiting = [(name, Text(words[bool(n)], style="dim"), fmt.UNKNOWN, fmt.UNKNOWN) for n, name in enumerate(missing)]
    found, expected = (widths(width)[key] for key in ("actual", "expected"))
    return [
        (name, (result, fmt.plain(name), fmt.clip(fmt.plain(a), found), fmt.clip(fmt.plain(e), expected)))
        for name, result, a, e in (*done, *waiting)
    ]


def widths(width: int) -> dict[str, int]:
    """Cells of each column in a table of `width`, without the padding of two cells a column."""
    result, check = 9, 10
    room = max(12, width - result - check - 2 * len(COLUMNS))
    found = room * 11 // 20
    return {"result": result, "check": check, "actual": found, "expected": room - found}


def _result(check: Check) -> Text:
    return Text("✓ passed", style="green") if check.ok else Text("✗ failed", style="bold red")


def detail(name: str, check: Check | None) -> Text:
    """One check in full: what it means, what was expected, what was found, and what is to be said about it."""
    text = Text(fmt.plain(name), style="bold")
    text.append(f"  {MEANINGS.get(name, '')}\n", style="not bold")
    if check is not None:
        for label, value in (("expected", check.expected), ("found", check.actual), ("detail", check.detail)):
            if value:
                text.append(f"{label:<9}", style="not bold dim")
                text.append(f"{fmt.plain(value)}\n", style="not bold")
    text.rstrip()
    return text
