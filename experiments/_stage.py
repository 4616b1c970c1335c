"""What all experiments share: steps, prose, questions, tables of text, and cleaning up whatever happens.

An experiment is a class with one method a step, in the order in which they are read and run. It claims nothing that
it does not check: `check` ends it with exit status 1 where the stack did not behave as the text says.
"""

from __future__ import annotations

import argparse
import json
import re
import secrets
import signal
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar, NoReturn, TypeVar

from tui import bootstrap, settings
from tui.model.errors import LakehouseError, UsageError
from tui.settings import Settings

WIDTH = 80
"""Columns of everything that is printed, but for what the services themselves say."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends an experiment early: Ctrl-C, a request to end, a terminal that is closed."""
SERVICES = {"kafka": ("kafka",), "s3": ("s3",), "flink": ("jobmanager", "taskmanager")}
"""What an experiment `needs` → the services behind it."""

E = TypeVar("E", bound="Experiment")
T = TypeVar("T")


class ClaimError(Exception):
    """The stack did not do what the experiment says it does."""


def step(title: str) -> Callable[[Callable[[E], None]], Callable[[E], None]]:
    """Marks a method as a step of its experiment."""

    def mark(method: Callable[[E], None]) -> Callable[[E], None]:
        method.__dict__["title"] = title
        return method

    return mark


class Experiment:
    """One experiment; the docstring of a subclass is its title line, `needs` are keys of `SERVICES`."""

    needs: ClassVar[tuple[str, ...]] = ()

    def __init__(self, found: Settings, *, asks: bool) -> None:
        self.settings = found
        self.name = f"{self.file().stem[:2]}_{secrets.token_hex(3)}"
        """Names everything that this run makes: no two runs share a topic or a table."""
        self.facts: dict[str, object] = {}
        self._asks = asks
        self._interrupted = False
        self._leftovers: list[tuple[str, Callable[[], object]]] = []

    # What a step says and asks

    def say(self, text: str) -> None:
        """Print paragraphs, wrapped; those whose lines are all indented stay as they are."""
        for paragraph in textwrap.dedent(text).strip("\n").split("\n\n"):
            verbatim = all(line.startswith(" ") for line in paragraph.splitlines())
            self._block(paragraph if verbatim else textwrap.fill(" ".join(paragraph.split()), WIDTH))

    def show(self, text: str) -> None:
        """Print code or an answer as it is, indented."""
        self._block(textwrap.indent(textwrap.dedent(text).strip("\n"), "    "))

    def note(self, text: str) -> None:
        """Print a sentence about what just came back, indented."""
        self._block(textwrap.fill(text, WIDTH, initial_indent="    ", subsequent_indent="    "))

    def table(self, headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Print rows under headers, numbers to the right."""
        cells = [["–" if cell is None else str(cell) for cell in row] for row in rows]
        numeric = [all(_NUMBER.fullmatch(row[i]) for row in cells) for i in range(len(headers))]
        widths = [max(len(text) for text in column) for column in zip(headers, *cells, strict=True)]
        lines = []
        for row in (list(headers), ["─" * width for width in widths], *cells):
            line = (c.rjust(w) if n else c.ljust(w) for c, w, n in zip(row, widths, numeric, strict=True))
            lines.append(("    " + "  ".join(line)).rstrip())
        self._block("\n".join(lines if cells else [*lines, "    (no rows)"]))

    def ask(self, question: str) -> None:
        """Ask, and wait for an answer; what follows in the step demonstrates the right one."""
        self._block(textwrap.fill(question, WIDTH, initial_indent="❓ ", subsequent_indent="   "))
        if self._asks:
            self._read("   Your answer: ")

    def check(self, claim: str, holds: object, **facts: object) -> None:
        """Print what has been shown; raises `ClaimError` if it is not so. `facts` go into the answer of `--json`."""
        self.facts.update(facts)
        if not holds:
            raise ClaimError(f"This did not hold here: {claim} What was found: {facts}")
        self._block(textwrap.fill(claim, WIDTH, initial_indent="✔ ", subsequent_indent="  "))

    def _block(self, text: str) -> None:
        if self._interrupted:
            raise KeyboardInterrupt
        print(f"\n{text}", flush=True)

    def until(self, condition: Callable[[], T | None], what: str, timeout_s: float = 60.0) -> T:
        """Wait until `condition` gives something true, and return it."""
        deadline = time.monotonic() + timeout_s
        while not (found := condition()):
            if time.monotonic() > deadline:
                raise ClaimError(f"{what} did not come within {timeout_s:g} s.")
            time.sleep(0.1)
        return found

    def clean(self, what: str, act: Callable[[], object]) -> None:
        """Do `act` at the end, however it comes; the last one registered goes first."""
        self._leftovers.append((what, act))

    def _read(self, prompt: str) -> str:
        try:
            return input(prompt)
        except EOFError:
            raise UsageError("There is nobody to answer; `--yes` runs without stopping.") from None

    # How it runs

    @classmethod
    def file(cls) -> Path:
        """The file that is read while this runs."""
        return Path(str(sys.modules[cls.__module__].__file__))

    @classmethod
    def steps(cls) -> list[tuple[str, Callable[[Any], None]]]:
        """Title and method of each step, in the order of the file."""
        return [(m.__dict__["title"], m) for m in cls.__dict__.values() if "title" in getattr(m, "__dict__", {})]

    @classmethod
    def main(cls) -> NoReturn:
        """Run from the command line; exit status 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
        options = _arguments(cls)
        title = str(cls.__doc__).splitlines()[0]
        if options.list:
            print(title)
            for number, (name, _) in enumerate(cls.steps(), 1):
                print(f"  {number}. {name}")
            sys.exit(0)
        answer = sys.stdout
        if options.json:
            sys.stdout = sys.stderr
        try:
            found = settings.load({"home": options.home})
            _require(cls, found)
            experiment = cls(found, asks=not options.yes and not options.json)
        except LakehouseError as error:
            sys.exit(_fail(error))
        status = experiment.run(title)
        if options.json and status == 0:
            json.dump(experiment.facts, answer, indent=2)
            answer.write("\n")
        sys.exit(status)

    def run(self, title: str) -> int:
        """Every step, then the clean-up; returns the exit status."""
        for number in SIGNALS:
            signal.signal(number, self._interrupt)
        print(f"\n{title}\n{'═' * len(title)}")
        try:
            self._steps()
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - a newcomer gets a sentence, and all is cleaned up
            return self._failed(error)
        finally:
            self._clean_up()
        return 0

    def _failed(self, error: BaseException) -> int:
        """Say in a sentence why it ended early; the exit status. A traceback goes to the home's log."""
        if self._interrupted or isinstance(error, KeyboardInterrupt):
            print("\n\nInterrupted.")
            return 130
        if isinstance(error, LakehouseError | ClaimError):
            return _fail(error)
        return _fail(LakehouseError(bootstrap.report(self.settings, error)))

    def _interrupt(self, _number: int, _frame: FrameType | None) -> NoReturn:
        """Remembers it, too: a library in C may make another error of this one, or swallow it."""
        self._interrupted = True
        raise KeyboardInterrupt

    def _steps(self) -> None:
        steps = self.steps()
        for number, (title, method) in enumerate(steps, 1):
            print(f"\n── Step {number} of {len(steps)}: {title} {'─' * WIDTH}"[: WIDTH + 1])
            method(self)
            if self._asks:
                last = number == len(steps)
                self._read(f"\n[Enter] {'cleans up and ends' if last else 'goes on, Ctrl-C ends'} ")

    def _clean_up(self) -> None:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # half a clean-up would help nobody; each part of it has a deadline
        print("\n── Cleaning up ".ljust(WIDTH + 1, "─"))
        while self._leftovers:
            what, act = self._leftovers.pop()
            try:
                act()
                print(f"  gone: {what}")
            except Exception as error:  # noqa: BLE001 - the rest is cleaned up all the same
                print(f"  LEFT: {what} ({type(error).__name__}: {_first_line(error)})")


_NUMBER = re.compile(r"[-–]?[0-9,.]*")


def _arguments(cls: type[Experiment]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(cls.__doc__).splitlines()[0], allow_abbrev=False)
    parser.add_argument("--yes", action="store_true", help="run without stopping")
    parser.add_argument("--list", action="store_true", help="show the steps and end")
    parser.add_argument("--json", action="store_true", help="as --yes; print what was found, the text goes to stderr")
    parser.add_argument("--home", type=Path, metavar="DIR", help="the lakehouse's home (else LAKEHOUSE_HOME)")
    return parser.parse_args()


def _require(cls: type[Experiment], found: Settings) -> None:
    """Raise `LakehouseError` with what to do where a service that is needed is not ready."""
    if "flink" in cls.needs and found.backend != "local":
        raise LakehouseError(
            f"This experiment drives Flink on a local stack; {found.home} is on {found.backend}: start one beside it, "
            "`LAKEHOUSE_HOME=~/lab uv run lakehouse-tui up --backend local` (with other ports where these are taken), "
            "and run this with the same LAKEHOUSE_HOME."
        )
    states = {service.name: service for service in bootstrap.backend(found).services()}
    missing = [n for need in cls.needs for n in SERVICES[need] if n not in states or not states[n].healthy]
    if missing:
        names = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not ready"
        if found.backend == "remote":
            raise LakehouseError(f"On this cluster {names}: `uv run lakehouse-tui doctor` says why.")
        raise LakehouseError(
            f"In {found.home} {names}: start it with `uv run lakehouse-tui up`, then run this again (LAKEHOUSE_HOME or "
            "--home names another home)."
        )


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0]


def _fail(error: Exception) -> int:
    """Print the error as a sentence; the exit status."""
    sys.stdout.flush()
    print(textwrap.fill(str(error), WIDTH, break_long_words=False, break_on_hyphens=False), file=sys.stderr)
    return 2 if isinstance(error, UsageError) else 1


def human(size_bytes: int) -> str:
    """A size as people read it."""
    return f"{size_bytes / 1024:.1f} kB" if size_bytes >= 1024 else f"{size_bytes} B"
