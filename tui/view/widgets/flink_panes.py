"""The parts of the Flink screen, one a tab: each asks for what it shows, shows it, and opens details of a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.text import Text
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widget import Widget
from textual.widgets import Input

from tui.core.sources import Source
from tui.core.store import Shown
from tui.model.flink_detail import CheckpointDetail, ConfigSection, Subtask, TaskManager
from tui.view import flink_tables as tables
from tui.view import flink_text, graph_text
from tui.view import format as fmt
from tui.view.job_view import JobView, empty_sentence
from tui.view.widgets.fit_table import FitTable
from tui.view.widgets.graph_view import GraphView
from tui.view.widgets.pane import ONCE_S, Line, Pane, Port


class GraphPane(Pane):
    """The graph; enter goes to the vertex."""

    LABEL = "Graph"
    LIST_FOCUS = "#flink-graph-view"

    def body(self) -> Iterable[Widget]:
        """One view."""
        yield GraphView(id="flink-graph-view")

    def row(self) -> str | None:
        """The chosen vertex."""
        return self.query_one(GraphView).chosen

    def offer(self, view: JobView) -> None:
        """Draw."""
        graph_view = self.query_one(GraphView)
        shown = view.shown("graph")
        self.note(empty_sentence(view, shown, "Waiting for the job's plan …", self.room) if view.graph is None else [])
        graph_view.offer(view)
        detail = view.state.shown(view.detail_names()[0])
        hint = ""
        if view.graph is not None and graph_view.chosen is not None:
            hint = graph_text.streams_text(view.graph, view.labels(), graph_view.chosen)
        count = f" · {len(view.graph.nodes)} vertices, {len(view.graph.edges)} streams" if view.graph else ""
        clocked = " · no event time behind the mini-batch" if view.graph and view.graph.clocked() else ""
        self.frame(f"Graph{count}{clocked}", hint, view.note(detail, 5.0))


class VerticesPane(Pane):
    """Vertices, and the subtasks and operators of one."""

    LABEL = "Vertices"
    LIST_FOCUS = "#flink-vertex-table"
    DETAIL_FOCUS = "#flink-subtask-table"

    def body(self) -> Iterable[Widget]:
        """The list; name, subtasks and operators of one."""
        with Horizontal():
            yield FitTable(tables.VERTICES, id="flink-vertex-table", classes="list")
            with Vertical(classes="detail"):
                yield Line(id="flink-vertex-name", classes="head")
                yield FitTable(tables.SUBTASKS, id="flink-subtask-table")
                yield Line(id="flink-subtask-note")
                with VerticalScroll(id="flink-operators-box"):
                    yield Line(id="flink-operators", classes="text")

    def sources(self, port: Port, view: JobView) -> Mapping[str, Source]:
        """The subtasks of the open vertex."""
        job_id, vertex = view.job_id, self.opened
        if job_id is None or vertex is None:
            return {}
        return {self.reading(view): Source(lambda: port().subtasks(job_id, vertex), 3.0)}

    def reading(self, view: JobView) -> str:
        """The name of the open one's reading."""
        return f"{view.name('subtasks')}/{self.opened}"

    def offer(self, view: JobView) -> None:
        """Fill the list, and the details of the open one."""
        detail, names = view.detail, view.labels()
        shown = view.state.shown(view.detail_names()[0])
        vertices = detail.vertices if detail else ()
        rows = tables.vertex_rows(vertices, names, view.graph, view.measured_at or view.now)
        self.query_one("#flink-vertex-table", FitTable).fill(rows)
        self.note([] if detail else empty_sentence(view, shown, "Waiting for the job's vertices …", self.room))
        title, hint = f"Vertices · {len(vertices)}", "enter shows the subtasks"
        if self.opened is not None:
            title, hint = f"Vertex · {names.get(self.opened, self.opened)}", "esc goes back · tab changes the part"
            self._offer_detail(view)
        self.frame(title, hint, view.note(shown, 5.0))

    def _offer_detail(self, view: JobView) -> None:
        vertex = next((v for v in view.detail.vertices if v.id == self.opened), None) if view.detail else None
        node = next((n for n in view.graph.nodes if n.id == self.opened), None) if view.graph else None
        streams = graph_text.streams_text(view.graph, view.labels(), self.opened or "") if view.graph else ""
        table = self.query_one("#flink-subtask-table", FitTable)
        width = max(20, table.size.width - 2)
        self.query_one("#flink-vertex-name", Line).say(flink_text.vertex_head(vertex, node, streams, width))
        shown = view.state.shown(self.reading(view))
        subtasks: tuple[Subtask, ...] = shown.value or ()
        is_source = view.graph is not None and self.opened in view.graph.sources()
        table.fill(tables.subtask_rows(subtasks, shown.taken_at or view.now, is_source=is_source))
        waiting = empty_sentence(view, shown, "Waiting for the subtasks …", width)
        stale = [Text(note) for note in [view.note(shown, 3.0)] if note]
        self.query_one("#flink-subtask-note", Line).say(Text("\n").join(stale if subtasks else waiting))
        self.query_one("#flink-operators", Line).say(flink_text.lines_of(node.description if node else ""))


class CheckpointsPane(Pane):
    """The history, and one checkpoint by vertex."""

    LABEL = "Checkpoints"
    LIST_FOCUS = "#flink-checkpoint-table"
    DETAIL_FOCUS = "#flink-checkpoint-vertices"

    def body(self) -> Iterable[Widget]:
        """The list; facts and vertices of one."""
        with Horizontal():
            yield FitTable(tables.CHECKPOINTS, id="flink-checkpoint-table", classes="list")
            with Vertical(classes="detail"):
                yield Line(id="flink-checkpoint-head", classes="head")
                yield FitTable(tables.CHECKPOINT_VERTICES, id="flink-checkpoint-vertices")

    def sources(self, port: Port, view: JobView) -> Mapping[str, Source]:
        """The open checkpoint, again and again while it is in progress."""
        job_id, opened = view.job_id, self.opened
        if job_id is None or opened is None:
            return {}
        detail = view.state.shown(self.reading(view)).value
        ended = isinstance(detail, CheckpointDetail) and detail.checkpoint.status != "IN_PROGRESS"
        interval_s = ONCE_S if ended else 1.0
        return {self.reading(view): Source(lambda: port().checkpoint(job_id, int(opened)), interval_s)}

    def reading(self, view: JobView) -> str:
        """The name of the open one's reading."""
        return f"{view.name('checkpoint')}/{self.opened}"

    def offer(self, view: JobView) -> None:
        """Fill the list, and the details of the open one."""
        stats, shown = view.stats, view.state.shown(view.detail_names()[1])
        history = stats.history if stats else ()
        rows = tables.checkpoint_rows(history, view.state, view.job_id, view.now)
        self.query_one("#flink-checkpoint-table", FitTable).fill(rows)
        lines = [] if stats else empty_sentence(view, shown, "Waiting for the checkpoints …", self.room)
        title = "Checkpoints"
        if stats and view.summary:
            title += f" · {flink_text.checkpoints_summary(stats, view.summary, view.now)}"
            if stats.interval_ms is None and not history:
                lines = [Text("Checkpointing is off: nothing of this job would survive a restart.")]
        self.note(lines)
        hint = "enter shows its vertices" if self.opened is None else "esc goes back"
        if self.opened is not None:
            self._offer_detail(view)
        self.frame(title, hint, view.note(shown, 2.0))

    def _offer_detail(self, view: JobView) -> None:
        shown = view.state.shown(self.reading(view))
        detail: CheckpointDetail | None = shown.value
        table = self.query_one("#flink-checkpoint-vertices", FitTable)
        width = max(20, table.size.width - 2)
        waiting = f"Waiting for checkpoint {self.opened} …"
        head = Text("\n").join(empty_sentence(view, shown, waiting, width))
        if detail is not None:
            committed = tables.committed_tables(view.state, view.job_id).get(detail.checkpoint.id, [])
            head = flink_text.checkpoint_head(detail, committed, width)
        self.query_one("#flink-checkpoint-head", Line).say(head)
        table.fill(tables.checkpoint_vertex_rows(detail.vertices if detail else (), view.labels()))


class ExceptionsPane(Pane):
    """What went wrong, and the whole trace of one."""

    LABEL = "Exceptions"
    LIST_FOCUS = "#flink-exception-table"
    DETAIL_FOCUS = "#flink-trace-box"

    def body(self) -> Iterable[Widget]:
        """The list; the trace of one."""
        with Horizontal():
            yield FitTable(tables.EXCEPTIONS, id="flink-exception-table", classes="list")
            with Vertical(classes="detail"):
                yield Line(id="flink-trace-head", classes="head")
                with VerticalScroll(id="flink-trace-box"):
                    yield Line(id="flink-trace", classes="text")

    def offer(self, view: JobView) -> None:
        """Fill the list, and the open trace."""
        shown, found = view.shown("exceptions"), view.exceptions or ()
        rows = tables.exception_rows(found, view.now)
        self.query_one("#flink-exception-table", FitTable).fill(rows)
        lines = empty_sentence(view, shown, "Waiting for the exceptions …", self.room)
        if view.exceptions is not None:
            lines = [] if found else [Text("No exception: nothing has failed since this job began.")]
        self.note(lines)
        hint = "enter shows the trace" if found else ""
        entry = next((e for (key, _), e in zip(rows, found, strict=True) if key == self.opened), None)
        if self.opened is not None and entry is not None:
            hint = "esc goes back"
            head = f"{fmt.day_clock(entry.at, view.now)} · {fmt.plain(entry.task or 'the job')}"
            self.query_one("#flink-trace-head", Line).say(Text(f"{head}\n{fmt.plain(entry.cause)}", style="bold"))
            self.query_one("#flink-trace", Line).say(flink_text.lines_of(entry.trace))
        self.frame(
            f"Exceptions · {len(found)}" if view.exceptions is not None else "Exceptions", hint, view.note(shown, 5.0)
        )


class ConfigPane(Pane):
    """Settings of job and cluster, searched while typing."""

    LABEL = "Configuration"
    LIST_FOCUS = "#flink-config-table"
    DETAIL_FOCUS = "#flink-setting-box"

    def body(self) -> Iterable[Widget]:
        """The search, the list, the whole value of one."""
        yield Input(id="flink-config-search", placeholder="search: enter ends typing, esc shows all", compact=True)
        with Horizontal():
            yield FitTable(tables.CONFIG, id="flink-config-table", classes="list")
            with Vertical(classes="detail"):
                yield Line(id="flink-setting-head", classes="head")
                with VerticalScroll(id="flink-setting-box"):
                    yield Line(id="flink-setting", classes="text")

    def sources(self, port: Port, view: JobView) -> Mapping[str, Source]:
        """All settings, now and then."""
        job_id = view.job_id
        return {view.name("config"): Source(lambda: port().configuration(job_id), 60.0)}

    def offer(self, view: JobView) -> None:
        """Fill the list with what the search finds."""
        shown = view.shown("config")
        sections: tuple[ConfigSection, ...] = shown.value or ()
        needle = self.query_one(Input).value
        rows = tables.config_rows(sections, needle)
        self.query_one("#flink-config-table", FitTable).fill(rows)
        total = sum(len(section.entries) for section in sections)
        lines = [] if sections else empty_sentence(view, shown, "Waiting for the settings …", self.room)
        if sections and not rows:
            lines = [Text(f"No setting holds “{fmt.plain(needle)}”: esc shows all.")]
        self.note(lines)
        entries = {f"{section.title}/{entry.key}": entry for section in sections for entry in section.entries}
        opened = entries.get(self.opened or "")
        if opened is not None:
            self.query_one("#flink-setting-head", Line).say(Text(fmt.plain(opened.key), style="bold"))
            value = tables.setting_text(opened)
            self.query_one("#flink-setting", Line).say(flink_text.lines_of(value) if isinstance(value, str) else value)
        hint = "esc goes back" if opened else "/ searches · enter shows the whole value"
        counted = f"{len(rows)} of {total}" if needle else str(total)
        self.frame(f"Configuration · {counted} settings" if sections else "Configuration", hint, view.note(shown, 60.0))

    def search(self) -> None:
        """Type what to look for."""
        self.close()
        line = self.query_one(Input)
        line.add_class("-on")
        line.focus()

    def close(self) -> bool:
        """Back to the list; then end the search."""
        if super().close():
            return True
        line = self.query_one(Input)
        if not line.has_class("-on"):
            return False
        line.value = ""
        line.remove_class("-on")
        self.focus_list()
        return True


class ManagersPane(Pane):
    """TaskManagers with slots and memory."""

    LABEL = "TaskManagers"
    LIST_FOCUS = "#flink-managers-box"

    def body(self) -> Iterable[Widget]:
        """One text."""
        with VerticalScroll(id="flink-managers-box"):
            yield Line(id="flink-managers", classes="text")

    def row(self) -> str | None:
        """Nothing opens."""
        return None

    def sources(self, port: Port, view: JobView) -> Mapping[str, Source]:  # noqa: ARG002 - not of a job
        """Every TaskManager."""
        return {"flink.taskmanagers": Source(lambda: port().taskmanagers(), 3.0)}

    def offer(self, view: JobView) -> None:
        """One card each."""
        shown: Shown = view.state.shown("flink.taskmanagers")
        managers: tuple[TaskManager, ...] = shown.value or ()
        lines = empty_sentence(view, shown, "Waiting for the TaskManagers …", self.room)
        if shown.value is not None:
            lines = [] if managers else [Text("No TaskManager is registered: nothing can run. Its log is on screen 5.")]
        self.note(lines)
        cards = [flink_text.manager_card(manager, view.now, self.room) for manager in managers]
        self.query_one("#flink-managers", Line).say(Text("\n\n").join(cards))
        slots = sum(manager.slots_total for manager in managers)
        free = sum(manager.slots_free for manager in managers)
        title = f"TaskManagers · {len(managers)} · {free} of {slots} slots free" if managers else "TaskManagers"
        self.frame(title, "", view.note(shown, 3.0))


PANES: tuple[type[Pane], ...] = (
    GraphPane,
    VerticesPane,
    CheckpointsPane,
    ExceptionsPane,
    ConfigPane,
    ManagersPane,
)
