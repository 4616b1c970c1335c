"""Expected failures: each carries one sentence a user can act on."""

from __future__ import annotations


class LakehouseError(Exception):
    """An expected failure; its text says what happened and what to do next."""


class UsageError(LakehouseError):
    """The command or a setting is wrong (exit status 2)."""


class UnavailableError(LakehouseError):
    """A service does not answer as it should: refused, timed out, or answers nonsense."""


class NotFoundError(LakehouseError):
    """The thing asked for does not exist (yet): a table, a job, a topic."""


class CancelledError(LakehouseError):
    """The user ended the action before it was done."""


class BusyError(LakehouseError):
    """The same action is under way already."""
