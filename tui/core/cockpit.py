"""Everything the screens get: what to poll, what can be done, and the ports behind the detail screens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tui.core.actions import Action
from tui.core.live import LiveCandles
from tui.core.sources import Source
from tui.model.checks import Check
from tui.ports import FlinkDetailPort, FrontPort, LakeDetailPort, LogPort, QueryNotesPort, QueryPort, TopicPort

Report = Callable[[BaseException], str]
"""Takes note of an unexpected error and returns a sentence about it for the screen."""


@dataclass(frozen=True, slots=True)
class Cockpit:
    """One lakehouse as the screens see it; made by `tui.bootstrap`.

    Ports come as callables, so that nothing is imported or connected before it is used; `None` where the backend has
    no such thing. `sources` are fetched whatever screen is shown. `save` writes texts, by suffix, beside each other at
    a path without suffix, never over a file that is there, and returns their paths.
    """

    home: str
    backend: str
    topic: str
    symbols: tuple[str, ...]
    report: Report
    sources: Mapping[str, Source] = field(default_factory=lambda: MappingProxyType({}))
    actions: Mapping[str, Action] = field(default_factory=lambda: MappingProxyType({}))
    capabilities: frozenset[str] = frozenset()
    read_only: bool = False
    theme: str = "dark"
    refresh_interval_s: float = 1.0
    logs: Callable[[], LogPort] | None = None
    verify: Callable[[], Iterator[Check]] | None = None
    save: Callable[[str, Mapping[str, str]], tuple[str, ...]] | None = None
    flink_detail: Callable[[], FlinkDetailPort] | None = None
    topic_port: Callable[[], TopicPort] | None = None
    front: Callable[[], FrontPort] | None = None
    live: Callable[[], LiveCandles] | None = None
    lake_detail: Callable[[], LakeDetailPort] | None = None
    query: Callable[[], QueryPort] | None = None
    query_notes: QueryNotesPort | None = None
    keys: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def sources_for(self, symbol: str) -> Mapping[str, Source]:
        """What is polled whatever screen is shown, with the chart of `symbol`; its fetch waits for news by itself."""
        live = self.live
        if live is None or not symbol:
            return self.sources
        return {**self.sources, "live": Source(lambda: live().fetch(symbol), own_pace=True)}
