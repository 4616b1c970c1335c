"""The wish that the job runs, and what the keeper does about it, as files of a home.

The wish is state: it outlives crashes, power cuts and `up`, and ends with `cancel`, a savepoint's stop, `down` and
`--purge`. What the keeper says of itself belongs to one run of the stack.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

from tui import state_file
from tui.model.errors import LakehouseError
from tui.model.keeping import Keeping, Wish
from tui.settings import PIPELINE, Settings, as_environment
from tui.stack.local.layout import write_private
from tui.stack.local.spec import ProgramSpec

KEEPER = "keeper"
_PHASES = ("waiting", "submitting", "gave up")


class WishFile:
    """`data/flink/wanted.json`: {"job_id", "wanted", "pipeline", "begun"}; implements `tui.ports.WishPort`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._path = settings.home / "data" / "flink" / "wanted.json"

    def read(self) -> Wish | None:
        """The newest wish; a file that is damaged says nothing."""
        stored = state_file.load(self._path) or {}
        job_id, wanted, pipeline = stored.get("job_id"), stored.get("wanted"), stored.get("pipeline")
        if not isinstance(job_id, str) or not isinstance(wanted, bool) or not isinstance(pipeline, dict):
            return None
        begun = stored.get("begun")
        return Wish(job_id, wanted, pipeline, begun if isinstance(begun, dict) else None)

    def begin(self) -> None:
        """Write that a job with these settings is being submitted; what is wished of another one stays."""
        self._write(replace(self.read() or Wish("", False), begun=self._pipeline))

    def want(self, job_id: str) -> None:
        """Write that the job is to run, with these settings."""
        self._write(Wish(job_id, True, self._pipeline))

    @property
    def _pipeline(self) -> dict[str, str | int]:
        return {name: getattr(self._settings, name) for name in PIPELINE}

    def end(self, job_id: str) -> None:
        """Write that the job is to run no more."""
        self._write(Wish(job_id, False))

    def end_all(self) -> None:
        """End whatever is wished; nothing is written where nothing is. On a full disk the file goes instead."""
        wish = self.read()
        if wish is None or not (wish.wanted or wish.begun):
            return
        try:
            self.end(wish.job_id)
        except LakehouseError as error:
            try:
                self._path.unlink()
            except OSError:
                raise error from None

    def _write(self, wish: Wish) -> None:
        try:
            write_private(self._path, json.dumps(asdict(wish)), durable=True)
        except OSError as error:
            raise LakehouseError(
                f"{self._path} cannot be written ({error.strerror}): mend that, or the keeper does not know "
                f"whether job {wish.job_id or 'that is submitted'} is to run."
            ) from None


class NoWish:
    """Where somebody else looks after the job; implements `tui.ports.WishPort`."""

    def read(self) -> Wish | None:
        """Nobody wished for anything."""
        return None

    def begin(self) -> None:
        """Nothing is remembered."""

    def want(self, job_id: str) -> None:
        """Nothing is remembered."""

    def end(self, job_id: str) -> None:
        """Nothing is remembered."""


class KeepingFile:
    """`run/keeper.json`: what the keeper does now; absent while there is nothing to mend."""

    def __init__(self, home: Path) -> None:
        self._path = home / "run" / f"{KEEPER}.json"

    def read(self) -> Keeping | None:
        """What the keeper said last."""
        stored = state_file.load(self._path) or {}
        try:
            at = stored["next_at"]
            found = Keeping(
                stored["phase"],
                str(stored["job_id"]),
                int(stored["attempt"]),
                datetime.fromisoformat(at) if at else None,
                None if stored["reason"] is None else str(stored["reason"]),
            )
        except (KeyError, TypeError, ValueError):
            return None
        return found if found.phase in _PHASES else None

    def write(self, keeping: Keeping | None) -> None:
        """Say it; `None` says that all is well. A full disk costs the words, not the keeper."""
        with suppress(OSError):
            if keeping is None:
                self._path.unlink(missing_ok=True)
            else:
                at = keeping.next_at.isoformat() if keeping.next_at else None
                write_private(self._path, json.dumps({**asdict(keeping), "next_at": at}))


def program(settings: Settings) -> ProgramSpec:
    """How a home's supervisor runs the keeper."""
    return ProgramSpec(KEEPER, (sys.executable, "-m", "tui.cli.keep"), as_environment(settings))
