"""Supervised programs of a home, whatever runs its services: the producer, and what watches over containers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tui.model.errors import LakehouseError
from tui.stack.local import credentials
from tui.stack.local.layout import Layout
from tui.stack.local.spec import ProgramSpec
from tui.stack.local.supervision import NotRunningError, ProgramState, Supervisor

STOP_WAIT_S = 20.0
_STATUS_S = 1.0
_DOWN = "The stack is down; run `lakehouse-tui up` first."


class Programs:
    """What the supervisor of a home runs beside services."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def start_program(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        *,
        autorestart: bool = False,
        forget: Sequence[Path] = (),
    ) -> ProgramState:
        """Run one more supervised program; with `autorestart` it is started again when it was killed.

        `forget` are files of an earlier run that the new one must not find.

        Raises `LakehouseError` if the stack is down or the program runs already. Waits while another command holds
        the home.
        """
        spec = ProgramSpec(name, tuple(argv), env or {}, restart="killed" if autorestart else "never")
        supervisor = self._supervisor()
        if supervisor is None:
            raise LakehouseError(_DOWN)
        with self._layout.lock(lambda: None):
            if not supervisor.alive():
                raise LakehouseError(_DOWN)
            known = supervisor.program(name)
            if known is not None and not known.down:
                raise LakehouseError(f"{name} runs already (process {known.pid}); stop it first.")
            for file in (self._layout.run / f"{name}.starts", *forget):
                file.unlink(missing_ok=True)
            supervisor.launch(spec)
            return supervisor.programs()[name]

    def stop_program(self, name: str) -> None:
        """Stop a program that `start_program` has started; nothing happens if it does not run."""
        supervisor = self._supervisor()
        if supervisor is None:
            return
        with self._layout.lock(lambda: None):
            if supervisor.alive():
                supervisor.stop(name, STOP_WAIT_S)
                supervisor.forget(name)

    def program_status(self, name: str) -> ProgramState | None:
        """What the supervisor knows of a program; `None` if it was never started or the stack is down."""
        supervisor = self._supervisor()
        try:
            return None if supervisor is None else supervisor.program(name, _STATUS_S)
        except NotRunningError:
            return None

    def _supervisor(self) -> Supervisor | None:
        keys = credentials.load(self._layout)
        return None if keys is None else Supervisor(self._layout, keys.supervisor_password)

    def _programs(self) -> dict[str, ProgramState] | None:
        supervisor = self._supervisor()
        try:
            return None if supervisor is None else supervisor.programs(_STATUS_S)
        except NotRunningError:
            return None
