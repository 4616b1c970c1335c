"""The first line: health, backend, job, freshness, refresh interval."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rich.text import Text
from textual.widget import Widget

from tui.core import advice
from tui.core.actions import active_job
from tui.core.store import State
from tui.model.flink import JobSummary
from tui.model.stack import Service, ServiceState
from tui.view import format as fmt
from tui.view.keeping import headline

MARKS = {
    ServiceState.READY: ("●", "green"),
    ServiceState.STARTING: ("◌", "yellow"),
    ServiceState.BACKOFF: ("▲", "yellow"),
    ServiceState.UNHEALTHY: ("▲", "red"),
    ServiceState.FAILED: ("✗", "red"),
    ServiceState.STOPPED: ("○", ""),
    ServiceState.UNKNOWN: ("?", "yellow"),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the header knows beside the state; `theme` for as long as its name is said."""

    screen: str
    backend: str
    interval_s: float
    paused_for_s: float | None = None
    read_only: bool = False
    replay: str | None = None
    recording: bool = False
    theme: str | None = None


class HeaderBar(Widget):
    """One line; parts that do not fit are left out, the least needed first."""

    can_focus = False

    def __init__(self) -> None:
        super().__init__(id="header")
        self._parts: tuple[Text, ...] = ()

    def offer(self, state: State, now: datetime, facts: Facts) -> None:
        """Show `state`."""
        parts = tuple(header_parts(state, now, facts))
        if parts != self._parts:
            self._parts = parts
            self.refresh()

    def render(self) -> Text:
        """The parts that fit, with room between them."""
        return joined(self._parts, self.size.width)


def joined(parts: tuple[Text, ...], width: int) -> Text:
    """Parts from the left while there is room."""
    line = Text(no_wrap=True, overflow="ellipsis")
    for part in parts:
        gap = "  " if line else ""
        if line and line.cell_len + len(gap) + part.cell_len > width:
            continue
        line.append(gap)
        line.append_text(part)
    return line


def header_parts(state: State, now: datetime, facts: Facts) -> list[Text]:
    """Every part, the most needed first."""
    parts = [Text(f" {facts.screen.upper()} ", style="bold reverse")]
    if facts.paused_for_s is not None:
        parts.append(Text(f" PAUSED {fmt.duration(facts.paused_for_s)}, space goes on ", style="bold reverse"))
    if facts.theme is not None:
        parts.append(Text(f" {facts.theme} theme ", style="bold reverse"))
    if facts.recording:
        parts.append(Text("● REC", style="bold red"))
    if facts.replay is not None:
        parts.append(Text(f" REPLAY {facts.replay} ", style="bold reverse"))
    parts += [health(state), job_text(state, now), freshness(state, now)]
    parts.append(Text(f"every {facts.interval_s:g} s", style="dim"))
    parts.append(Text("read-only" if facts.read_only else facts.backend, style="dim"))
    return parts


def health(state: State) -> Text:
    """How many services are ready, and those that are not by name."""
    shown = state.shown("services")
    services: tuple[Service, ...] = shown.value or ()
    if not services:
        return Text("services –" if shown.error is None else "services unknown", style="dim")
    if all(s.state is ServiceState.STOPPED for s in services):
        return Text("○ stopped")
    ill = [s for s in services if not s.healthy]
    if not ill:
        return Text(f"● {len(services)}/{len(services)} ready", style="green")
    text = Text()
    for n, service in enumerate(ill):
        mark, style = MARKS[service.state]
        text.append(f"{', ' if n else ''}{mark} {service.name} {service.state.value}", style=style)
    return text


def job_text(state: State, now: datetime) -> Text:
    """The job's state; of a lost one, what the keeper does about it."""
    shown = state.shown("jobs")
    if shown.value is None:
        return Text("job –", style="dim")
    job: JobSummary | None = active_job(state)
    keeping = advice.keeping(state)
    if job is None and keeping is not None:
        return Text(headline(keeping, now), style="red" if keeping.phase == "gave up" else "yellow")
    if job is None:
        ended: JobSummary | None = next(iter(shown.value), None)
        return Text("no job" if ended is None else f"job {ended.state}", style="red" if _failed(ended) else "")
    whole = job.tasks_running == job.tasks_total > 0
    tasks = "" if whole else f" {job.tasks_running}/{job.tasks_total} tasks"
    return Text(f"job {job.state}{tasks}", style="green" if job.state == "RUNNING" and whole else "yellow")


def _failed(job: JobSummary | None) -> bool:
    return job is not None and job.state == "FAILED"


def freshness(state: State, now: datetime) -> Text:
    """Now − the newest trade visible in a committed candle."""
    newest = newest_committed(state)
    return Text(f"fresh {fmt.age(newest, now)}", style="" if newest else "dim")


def newest_committed(state: State) -> datetime | None:
    """When the newest trade happened that a committed candle holds."""
    newest = getattr(state.shown("live").value, "newest_committed_at", None)
    return newest if isinstance(newest, datetime) else None
