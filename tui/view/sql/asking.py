"""One question at a time, in a thread of its own, so that no key ever waits for an answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

from textual.message import Message

from tui.core.cockpit import Report
from tui.model.errors import LakehouseError
from tui.model.query import Exported, QueryAnswer
from tui.ports import QueryPort


class Answered(Message):
    """How a question ended: with an answer, a file, or a failure in a sentence."""

    def __init__(self, number: int, result: object) -> None:
        super().__init__()
        self.number = number
        self.result = result


class Asking:
    """What runs, since when, and what it ended with; `tell` is called from the thread."""

    def __init__(self, port: Callable[[], QueryPort], report: Report, tell: Callable[[Answered], object]) -> None:
        self._port = port
        self._report = report
        self._tell = tell
        self._number = 0
        self._begun: float | None = None
        self._cancelled = False
        self._asked: QueryPort | None = None

    @property
    def seconds(self) -> float | None:
        """For how long something has been running; `None` while nothing does."""
        return None if self._begun is None else monotonic() - self._begun

    def run(self, sql: str, limit: int) -> None:
        """Ask for the first rows."""
        self._start(lambda port: port.run(sql, limit))

    def export(self, answer: QueryAnswer, path: str, *, overwrite: bool) -> None:
        """Write a whole answer."""
        self._start(lambda port: port.export(answer, path, overwrite=overwrite))

    def rows_read(self) -> int:
        """How far it is."""
        return 0 if self._asked is None else self._asked.rows_read()

    def cancel(self) -> None:
        """End what runs."""
        self._cancelled = self._begun is not None
        self.insist()

    def insist(self) -> None:
        """Ask again to end, where that was asked: DuckDB forgets it between two steps."""
        if self._cancelled and self._asked is not None:
            self._asked.cancel()

    def ended(self, message: Answered) -> bool:
        """Take note of an end; whether it is that of the newest question."""
        if message.number != self._number:
            return False
        self._begun, self._cancelled = None, False
        return True

    def _start(self, do: Callable[[QueryPort], QueryAnswer | Exported]) -> None:
        self._number, self._begun = self._number + 1, monotonic()
        threading.Thread(target=self._do, args=(self._number, do), name="sql", daemon=True).start()

    def _do(self, number: int, do: Callable[[QueryPort], object]) -> None:
        try:
            self._asked = self._port()
            result = do(self._asked)
        except LakehouseError as error:
            result = error
        except Exception as error:  # noqa: BLE001 - a bug must not end the dashboard
            result = LakehouseError(self._report(error))
        self._tell(Answered(number, result))
