"""One run of an action: its steps, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from tui.model.stack import Progress


@dataclass(frozen=True, slots=True)
class Activity:
    """One run of an action; `sentence` and `ok` are set once it has ended."""

    action: str
    title: str
    group: str
    began: datetime
    steps: Mapping[str, Progress] = field(default_factory=lambda: MappingProxyType({}))
    sentence: str | None = None
    ok: bool = True
    ended: datetime | None = None

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self.ended is None

    def stepped(self, step: Progress) -> Activity:
        """With one more step."""
        return replace(self, steps=MappingProxyType({**self.steps, step.step: step}))

    def finished(self, sentence: str, at: datetime, *, ok: bool) -> Activity:
        """As it ended."""
        return replace(self, sentence=sentence, ok=ok, ended=at)
