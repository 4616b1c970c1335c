"""What the commands print: tables and progress for people, JSON for scripts."""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column, Table
from rich.text import Text

from tui.core.log_lines import plain
from tui.model.errors import UsageError
from tui.model.stack import Progress as Step
from tui.ports import ProgressSink

UNKNOWN = "–"
WIDTH_OF_FILES = 160
"""Columns of a table that goes to a file or a pipe."""
_UNSEEN = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]")
"""What JSON may hold as it is, and a terminal may take for an order."""


def console(*, stderr: bool = False) -> Console:
    """The console to print on; styles are left out where they do not belong."""
    screen = Console(stderr=stderr, highlight=False)
    return screen if screen.is_terminal else Console(stderr=stderr, highlight=False, width=WIDTH_OF_FILES)


def say(text: str) -> None:
    """Print a line (or some) on stdout; a terminal gets no escape sequences or control characters from outside."""
    sys.stdout.write((shown(text) if sys.stdout.isatty() else text) + "\n")
    sys.stdout.flush()


def tell(text: str) -> None:
    """Print a line on stderr, which people read, without escape sequences and control characters."""
    sys.stderr.write(shown(text) + "\n")
    sys.stderr.flush()


def shown(text: str) -> str:
    """`text` as a terminal may show it, line by line."""
    return "\n".join(map(plain, text.split("\n")))


def print_json(value: Any) -> None:
    """Print `value` as JSON; times as ISO 8601 in UTC."""
    say(as_json(value, indent=2))


def as_json(value: Any, indent: int | None = None) -> str:
    """`value` as JSON; what is no letter or sign is escaped, so that it does nothing to a terminal."""
    return _UNSEEN.sub(_escaped, json.dumps(value, default=_plain, ensure_ascii=False, indent=indent))


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def iso(moment: datetime) -> str:
    """`moment` in UTC, ISO 8601 with a Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    left: Sequence[str] = (),
    fixed: Sequence[str] = (),
) -> None:
    """Print a table; `None` is shown as unknown; columns in `left` are set left, those in `fixed` never wrap."""
    grid = Table(
        title=Text(plain(title)), title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=0, pad_edge=False
    )
    for name in columns:
        grid.add_column(name, justify="left" if name in left else "right", overflow="fold", no_wrap=name in fixed)
    for row in rows:
        grid.add_row(*(Text(cell(value)) for value in row))
    console().print(grid)


def cell(value: Any) -> str:
    """One value as text for a table."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.8f}".rstrip("0").rstrip(".")
    if isinstance(value, datetime):
        return f"{value.astimezone():%H:%M:%S}"
    return plain(str(value))


def confirm(question: str, *, yes: bool) -> bool:
    """Ask on the terminal; without one `--yes` is needed, and its absence is wrong usage."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError(f"{question} Nobody is there to answer: add --yes to do it.")
    sys.stderr.write(f"{shown(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


@contextmanager
def progress() -> Iterator[ProgressSink]:
    """A sink that shows each step: bars on a terminal, one line a change elsewhere (both on stderr)."""
    screen = console(stderr=True)
    if screen.is_terminal:
        with Progress(
            TextColumn("{task.description}", markup=False, table_column=Column(min_width=11, no_wrap=True)),
            BarColumn(bar_width=10, table_column=Column(min_width=10)),
            TextColumn(
                "{task.fields[amount]}", markup=False, table_column=Column(min_width=14, no_wrap=True, justify="right")
            ),
            TextColumn(
                "{task.fields[detail]}",
                markup=False,
                table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),
            ),
            console=screen,
            expand=True,
        ) as bars:
            yield _Bars(bars)
    else:
        yield _Lines()


class _Bars:
    """One bar a step."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._lock = threading.Lock()

    def __call__(self, step: Step) -> None:
        with self._lock:
            task = self._tasks.get(step.step)
            if task is None:
                task = self._bars.add_task(plain(step.step), total=None, amount="", detail="")
                self._tasks[step.step] = task
            total = step.total if step.total is not None else (1 if step.finished else None)
            completed = total if step.finished else step.done
            self._bars.update(task, total=total, completed=completed, amount=_amount(step), detail=plain(step.detail))


class _Lines:
    """One line when a step begins, changes its detail, or ends."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}
        self._lock = threading.Lock()

    def __call__(self, step: Step) -> None:
        with self._lock:
            text = f"{step.detail}{' (done)' if step.finished else ''}".strip()
            if step.total and step.unit == "bytes":
                percent = 10 * (10 * (step.done or 0) // step.total)
                text = f"{step.detail if step.finished else ''} {percent}% of {_size(step.total)}".strip()
            if self._last.get(step.step) != text:
                self._last[step.step] = text
                tell(f"{step.step}: {text}")


def _amount(step: Step) -> str:
    if step.total is None or step.done is None:
        return ""
    if step.unit == "bytes":
        return f"{step.done / 1e6:,.0f} of {step.total / 1e6:,.0f} MB"
    return f"{step.done} of {step.total} {step.unit}".strip()


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
