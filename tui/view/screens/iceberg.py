"""The Iceberg screen: tables, snapshots and what they changed, schema, files, and the data of any moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.widget import Widget
from textual.widgets import DataTable, Static

from tui.core.sources import Source
from tui.core.store import State
from tui.ports import LakeDetailPort
from tui.view import explained, registry
from tui.view.lake.cards import TableCards
from tui.view.lake.look import TABLES, Look, Sight, banner
from tui.view.lake.panes import PANES, LakeTable, Pane, SnapshotsPane, Wanted
from tui.view.registry import Command
from tui.view.screens.base import CockpitScreen
from tui.view.screens.record import Record
from tui.view.widgets.chooser import Chooser
from tui.view.widgets.notes import put

POLL_S = 2.0
DEADLINE_S = 60.0
CARDS_WIDTH = 38


class IcebergScreen(CockpitScreen):
    """One table at a time, now or as of a snapshot."""

    NAME = "iceberg"
    AUTO_FOCUS = "#lake-snapshots-table"
    OWN: ClassVar[tuple[Command, ...]] = (
        Command("lake_table_before", "left", "screen.table(-1)", "table", "the table before"),
        Command("lake_table", "right", "screen.table(1)", "table", "the next table", rank=1),
        Command("lake_tab", "tab", "screen.tab(1)", "view", "snapshots, schema, files, data", rank=1),
        Command("lake_tab_before", "shift+tab", "screen.tab(-1)", "tab before", "the tab before"),
        Command("lake_open", "enter", "screen.open", "open", "a snapshot's changes, or a row in full", rank=2),
        Command("lake_as_of", "a", "screen.as_of", "as of", "show files and data as of this snapshot", rank=2),
        Command("lake_older", "b", "screen.travel(-1)", "older", "one snapshot back in time", rank=3),
        Command("lake_newer", "n", "screen.travel(1)", "newer", "one snapshot forward in time", rank=3),
        Command("lake_now", "N", "screen.now", "now", "back to now", rank=4),
        Command("lake_back", "escape", "screen.back", "back", "close the snapshot, or go back", palette=False),
    )
    BINDINGS: ClassVar[list[BindingType]] = list(registry.bindings(OWN))
    PANELS = explained.ICEBERG
    ABOUT = """
records 120 +4: 4 of them are new. Times are local.
~ before a change: a corrected candle, each value before → after.
As of: the table as it was then. Nothing is changed by looking; N goes back to now.
shift+left and shift+right move a table that is wider than the screen.
"""

    def __init__(self) -> None:
        super().__init__()
        self._look = Look()
        self._as_of: dict[str, int] = {}
        self._tab = SnapshotsPane.NAME
        self._panes = {pane.NAME: pane() for pane in PANES}
        self._banner = ""
        self._keys: dict[str, str] = {}

    def body(self) -> Iterable[Widget]:
        """Tables; tabs, the moment, and the pane of the tab."""
        for name, pane in self._panes.items():
            pane.display = name == self._tab
        main = Vertical(
            Chooser(id="lake-tabs"),
            Static(id="lake-banner", markup=False),
            Container(*self._panes.values(), id="lake-panes"),
            id="lake-main",
        )
        cards = TableCards(id="lake-tables")
        cards.border_title = "Tables"
        yield Container(cards, main, id="lake")

    @property
    def look(self) -> Look:
        """What is looked at now."""
        return replace(self._look, symbol=self.lakehouse.symbol)

    @property
    def pane(self) -> Pane:
        """The pane of the chosen tab."""
        return self._panes[self._tab]

    @property
    def opened(self) -> int | None:
        """The snapshot whose changes are on the screen."""
        return self._look.detail if self._tab == SnapshotsPane.NAME else None

    def chosen_panels(self) -> list[str]:
        """The pane that is seen, whatever of it has the focus."""
        return [str(self.pane.id)]

    # --- the way of the data

    def sources(self) -> Mapping[str, Source]:
        """What the pane needs; what cannot change is asked once."""
        port = self.cockpit.lake_detail
        wanted = self.pane.wanted(self.look)
        if port is None or wanted is None:
            return {}
        if wanted.fixed and self.state.shown(wanted.name).value is not None:
            return {}
        return {wanted.name: Source(partial(_ask, port, wanted), POLL_S, DEADLINE_S)}

    def show(self, state: State) -> None:
        """Tables, tabs, the moment, and the pane."""
        if not self.pane.is_mounted:
            return
        keys = self._keys = self._keys or {c.id: c.shown_key for c in self.lakehouse.commands(self)}
        width = self.size.width - (CARDS_WIDTH if self.has_class("-wide") else 0) - 2
        paused = self.lakehouse.facts(self.NAME).paused_for_s is not None
        sight = Sight(
            state, self.now, self.lakehouse.period_s, self.look, keys, width, paused, self.cockpit.lake_detail is None
        )
        self.query_one(TableCards).offer(state, self.now, self.lakehouse.period_s, self._look.table)
        self.query_one("#lake-tabs", Chooser).offer([(name, True) for name in self._panes], self._tab)
        self._say(banner(sight))
        self.pane.offer(sight)

    def on_resize(self, event: events.Resize) -> None:
        """Texts are cut to the new width."""
        super().on_resize(event)
        self.call_after_refresh(self.refresh_all)

    def _say(self, text: Text) -> None:
        if text.plain != self._banner:
            self._banner = text.plain
            line = self.query_one("#lake-banner", Static)
            line.display = bool(text)
            put(line, text)

    # --- keys

    def action_table(self, step: int) -> None:
        """Another table."""
        self._choose(TABLES[(TABLES.index(self._look.table) + step) % len(TABLES)])

    def on_table_cards_chosen(self, message: TableCards.Chosen) -> None:
        """Another table, by click."""
        self._choose(message.table)

    def _choose(self, table: str) -> None:
        if table != self._look.table:
            self._turn(Look(table, as_of=self._as_of.get(table)))

    def action_tab(self, step: int) -> None:
        """Another tab."""
        names = list(self._panes)
        self._open(names[(names.index(self._tab) + step) % len(names)])

    def on_chooser_chosen(self, message: Chooser.Chosen) -> None:
        """Another tab, by click."""
        self._open(message.name)

    def _open(self, tab: str) -> None:
        self._tab = tab
        for name, pane in self._panes.items():
            pane.display = name == tab
        self.pane.target().focus()
        self._turn(self._look)

    def action_open(self) -> None:
        """What the row under the cursor is, in full."""
        pane = self.pane
        table = pane.target()
        key = table.selected_key if isinstance(table, LakeTable) else None
        if key is None:
            return
        if isinstance(pane, SnapshotsPane) and self.opened is None:
            self._turn(replace(self._look, detail=int(key)))
        elif (record := pane.record(key)) is not None:
            self.app.push_screen(Record(*record))

    def on_data_table_row_selected(self, message: DataTable.RowSelected) -> None:
        """A click on the row under the cursor."""
        message.stop()
        self.action_open()

    def action_as_of(self) -> None:
        """Files and data as of the snapshot under the cursor, or the opened one."""
        chosen = self.opened
        if chosen is None and self._tab == SnapshotsPane.NAME:
            key = self._panes[SnapshotsPane.NAME].table.selected_key
            chosen = int(key) if key is not None else None
        if chosen is None:
            self.app.notify("Choose a snapshot first, on the tab snapshots.", markup=False)
            return
        self._go(chosen)
        if self._tab == SnapshotsPane.NAME:
            self._open("data")

    def action_travel(self, step: int) -> None:
        """A snapshot further: the opened one, or the one that files and data are shown of."""
        ids = self._ids()
        here = self.opened if self.opened is not None else self._look.as_of
        if not ids:
            self.app.notify(f"{self._look.table} has no snapshot to go to.", markup=False)
            return
        place = (ids.index(here) if here in ids else len(ids) - 1) + step
        if not 0 <= place < len(ids):
            end = "the oldest snapshot that is kept" if place < 0 else "the newest snapshot"
            self.app.notify(f"This is {end}.", markup=False)
        elif self.opened is not None:
            self._turn(replace(self._look, detail=ids[place]))
        else:
            self._go(ids[place])

    def _ids(self) -> list[int]:
        history = self.state.shown(f"history.{self._look.table}").value
        return [s.id for s in history.snapshots] if history is not None else []

    def action_now(self) -> None:
        """No longer as of an older snapshot."""
        self._go(None)

    def _go(self, snapshot_id: int | None) -> None:
        """As of that snapshot; the newest one is now."""
        ids = self._ids()
        as_of = None if ids and snapshot_id == ids[-1] else snapshot_id
        if as_of is None:
            self._as_of.pop(self._look.table, None)
        else:
            self._as_of[self._look.table] = as_of
        self._turn(replace(self._look, as_of=as_of))

    async def action_back(self) -> None:
        """Close the snapshot; then as everywhere."""
        if self.opened is not None:
            self._turn(replace(self._look, detail=None))
        elif self.lakehouse.performer.activities:
            self.lakehouse.action_dismiss_result()
        else:
            await self.lakehouse.action_leave()

    def _turn(self, look: Look) -> None:
        """Look at something else: ask for it, and show what is known of it."""
        self._look = look
        self.refetch(*self.sources())
        self.refresh_all()


def _ask(port: Callable[[], LakeDetailPort], wanted: Wanted) -> object:
    return wanted.fetch(port())
