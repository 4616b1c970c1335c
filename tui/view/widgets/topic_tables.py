"""Partitions and consumer groups as rows: what fits in the width, and the rest of one row in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from rich.text import Text

from tui.core import advice
from tui.core.store import PartitionRates, State
from tui.model.kafka import ConsumerGroup, PartitionDetail, PartitionLag
from tui.view import format as fmt
from tui.view.widgets.kafka import lag_trend
from tui.view.widgets.panel import sentence
from tui.view.widgets.spark import spark
from tui.view.widgets.table import Column

TREND_WIDTH = 12
PARTITION_COLUMNS = (
    "p",
    "leader",
    "in sync",
    "low",
    "high",
    "messages",
    "committed",
    "read",
    "com.lag",
    "read lag",
    "in/s",
    "out/s",
    "ETA",
    "lag trend",
)
"""In the order of the screen."""

_NEEDED = ("p", "high", "com.lag", "read lag", "in/s", "out/s", "ETA", "lag trend", "committed", "read", "low")
_BY_NEED = (*_NEEDED, *(name for name in PARTITION_COLUMNS if name not in _NEEDED))
GROUP_COLUMNS = ("group", "state", "members", "lag", "committed")

Cells = Mapping[str, str]


def partition_rows(state: State) -> dict[int, Cells]:
    """Partition → column → text, of every partition that any source knows."""
    lags = {p.partition: p for p in getattr(state.shown("lag").value, "partitions", ())}
    details: dict[int, PartitionDetail] = {p.partition: p for p in state.shown("kafka.partitions").value or ()}
    return {
        number: _partition(number, lags.get(number), details.get(number), state)
        for number in sorted(lags.keys() | details.keys())
    }


def _partition(number: int, lag: PartitionLag | None, detail: PartitionDetail | None, state: State) -> Cells:
    known = lag or PartitionLag(number, None, None, None, None)
    rates = state.rates.get(number, PartitionRates())
    held = None if known.low is None or known.high is None else known.high - known.low
    return {
        "p": f"{number} !" if partition_error(lag, detail) else str(number),
        "leader": _leader(detail),
        "in sync": _in_sync(detail),
        "low": fmt.count(known.low),
        "high": fmt.count(known.high),
        "messages": fmt.count(held),
        "committed": fmt.count(known.committed),
        "read": fmt.count(known.read),
        "com.lag": fmt.count(known.lag_committed),
        "read lag": fmt.count(known.lag_read),
        "in/s": fmt.rate(rates.in_rate),
        "out/s": fmt.rate(rates.out_rate),
        "ETA": fmt.duration(rates.eta_s),
        "lag trend": spark(lag_trend(state, number), TREND_WIDTH),
    }


def _leader(detail: PartitionDetail | None) -> str:
    if detail is None:
        return fmt.UNKNOWN
    return "none" if detail.leader is None else str(detail.leader)


def _in_sync(detail: PartitionDetail | None) -> str:
    if detail is None or detail.in_sync is None or detail.replicas is None:
        return fmt.UNKNOWN
    return f"{len(detail.in_sync)} of {len(detail.replicas)}"


def partition_error(lag: PartitionLag | None, detail: PartitionDetail | None) -> str | None:
    """What is wrong with a partition."""
    return (detail.error if detail is not None else None) or (lag.error if lag is not None else None)


def partition_errors(state: State) -> list[str]:
    """A sentence for each partition that has one."""
    lags = {p.partition: p for p in getattr(state.shown("lag").value, "partitions", ())}
    details = {p.partition: p for p in state.shown("kafka.partitions").value or ()}
    found = {n: partition_error(lags.get(n), details.get(n)) for n in sorted(lags.keys() | details.keys())}
    return [f"! partition {number}: {error}" for number, error in found.items() if error]


def group_rows(groups: Sequence[ConsumerGroup]) -> dict[str, Cells]:
    """Group → column → text."""
    return {
        group.id: {
            "group": group.id,
            "state": group.state.lower().replace("_", " "),
            "members": fmt.UNKNOWN if group.members is None else str(len(group.members)),
            "lag": fmt.count(group.lag),
            "committed": ", ".join(f"{p.partition}: {fmt.count(p.committed)}" for p in group.partitions) or fmt.UNKNOWN,
        }
        for group in groups
    }


def group_words(group: ConsumerGroup) -> str:
    """What the table does not say of a group: its error, or who its members are."""
    if group.error:
        return f"! {group.id}: {group.error}"
    if not group.members:
        return f"{group.id}: no members" + (", its offsets follow checkpoints or a tool" if group.partitions else "")
    members = (f"{m.client} at {m.host} reads {', '.join(map(str, m.partitions)) or 'nothing'}" for m in group.members)
    return f"{group.id}: {'; '.join(members)}"


def fitting(rows: Mapping[int, Cells], width: int) -> tuple[str, ...]:
    """The partitions' columns that fit in `width`, the most needed, in the order of the screen."""
    chosen: set[str] = set()
    used = 0
    for name in _BY_NEED:
        wide = max([len(name), *(len(cells[name]) for cells in rows.values())]) + 2
        if used + wide > width:
            break
        used += wide
        chosen.add(name)
    return tuple(name for name in PARTITION_COLUMNS if name in chosen)


def left_out(cells: Cells, shown: Sequence[str]) -> str:
    """The columns of one row that are not shown, in words."""
    rest = [f"{name} {cells[name]}" for name in PARTITION_COLUMNS if name not in shown]
    return f"{cells['p']}: {' · '.join(rest)}" if rest else ""


def shape(names: Sequence[str], left: Sequence[str]) -> tuple[Column, ...]:
    """Columns of a table; those in `left` are set left."""
    return tuple((name, name, "left" if name in left else "right") for name in names)


def notes(state: State, sources: Sequence[str], lines: Sequence[str], now: datetime, width: int) -> Text:
    """What stands above a table: that Kafka is stopped, else the errors of its sources, else `lines`."""
    if advice.stopped(state):
        return Text("Kafka is stopped: u starts it.")
    failing = {state.shown(name).error: state.shown(name) for name in sources if state.shown(name).error}
    errors = [line for shown in failing.values() for line in sentence(shown, now, width)]
    return Text("\n").join(errors or [Text(line) for line in lines if line])
