"""The dashboard: the whole lakehouse on one screen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget

from tui.core.store import State
from tui.view import registry
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
    OWN: ClassVar[tuple[Command, ...]] = (
        Command("candle_previous", "left", "screen.candle(-1)", "candle", "read the candle before", palette=False),
        Command("candle_next", "right", "screen.candle(1)", "candle", "read the next candle", palette=False),
        Command("dismiss", "escape", "screen.tidy", "dismiss", "take cursor and last result away", palette=False),
    )
    BINDINGS: ClassVar[list[BindingType]] = registry.bindings(OWN)
    ABOUT = """
fresh: now minus the newest trade that a committed candle holds: how old the tables are, end to end.
com.lag: messages between the group's committed offset and the high watermark; it falls with each checkpoint.
read lag: messages that the job has not read yet. in/s, out/s: written, and read by the job, over the last 10 s.
busy, backpr.: share of time that the busiest subtask works, or waits for the next one.
ckpt in Iceberg is the checkpoint that a snapshot was committed with: the same number as in Flink.
– is unknown. A panel that says "stale" shows what was known then.
"""

    def body(self) -> Iterable[Widget]:
        """Four panels."""
        yield Container(
            KafkaPanel(id="panel-kafka"),
            FlinkPanel(id="panel-flink"),
            CandlesPanel(id="panel-candles", capabilities=self.lakehouse.cockpit.capabilities),
            IcebergPanel(id="panel-iceberg"),
            id="panels",
        )

    def action_candle(self, step: int) -> None:
        """Move the cursor of the chart."""
        self.query_one(CandlesPanel).move(step, self.state)
        self.show(self.state)

    def action_tidy(self) -> None:
        """Take the cursor and the sentence of the last action away."""
        if not self.query_one(CandlesPanel).clear():
            self.lakehouse.action_dismiss_result()
        self.show(self.state)

    def show(self, state: State) -> None:
        """Hand the state to each panel."""
        for panel in self.query(Panel):
            panel.offer(state, self.now, self.lakehouse.period_s)
