"""What the Flink screen knows of the job that it shows: one job's readings out of the state; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rich.text import Text

from tui.core import advice
from tui.core.store import Shown, State
from tui.model.flink import CheckpointStats, JobDetail, JobException, JobSummary
from tui.model.flink_detail import JobGraph
from tui.view import format as fmt
from tui.view.registry import GLOBAL
from tui.view.vertices import labels
from tui.view.widgets.panel import absent, sentence, staleness, wrapped

_KEYS = {command.id: command.shown_key for command in GLOBAL}
_STYLES = {"RUNNING": "bold green", "FINISHED": "bold green", "FAILED": "bold red"}
_UPSET = frozenset({"FAILED", "FAILING", "RESTARTING"})


@dataclass(frozen=True, slots=True)
class JobView:
    """One job, as far as known; `number` counts from the newest of `jobs`.

    `measured_at`: when `detail` was read; watermarks are behind the clock of then.
    """

    state: State
    now: datetime
    period_s: float
    jobs: tuple[JobSummary, ...] = ()
    number: int = 0
    summary: JobSummary | None = None
    detail: JobDetail | None = None
    measured_at: datetime | None = None
    stats: CheckpointStats | None = None
    graph: JobGraph | None = None
    exceptions: tuple[JobException, ...] | None = None

    @property
    def job_id(self) -> str | None:
        """The job's id."""
        return None if self.summary is None else self.summary.id

    @property
    def upset(self) -> bool:
        """Whether the job has failed or is about to."""
        return self.summary is not None and self.summary.state in _UPSET

    def name(self, what: str) -> str:
        """The name of this job's reading: "graph" → "flink.graph:<id>"."""
        return f"flink.{what}:{self.job_id}"

    def shown(self, what: str) -> Shown:
        """This job's reading."""
        return self.state.shown(self.name(what))

    def detail_names(self) -> tuple[str, str]:
        """Where vertices and checkpoints come from: the sources of the running job, or one for a job of the past."""
        running = next((job.id for job in self.jobs if job.ours), None)
        return ("job", "checkpoints") if self.job_id == running else (self.name("job"), self.name("job"))

    def labels(self) -> dict[str, str]:
        """Vertex id → short name, as far as the job's vertices are known."""
        if self.graph is not None:
            return labels({node.id: node.name for node in self.graph.nodes}, self.graph.edges)
        return labels({vertex.id: vertex.name for vertex in self.detail.vertices}) if self.detail else {}

    def note(self, shown: Shown, interval_s: float) -> str:
        """In words, since when a reading is not confirmed; empty while it is fresh."""
        return staleness(shown, self.now, max(self.period_s, interval_s)) or ""


def job_view(state: State, now: datetime, period_s: float, chosen: str | None) -> JobView:
    """The chosen job; where none is, the lakehouse's that runs, else the newest."""
    jobs: tuple[JobSummary, ...] = state.shown("jobs").value or ()
    running = next((job for job in jobs if job.ours), jobs[0] if jobs else None)
    summary = next((job for job in jobs if job.id == chosen), running)
    if summary is None:
        return JobView(state, now, period_s, jobs)
    bare = JobView(state, now, period_s, jobs, jobs.index(summary) + 1, summary)
    of_vertices, of_checkpoints = bare.detail_names()
    detail = _of(state.shown(of_vertices).value, summary.id)
    stats: CheckpointStats | None = detail.checkpoints if detail else None
    if of_checkpoints == "checkpoints":
        stats = state.shown("checkpoints").value or stats
    return JobView(
        state,
        now,
        period_s,
        jobs,
        bare.number,
        summary,
        detail,
        state.shown(of_vertices).taken_at,
        stats,
        bare.shown("graph").value,
        bare.shown("exceptions").value,
    )


def _of(detail: JobDetail | None, job_id: str) -> JobDetail | None:
    """The detail, unless it is another job's: the sources follow the running job, which may have just changed."""
    return detail if detail is not None and detail.summary.id == job_id else None


# --- the lines above everything


def head_lines(view: JobView, width: int) -> list[Text]:
    """Two lines about the job, and what is wrong in one more; or why there is none and what to do."""
    shown = view.state.shown("jobs")
    if shown.value is None or advice.stopped(view.state):
        lines = absent(view.state, "jobmanager", "Flink", shown, view.now, width)
        return [*lines, *([Text(f"{_KEYS['up']} starts the stack.")] if advice.stopped(view.state) else [])]
    wrong = sentence(shown, view.now, width)
    if view.summary is None:
        return [Text(f"No job runs: {_KEYS['submit']} submits it, from its newest checkpoint if there is one."), *wrong]
    who = _who(view, view.summary, width)
    who.truncate(width, overflow="ellipsis")
    upset = [line for text in _upset(view) for line in wrapped(text, width)]
    return [who, *wrapped(_how(view, view.summary), width), *(wrong or upset)]


def _who(view: JobView, job: JobSummary, width: int) -> Text:
    style = _STYLES.get(job.state, "bold yellow")
    line = Text.assemble((fmt.plain(job.name), "bold"), f" {job.id} ", (job.state, style))
    number = f" · job {view.number} of {len(view.jobs)}" if len(view.jobs) > 1 else ""
    tasks = f" · {job.tasks_running}/{job.tasks_total} tasks" if job.active else ""
    if job.tasks_running == job.tasks_total and line.cell_len + len(tasks) + len(number) > width:
        tasks = ""
    return line.append(f"{tasks}{number}")


def _how(view: JobView, job: JobSummary) -> Text:
    detail = view.detail
    if job.active:
        since = detail.running_since if detail else None
        parts = [f"up {fmt.age(job.started_at, view.now)}"]
        restarts = detail.restarts if detail else None
        parts.append(f"{fmt.count(restarts)} restart{'' if restarts == 1 else 's'}")
        if restarts and since:
            parts[-1] += f" ({fmt.age(since, view.now)} ago)"
    else:
        lasted = None if job.ended_at is None else (job.ended_at - job.started_at).total_seconds()
        parts = [f"ended {fmt.age(job.ended_at, view.now)} ago, after {fmt.duration(lasted)}"]
    parts.append(restored(view))
    if job.active and detail:
        lag_ms = detail.watermark_lag_ms
        behind = fmt.UNKNOWN if lag_ms is None else f"{fmt.duration(max(0, lag_ms) / 1000)} behind"
        parts.append(f"watermark {behind}")
    return Text(" · ".join(parts))


def restored(view: JobView) -> str:
    """What the job continued from."""
    if view.stats is None:
        return f"from {fmt.UNKNOWN}"
    if view.stats.restored_id is None:
        return "began afresh"
    path = view.stats.restored_path or ""
    kind = "savepoint" if path.rpartition("/")[2].startswith("savepoint") else "checkpoint"
    return f"from {kind} {view.stats.restored_id}"


def _upset(view: JobView) -> list[Text]:
    if not view.upset or view.summary is None:
        return []
    newest = view.exceptions[0] if view.exceptions else None
    why = fmt.plain(newest.cause) if newest else "Flink has not told why yet"
    if view.summary.state == "FAILED":
        return [
            Text(f"! It failed: {why}", style="bold"),
            Text(f"{_KEYS['submit']} submits it again, from its newest checkpoint."),
        ]
    return [Text(f"! Flink starts it again: {why}", style="bold")]


# --- readings of other parts


def empty_sentence(view: JobView, shown: Shown, waiting: str, width: int) -> list[Text]:
    """Why a part of the screen has nothing to show."""
    return sentence(shown, view.now, width) or [Text(waiting, style="dim")]
