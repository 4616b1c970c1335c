"""The dashboard: the whole lakehouse on one screen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget

from tui.core.store import State
from tui.view import explained, registry
from tui.view.registry import Command
from tui.view.screens.base import CockpitScreen
from tui.view.widgets.candles import CandlesPanel
from tui.view.widgets.flink import FlinkPanel
from tui.view.widgets.iceberg import IcebergPanel
from tui.view.widgets.kafka import KafkaPanel
from tui.view.widgets.panel import Panel


class DashboardScreen(CockpitScreen):
    """Kafka, Flink, Iceberg and candles."""

    NAME = "dashboard"
    AUTO_FOCUS = ""
    OWN: ClassVar[tuple[Command, ...]] = (
        Command("candle_previous", "left", "screen.candle(-1)", "candle", "read the candle before", palette=False),
        Command("candle_next", "right", "screen.candle(1)", "candle", "read the next candle", palette=False),
        Command(
            "panel_next", "tab", "screen.panel(1)", "panel", "choose the next panel: ? begins with it", palette=False
        ),
        Command(
            "panel_before", "shift+tab", "screen.panel(-1)", "panel before", "choose the panel before", palette=False
        ),
        Command(
            "dismiss", "escape", "screen.tidy", "dismiss", "take cursor, choice and last result away", palette=False
        ),
    )
    BINDINGS: ClassVar[list[BindingType]] = registry.bindings(OWN)
    PANELS = explained.DASHBOARD
    ABOUT = """
9+16 files: data files and delete files.
ago: since the commit, or since the checkpoint ended.
– is unknown, never 0. A panel that says "stale" shows what was known then.
"""

    _panels: tuple[Panel, ...] = ()

    def body(self) -> Iterable[Widget]:
        """Four panels."""
        self._panels = (
            KafkaPanel(id="panel-kafka"),
            FlinkPanel(id="panel-flink"),
            CandlesPanel(id="panel-candles", capabilities=self.lakehouse.cockpit.capabilities),
            IcebergPanel(id="panel-iceberg"),
        )
        yield Container(*self._panels, id="panels")

    def action_candle(self, step: int) -> None:
        """Move the cursor of the chart."""
        self.query_one(CandlesPanel).move(step, self.state)
        self.show(self.state)

    def action_panel(self, step: int) -> None:
        """Choose another panel; behind the last one none is chosen."""
        choices: list[Widget | None] = [None, *self.query(Panel)]
        here = choices.index(self.focused) if self.focused in choices else 0
        self.set_focus(choices[(here + step) % len(choices)])

    def action_tidy(self) -> None:
        """Take the cursor away, then the choice of a panel, then the sentence of the last action."""
        if not self.query_one(CandlesPanel).clear():
            if self.focused is not None:
                self.set_focus(None)
            else:
                self.lakehouse.action_dismiss_result()
        self.show(self.state)

    def show(self, state: State) -> None:
        """Hand the state to each panel."""
        for panel in self._panels:
            panel.offer(state, self.now, self.lakehouse.period_s)
