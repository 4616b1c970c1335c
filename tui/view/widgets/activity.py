"""What runs now and how the last action ended, above the keys; as high as it needs to be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text
from textual.widget import Widget

from tui.model.activity import Activity
from tui.model.stack import Progress
from tui.view import format as fmt
from tui.view.widgets.panel import wrapped

SHOWN_S = 15.0
"""How long a good end is shown; a bad one stays until another action or escape."""
MOST_LINES = 8
_BAR = 16


class ActivityBar(Widget):
    """Nothing while nothing happens."""

    can_focus = False

    def __init__(self) -> None:
        super().__init__(id="activity")
        self._lines: tuple[Text, ...] = ()

    def offer(self, activities: Sequence[Activity], now: datetime) -> None:
        """Show `activities`, oldest first."""
        lines = tuple(activity_lines(activities, now, max(20, self.app.size.width - 2)))[-MOST_LINES:]
        if lines == self._lines:
            return
        if len(lines) != len(self._lines):
            self.styles.height = len(lines)
            self.display = bool(lines)
        self._lines = lines
        self.refresh()

    def render(self) -> Text:
        """The lines of now."""
        return Text("\n", end="").join(self._lines)


def activity_lines(activities: Sequence[Activity], now: datetime, width: int) -> list[Text]:
    """The lines of all activities that are to be shown."""
    lines: list[Text] = []
    for activity in activities:
        if activity.running:
            lines += _running(activity, now, width)
        elif not activity.ok or (activity.ended and (now - activity.ended).total_seconds() < SHOWN_S):
            lines += _ended(activity, width)
    return lines


def _running(activity: Activity, now: datetime, width: int) -> list[Text]:
    title = Text.assemble(("▶ ", "bold"), (activity.title, "bold"), f"  {fmt.age(activity.began, now)}")
    steps = list(activity.steps.values())
    if len(steps) == 1 and not steps[0].total:
        title.append(f"  {fmt.plain(steps[0].detail)}")
        steps = []
    title.truncate(width, overflow="ellipsis")
    open_first = sorted(steps, key=lambda s: s.finished)[: MOST_LINES - 1]
    return [title, *(_step(step, width) for step in steps if step in open_first)]


def _step(step: Progress, width: int) -> Text:
    line = Text(f"  {'✓' if step.finished else '…'} {fmt.clip(step.step, 18):<18} ")
    if step.total and not step.finished:
        share = min(1.0, (step.done or 0) / step.total)
        full = round(_BAR * share)
        line.append("█" * full, style="green")
        line.append("░" * (_BAR - full), style="dim")
        line.append(f" {100 * share:3.0f}% {_amount(step)}  ")
    line.append(fmt.plain(step.detail))
    line.truncate(width, overflow="ellipsis")
    return line


def _amount(step: Progress) -> str:
    if step.unit == "bytes":
        return f"{fmt.size(step.done)} of {fmt.size(step.total)}"
    return f"{step.done or 0} of {step.total} {step.unit}".strip()


def _ended(activity: Activity, width: int) -> list[Text]:
    mark, style = ("✓", "green") if activity.ok else ("✗", "red")
    said = fmt.plain(activity.sentence or "")
    text = Text.assemble((f"{mark} ", f"bold {style}"), said if activity.ok else f"{activity.title}: {said}")
    lines = wrapped(text, width)
    if not activity.ok:
        lines[-1].append("  esc", style="dim")
    return lines
