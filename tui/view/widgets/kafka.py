"""The Kafka panel: partitions, how far the job is behind, and how fast both move."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from tui.core import advice
from tui.core.store import PartitionRates, State
from tui.model.kafka import PartitionLag, TopicLag
from tui.model.stack import ProducerStatus
from tui.view import format as fmt
from tui.view.widgets.panel import Panel, absent, columns, due_lines, sentence, wrapped
from tui.view.widgets.spark import spark

_WIDTHS = {
    "low": 9,
    "high": 9,
    "committed": 9,
    "read": 9,
    "com.lag": 7,
    "read lag": 8,
    "in/s": 6,
    "out/s": 6,
    "ETA": 6,
    "lag trend": 12,
}
"""Columns in the order of the screen, with the room that is kept for each, so that none comes and goes."""
_NEEDED = ("high", "com.lag", "read lag", "in/s", "out/s")
_WANTED = ("ETA", "lag trend", "committed", "read", "low")
"""Those that are shown where there is room, the most wanted first."""
_TREND = 20


class KafkaPanel(Panel):
    """One row a partition."""

    SOURCES = ("lag",)

    def title_text(self, state: State) -> str:
        """The topic."""
        lag: TopicLag | None = state.shown("lag").value
        return "Kafka" if lag is None else f"Kafka · {lag.topic}"

    def lines(self, state: State, now: datetime, width: int, height: int) -> Sequence[Text]:
        """Partitions, totals, the producer."""
        shown = state.shown("lag")
        lag: TopicLag | None = shown.value
        if lag is None or advice.stopped(state):
            return [*absent(state, "kafka", "Kafka", shown, now, width), *producer_lines(state)]
        gap = 2 if width >= 60 else 1
        names, rows = _table(lag, state, width, gap)
        table = columns(names, rows, gap=gap)
        due = due_lines(state, now) if all(p.committed is None for p in lag.partitions) else []
        problems = [line for p in lag.partitions if p.error for line in wrapped(f"! {p.partition}: {p.error}", width)]
        return [*table, *problems, *sentence(shown, now, width), total_line(lag, state), *due, *producer_lines(state)][
            :height
        ]


def _table(lag: TopicLag, state: State, width: int, gap: int) -> tuple[list[str], list[list[str]]]:
    """The columns that fit in `width`, and a row a partition."""
    cells = [_cells(p, state) for p in lag.partitions]
    room = {name: max(least, *(len(row[name]) for row in cells), 0) + gap for name, least in _WIDTHS.items()}
    shown = set(_NEEDED)
    left = width - len("p") - sum(room[name] for name in shown)
    for name in _WANTED:
        if room[name] > left:
            break
        shown.add(name)
        left -= room[name]
    names = ["p", *(name for name in _WIDTHS if name in shown)]
    return names, [[row[name] for name in names] for row in cells]


def _cells(p: PartitionLag, state: State) -> dict[str, str]:
    rates = state.rates.get(p.partition, PartitionRates())
    return {
        "p": str(p.partition),
        "low": fmt.count(p.low),
        "high": fmt.count(p.high),
        "committed": fmt.count(p.committed),
        "read": fmt.count(p.read),
        "com.lag": fmt.count(p.lag_committed),
        "read lag": fmt.count(p.lag_read),
        "in/s": fmt.rate(rates.in_rate),
        "out/s": fmt.rate(rates.out_rate),
        "ETA": fmt.duration(rates.eta_s),
        "lag trend": spark(lag_trend(state, p.partition), _WIDTHS["lag trend"]),
    }


def lag_trend(state: State, partition: int) -> list[float | None]:
    """The committed lag of one partition over the kept history, oldest first."""
    return [
        next((p.lag_committed for p in lag.partitions if p.partition == partition), None) for lag in state.lag_history
    ]


def total_line(lag: TopicLag, state: State) -> Text:
    """The whole topic: committed lag, its trend, and when the job will have read everything."""
    total = [sum_known([p.lag_committed for p in each.partitions]) for each in state.lag_history]
    etas = [r.eta_s for r in state.rates.values()]
    eta = max((e for e in etas if e is not None), default=None) if etas and None not in etas else None
    text = Text(f"lag {fmt.count(sum_known([p.lag_committed for p in lag.partitions]))} ")
    text.append(spark(total, _TREND), style="cyan")
    text.append(f" ETA {'now' if eta == 0 else fmt.duration(eta)}")
    return text


def sum_known(values: Sequence[int | None]) -> int | None:
    """The sum of what is known; `None` where nothing is."""
    known = [v for v in values if v is not None]
    return sum(known) if known else None


def producer_lines(state: State) -> list[Text]:
    """What the producer does."""
    shown = state.shown("producer")
    producer: ProducerStatus | None = shown.value
    if producer is None:
        return [Text("producer –" if shown.taken_at is None else "no producer", style="dim")]
    rate = "unbounded" if producer.rate == 0 else f"{fmt.rate(producer.rate)}/s"
    style = "red" if producer.state == "failed" else "yellow" if producer.state == "waiting" else ""
    return [Text(f"producer {producer.state} · {rate} · {fmt.short(producer.sent)} sent", style=style)]
