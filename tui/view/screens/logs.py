"""The logs: every service, the producer and the submission, followed live, searched, filtered by level."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input, Static

from tui.core.sources import Source
from tui.core.store import State
from tui.model.logs import Level, LogChunk, LogCursor, LogInfo, LogLine
from tui.ports import LogPort
from tui.view import explained, registry
from tui.view import format as fmt
from tui.view.registry import Command
from tui.view.screens.base import CockpitScreen
from tui.view.widgets import border
from tui.view.widgets.chooser import Chooser
from tui.view.widgets.log_view import SIDEWAYS, LogView
from tui.view.widgets.notes import put
from tui.view.widgets.panel import sentence

POLL_S = 0.5
LIST_S = 3.0
_LEVELS = (None, Level.WARN, Level.ERROR)
_WORDS = {None: "", Level.WARN: "only WARN and worse", Level.ERROR: "only ERROR"}


class LogsScreen(CockpitScreen):
    """One log at a time."""

    NAME = "logs"
    AUTO_FOCUS = "#log"
    OWN: ClassVar[tuple[Command, ...]] = (
        Command("log_previous", "left", "screen.service(-1)", "service", "the log before"),
        Command("log_next", "right", "screen.service(1)", "service", "the next log", rank=2),
        Command("log_search", "slash", "screen.search", "search", "find text; capitals matter if you type one", rank=1),
        Command("log_hit", "n", "screen.hit(1)", "next hit", "the next hit, further down", rank=4),
        Command("log_hit_before", "N", "screen.hit(-1)", "hit before", "the hit before, further up", rank=5),
        Command("log_level", "l", "screen.level", "level", "all lines, WARN and worse, or ERROR alone", rank=2),
        Command("log_wrap", "w", "screen.wrap", "wrap", "wrap long lines or cut them", rank=3),
        Command(
            "log_right", "greater_than_sign,shift+right", "screen.sideways(1)", "right", "long lines further right"
        ),
        Command("log_left", "less_than_sign,shift+left", "screen.sideways(-1)", "left", "long lines back to the left"),
        Command("log_end", "end", "screen.end", "follow", "go to the end and follow it", rank=2),
        Command("log_back", "escape", "screen.back", "back", "end the search, or go back", palette=False),
    )
    BINDINGS: ClassVar[list[BindingType]] = list(registry.bindings(OWN))
    PANELS = explained.LOGS
    ABOUT = """
The end is followed while you are at it. Scroll up and the log stands still; end follows again.
E, W before a line: its level. │ before a line: it goes on with the stack trace above it.
>: the hit that n or N found. … at the edge: the line goes on; > or w shows it.
·: a control character.
submit: the last submission of the job; what the job does later is in taskmanager and jobmanager.
"""

    def __init__(self) -> None:
        super().__init__()
        self._service: str | None = None
        self._cursor: LogCursor | None = None
        self._last: LogChunk | None = None
        self._last_at: datetime | None = None
        self._path = self._remark = self._problem = ""

    def body(self) -> Iterable[Widget]:
        """The names of the logs, what is wrong, the lines, and the search."""
        yield Chooser(id="log-services")
        yield Static(id="log-problem", markup=False)
        yield LogView(id="log")
        yield Input(id="log-search", placeholder="search: enter finds, esc ends", compact=True)

    # --- the way of the data

    def sources(self) -> Mapping[str, Source]:
        """The list of logs, and what is new in the chosen one."""
        port = self.cockpit.logs
        if port is None:
            return {}
        found = {"logs.services": Source(partial(_services, port), LIST_S, own_pace=True)}
        if self._service is not None and self.lakehouse.facts(self.NAME).paused_for_s is None:
            fetch = partial(_tail, port, self._service, self._cursor)
            found[self._tail_name] = Source(fetch, POLL_S, own_pace=True)
        return found

    @property
    def _tail_name(self) -> str:
        return f"logs.tail:{self._service}"

    def show(self, state: State) -> None:
        """Take what has arrived."""
        infos: tuple[LogInfo, ...] = state.shown("logs.services").value or ()
        if self._service is None and infos:
            self._choose(infos[0].service)
        self.query_one(Chooser).offer([(i.service, i.exists) for i in infos], self._service)
        shown = state.shown(self._tail_name)
        if isinstance(shown.value, LogChunk):
            self._take(shown.value)
        failed = shown if shown.error is not None else state.shown("logs.services")
        self._say(Text("\n").join(sentence(failed, self.now, max(20, self.size.width - 2))))
        self._view.empty(self._nothing(shown.value is not None, shown.error is not None))
        self._describe()

    def _say(self, problem: Text) -> None:
        """What is wrong, above the lines."""
        if problem.plain != self._problem:
            self._problem = problem.plain
            line = self.query_one("#log-problem", Static)
            line.display = bool(problem)
            put(line, problem)

    def _take(self, chunk: LogChunk) -> None:
        """Add what follows on what is shown; an answer to an older question is passed over."""
        if chunk is self._last:
            return
        if chunk.start != self._cursor:
            if self.cockpit.logs is not None:
                return
            self._view.clear()  # played from a recording, at another moment
        self._last, self._cursor, self._path = chunk, chunk.cursor, chunk.path
        if note := _note(chunk):
            self._view.append([LogLine(note)], note=True)
        if chunk.lines:
            self._view.append(chunk.lines)
            self._last_at = next((line.at for line in reversed(chunk.lines) if line.at), self._last_at)

    @property
    def _view(self) -> LogView:
        return self.query_one(LogView)

    # --- what is said about it

    def on_log_view_changed(self) -> None:
        """Another part is seen."""
        self._describe()

    def _nothing(self, answered: bool, failed: bool) -> str:
        if self._view.buffer.total:
            return "No line is that serious; l shows all of them."
        if failed:
            return ""
        if self.cockpit.logs is None and not answered:
            return "There are no logs here."
        return f"{fmt.plain(self._service)} has written nothing yet." if answered else "Waiting for the first answer …"

    def _describe(self) -> None:
        """File, lines and whether the end is followed, in the border."""
        view, width = self._view, max(10, self._view.size.width - 4)
        buffer = view.buffer
        lines = f"{buffer.total:,} lines" if buffer.level is None else f"{buffer.shown:,} of {buffer.total:,} lines"
        if self._last_at is not None:
            lines += f", last {fmt.clock(self._last_at)}"
        follows = "following" if view.following else f"standing still, {view.rows_below:,} rows below"
        facts = f"{lines} · {follows}"
        title = f"{_end_of(self._path or fmt.plain(self._service), width - len(facts) - 3)} · {facts}"
        parts = [self._search_text(), _WORDS[buffer.level], "wrapped" if view.wrap else "", self._remark]
        if view.column:
            parts.insert(0, f"from column {view.column + 1}")
        if not view.following:
            parts.append("end follows")
        border.write(view, title, " · ".join(filter(None, parts)))

    def _search_text(self) -> str:
        view = self._view
        needle = view.buffer.needle
        if needle is None:
            return ""
        if not view.buffer.hits:
            return f"“{needle.text}” not found"
        rank = None if view.current is None else view.buffer.rank(view.current)
        place = f"line {rank:,} of {view.buffer.hits:,}" if rank else f"{view.buffer.hits:,} lines"
        return f"“{needle.text}” {place}"

    # --- keys

    def action_service(self, step: int) -> None:
        """Another log."""
        infos: tuple[LogInfo, ...] = self.state.shown("logs.services").value or ()
        names = [info.service for info in infos]
        if names:
            here = names.index(self._service) if self._service in names else -step
            self._choose(names[(here + step) % len(names)])

    def on_chooser_chosen(self, message: Chooser.Chosen) -> None:
        """Another log, by click."""
        self._choose(message.name)

    def _choose(self, service: str) -> None:
        if service == self._service:
            return
        self._service, self._cursor, self._last, self._last_at = service, None, None, None
        self._path = self._remark = ""
        self._view.clear()
        self.refetch(self._tail_name)
        self.call_after_refresh(self.refresh_all)

    def action_search(self) -> None:
        """Open the line that the text is typed into."""
        line = self.query_one(Input)
        line.display = True
        line.focus()
        line.action_end()

    def on_input_changed(self, message: Input.Changed) -> None:
        """Mark the hits while typing."""
        self._remark = ""
        self._view.search(message.value)
        self._describe()

    def on_input_submitted(self) -> None:
        """Go to the newest hit above the end of what is seen."""
        self._close_search()
        self._view.newest_hit()
        self._describe()

    def _close_search(self) -> None:
        self.query_one(Input).display = False
        self._view.focus()

    def action_hit(self, step: int) -> None:
        """To the next hit, or the one before."""
        if self._view.buffer.needle is None:
            self.action_search()
            return
        round_ = self._view.next_hit(step)
        self._remark = ("from the top again" if step > 0 else "from the end again") if round_ else ""
        self._describe()

    def action_level(self) -> None:
        """The next choice of levels."""
        view = self._view
        following = _LEVELS[(_LEVELS.index(view.buffer.level) + 1) % len(_LEVELS)]
        view.look(following, wrap=view.wrap)
        self.refresh_all()

    def action_wrap(self) -> None:
        """Wrap, or do not."""
        self._view.look(self._view.buffer.level, wrap=not self._view.wrap)
        self._describe()

    def action_sideways(self, step: int) -> None:
        """Along long lines."""
        self._view.sideways(step * SIDEWAYS)
        self._describe()

    def action_end(self) -> None:
        """Follow."""
        self._view.action_scroll_end()

    async def action_back(self) -> None:
        """End the search; without one go back."""
        line = self.query_one(Input)
        if line.display or line.value:
            line.value = ""
            self._close_search()
        elif self.lakehouse.activities:
            self.lakehouse.action_dismiss_result()
        else:
            await self.lakehouse.action_leave()


def _services(port: Callable[[], LogPort]) -> tuple[LogInfo, ...]:
    return port().services()


def _tail(port: Callable[[], LogPort], service: str, cursor: LogCursor | None) -> LogChunk:
    return port().tail(service, cursor)


def _note(chunk: LogChunk) -> str:
    """What to say where lines are missing."""
    if not chunk.truncated:
        return ""
    if chunk.start is None:
        return "── older lines are in the file ──"
    if chunk.skipped_bytes is None:
        return "── the log was begun anew here ──"
    return f"── {fmt.size(chunk.skipped_bytes)} left out: more was written than can be followed ──"


def _end_of(path: str, width: int) -> str:
    """The end of a path, at most `width` characters."""
    return path if len(path) <= width else "…" + path[-max(1, width - 1) :]
