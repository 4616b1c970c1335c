"""The logs that a home has of a cluster that runs elsewhere."""

from __future__ import annotations

from tui.model.logs import LogInfo
from tui.stack.local.log_tail import LocalLogs
from tui.stack.remote.backend import SUBMIT


class RemoteLogs(LocalLogs):
    """The submission's log alone; implements `tui.ports.LogPort`."""

    def services(self) -> tuple[LogInfo, ...]:
        """The submission, whether it has a log yet or not."""
        return (self._info(SUBMIT),)
