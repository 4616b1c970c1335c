"""The Flink screen: one job from its graph down to subtasks, checkpoints, exceptions; settings and TaskManagers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import DataTable, Input

from tui.core.sources import Source
from tui.core.store import State
from tui.view import explained, registry
from tui.view.job_view import JobView, head_lines, job_view
from tui.view.registry import Command
from tui.view.screens.base import CockpitScreen
from tui.view.widgets.chooser import Chooser
from tui.view.widgets.flink_panes import PANES, ConfigPane, ExceptionsPane, GraphPane, VerticesPane
from tui.view.widgets.graph_view import GraphView
from tui.view.widgets.pane import ONCE_S, Line, Pane

SPLIT_WIDTH = 150
"""From this width on details stand beside the list."""


class FlinkScreen(CockpitScreen):
    """One job at a time, one tab at a time."""

    NAME = "flink"
    OWN: ClassVar[tuple[Command, ...]] = (
        Command("flink_previous", "left", "screen.tab(-1)", "tab", "the tab before"),
        Command("flink_next", "right", "screen.tab(1)", "tab", "the next tab", rank=1),
        Command("flink_open", "enter", "screen.open", "open", "details of the chosen row or vertex", rank=1),
        Command("flink_back", "escape", "screen.back", "back", "close the details, end the search, or go back"),
        Command("flink_search", "slash", "screen.search", "search", "find a setting", rank=2),
        Command("flink_job", "j", "screen.job", "job", "the next older job; then the newest again", rank=12),
        Command("flink_graph", "g", "screen.graph", "graph", "the graph; again: boxes or rows", rank=12),
    )
    BINDINGS: ClassVar[list[BindingType]] = list(registry.bindings(OWN))
    PANELS = explained.FLINK
    ABOUT = """
Into a source no records are counted: – is unknown, never 0.
fed by: how records are shared out. FORWARD: to the subtask of the same number. HASH: by key. REBALANCE: in turn.
Behind a mini-batch that follows the clock there is no watermark.
A checkpoint's vertex: sync stops it, async does not; align: waiting for slower inputs; delay: until its barrier came.
"""
    DEFAULT_CSS = """
    FlinkScreen #flink-job { height: auto; padding: 0 1; background: $surface; }
    FlinkScreen #flink-tabs { height: 1; background: $surface; }
    FlinkScreen .box {
        height: 1fr; width: 1fr; display: none; border: round $secondary 60%; border-title-color: $primary;
        border-title-style: bold; border-subtitle-color: $foreground 70%;
    }
    FlinkScreen .box.-shown { display: block; }
    FlinkScreen .box:focus-within { border: round $primary; }
    FlinkScreen .box.-stale { color: $foreground 60%; border: round $warning 60%; border-subtitle-color: $warning; }
    FlinkScreen .box.-stale FitTable, FlinkScreen .box.-stale GraphView { color: $foreground 60%; }
    FlinkScreen .note, FlinkScreen .head { height: auto; padding: 0 1; }
    FlinkScreen .text { height: auto; padding: 0 1; }
    FlinkScreen FitTable { height: 1fr; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; }
    FlinkScreen GraphView { height: 1fr; scrollbar-size: 1 1; }
    FlinkScreen VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; }
    FlinkScreen .detail { display: none; height: 1fr; width: 1fr; }
    FlinkScreen .-open .detail { display: block; }
    FlinkScreen .-open .list { display: none; }
    FlinkScreen.-split .-open .list { display: block; }
    FlinkScreen.-split .-open .detail { border-left: solid $secondary 60%; }
    FlinkScreen #flink-subtask-table { height: auto; max-height: 50%; }
    FlinkScreen #flink-operators-box { border-top: solid $secondary 60%; }
    FlinkScreen #flink-trace-box, FlinkScreen #flink-setting-box { border-top: solid $secondary 60%; }
    FlinkScreen #flink-config-search { height: 1; display: none; }
    FlinkScreen #flink-config-search.-on { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._tab = 0
        self._job: str | None = None
        self._view: JobView | None = None
        self._panes = tuple(pane() for pane in PANES)

    def body(self) -> Iterable[Widget]:
        """The job, the tabs, their panes."""
        yield Line(id="flink-job", classes="head")
        yield Chooser(id="flink-tabs")
        yield from self._panes

    def on_mount(self) -> None:
        """The first tab."""
        self._choose(0)

    @property
    def pane(self) -> Pane:
        """The pane that is seen."""
        return self._panes[self._tab]

    def on_resize(self, event: events.Resize) -> None:
        """With much room details stand beside their list."""
        super().on_resize(event)
        self.set_class(event.size.width >= SPLIT_WIDTH, "-split")

    def chosen_panels(self) -> list[str]:
        """The pane that is seen, whatever of it has the focus."""
        return [str(self.pane.id)]

    # --- the way of the data

    def view(self, state: State) -> JobView:
        """The job as known by now."""
        return job_view(state, self.now, self.lakehouse.period_s, self._job)

    def sources(self) -> Mapping[str, Source]:
        """The job's plan, its exceptions where they matter, and what the pane needs."""
        port = self.cockpit.flink_detail
        if port is None or not self.is_mounted:
            return {}
        view = self.view(self.state)
        found = dict(self.pane.sources(port, view))
        job_id = view.job_id
        if job_id is None:
            return found
        failed = view.shown("graph").error is not None
        found[view.name("graph")] = Source(lambda: port().graph(job_id), 5.0 if failed else ONCE_S)
        if view.upset or isinstance(self.pane, ExceptionsPane):
            found[view.name("exceptions")] = Source(lambda: port().exceptions(job_id), 5.0)
        of_vertices, _ = view.detail_names()
        if of_vertices == view.name("job"):
            found[of_vertices] = Source(lambda: port().job(job_id), 10.0)
        return found

    def show(self, state: State) -> None:
        """The head, the tabs, and the pane that is seen."""
        view = self._view = self.view(state)
        lines = head_lines(view, max(20, self.size.width - 2))
        self.query_one("#flink-job", Line).say(Text("\n").join(lines))
        self.query_one(Chooser).offer([(pane.LABEL, True) for pane in PANES], PANES[self._tab].LABEL)
        self.pane.offer(view)

    # --- keys

    def action_tab(self, step: int) -> None:
        """Another tab."""
        self._choose((self._tab + step) % len(PANES))

    @on(Chooser.Chosen)
    def tab_clicked(self, message: Chooser.Chosen) -> None:
        """Another tab, by click."""
        self._choose([pane.LABEL for pane in PANES].index(message.name))

    def _choose(self, tab: int) -> None:
        self._tab = tab
        for pane in self._panes:
            pane.set_class(pane is self.pane, "-shown")
        self.pane.focus_list()
        self._fetch_now()

    def _fetch_now(self) -> None:
        """Fetch what is wanted now and was never fetched, or is old; then show what is known."""
        self.refetch(*(name for name in self.sources() if self.state.shown(name).value is None))
        self.call_after_refresh(self.refresh_all)

    def action_open(self) -> None:
        """The details of the chosen row; from the graph the vertex."""
        pane = self.pane
        row = pane.row()
        if isinstance(pane, GraphPane):
            self._open_vertex(row)
        elif pane.at_list and pane.open(row):
            self._fetch_now()

    def _open_vertex(self, vertex: str | None) -> None:
        if vertex is not None:
            self._choose(PANES.index(VerticesPane))
            self.pane.open(vertex)
            self._fetch_now()

    @on(DataTable.RowSelected)
    def row_clicked(self) -> None:
        """A click on the chosen row."""
        self.action_open()

    @on(GraphView.Chosen)
    def vertex_chosen(self, message: GraphView.Chosen) -> None:
        """Another vertex, or the chosen one was clicked."""
        if message.opened:
            self.action_open()
        elif self._view is not None:
            self.pane.offer(self._view)

    async def action_back(self) -> None:
        """Close what is open, else go back."""
        if self.pane.close():
            self.refresh_all()
        elif self.lakehouse.performer.activities:
            self.lakehouse.action_dismiss_result()
        else:
            await self.lakehouse.action_leave()

    def action_search(self) -> None:
        """Search in the settings."""
        if not isinstance(self.pane, ConfigPane):
            self._choose(PANES.index(ConfigPane))
        self.query_one(ConfigPane).search()

    @on(Input.Changed)
    @on(Input.Submitted)
    def searched(self, message: Input.Changed | Input.Submitted) -> None:
        """Another text, or the end of typing."""
        if isinstance(message, Input.Submitted):
            self.pane.focus_list()
        self.refresh_all()

    def action_job(self) -> None:
        """The next older job."""
        view = self.view(self.state)
        if len(view.jobs) > 1:
            following = view.jobs[view.number % len(view.jobs)]
            self._job = following.id
            for pane in self._panes:
                pane.close()
            self.pane.focus_list()
            self._fetch_now()

    def action_graph(self) -> None:
        """The graph; where it is seen, as boxes or as rows."""
        if isinstance(self.pane, GraphPane):
            graph = self.query_one(GraphView)
            graph.rows_only = not graph.rows_only
            if not graph.boxes_fit:
                self.notify("Boxes need a larger terminal.", timeout=3)
            self.refresh_all()
        else:
            self._choose(PANES.index(GraphPane))
