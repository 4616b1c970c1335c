"""What the Iceberg screen looks at, and the moment it looks from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from rich.text import Text

from tui.core import advice
from tui.core.store import Shown, State
from tui.model.iceberg import Snapshot, TableHistory
from tui.view import format as fmt
from tui.view.widgets.panel import ahead_of_clock, sentence, staleness, wrapped

TABLES = ("agg_1m", "raw_trades", "bad_trades")
CANDLES = "agg_1m"
_BRINGS = {"bad_trades": "a bad or too late message"}


@dataclass(frozen=True, slots=True)
class Look:
    """A table, as of a snapshot (`None`: now), a snapshot opened for its detail, and the symbol of candles."""

    table: str = TABLES[0]
    symbol: str = ""
    as_of: int | None = None
    detail: int | None = None

    @property
    def when(self) -> str:
        """The moment as part of a reading's name."""
        return "now" if self.as_of is None else str(self.as_of)


@dataclass(frozen=True, slots=True)
class Sight:
    """The state of one moment, for panes to show; `keys` are shown keys by command.

    `closed`: the tables cannot be opened here, so that what is not known will not be.
    """

    state: State
    now: datetime
    period_s: float
    look: Look
    keys: Mapping[str, str]
    width: int
    paused: bool = False
    closed: bool = False

    @property
    def facts(self) -> tuple[Shown, ...]:
        """What every pane looks at beside a reading of its own."""
        return tuple(self.state.shown(name) for name in (f"history.{self.look.table}", "services", "checkpoints"))

    @property
    def history(self) -> TableHistory | None:
        """The snapshots of the table, as far as known."""
        found: TableHistory | None = self.state.shown(f"history.{self.look.table}").value
        return found

    def snapshot(self, snapshot_id: int | None) -> Snapshot | None:
        """One snapshot (`None`: the current one), if it is known."""
        history = self.history
        if history is None:
            return None
        wanted = history.current_id if snapshot_id is None else snapshot_id
        return next((s for s in reversed(history.snapshots) if s.id == wanted), None)

    def behind(self, snapshot_id: int) -> int | None:
        """How many commits lie between the snapshot and now; `None` when it is not known."""
        ids = [s.id for s in self.history.snapshots] if self.history is not None else []
        return len(ids) - 1 - ids.index(snapshot_id) if snapshot_id in ids else None

    def trouble(self, shown: Shown, *, fixed: bool = False) -> list[Text]:
        """What is wrong with a reading, or that it is not there yet, as lines; `fixed`: it cannot grow old."""
        if shown.value is None and shown.error is None:
            return [Text(self._silence(), style="dim")]
        stale = None if fixed and shown.error is None else staleness(shown, self.now, self.period_s)
        absence = advice.absence(self.state, "s3", "S3") if shown.error is not None else None
        if absence is not None:
            key = self.keys.get("up")
            text = f"! {absence}" + (f" {key} starts it." if key and "stopped" in absence else "")
            lines = wrapped(Text(text, style="bold"), self.width)
        else:
            lines = sentence(shown, self.now, self.width)
        return [*lines, *([Text(f"{stale}: shown is what was known then", style="italic")] if stale else [])]

    def _silence(self) -> str:
        """Why a reading is not there."""
        if self.closed:
            return "Not known here: the tables cannot be opened."
        return f"Paused; {self.keys.get('pause', 'space')} goes on." if self.paused else "Waiting for an answer …"


def first_snapshot(table: str) -> str:
    """What makes the first snapshot of a table: a checkpoint without rows for it makes none."""
    return f"the first checkpoint with {_BRINGS.get(table, 'trades')} makes one"


def short_id(snapshot_id: int) -> str:
    """The end of a snapshot's id, which is enough to tell it from others."""
    return f"…{str(snapshot_id)[-6:]}"


def banner(sight: Sight) -> Text:
    """Says loudly which moment is shown, unless it is now; of now, whether the clock lets the tables go on."""
    wanted = sight.look.as_of
    if wanted is None:
        return Text("\n").join(ahead_of_clock(sight.state, sight.now, sight.width))
    snapshot, behind = sight.snapshot(wanted), sight.behind(wanted)
    back = f"{sight.keys.get('lake_now', 'N')} back to now"
    steps = f"{sight.keys.get('lake_older', 'b')} older · {sight.keys.get('lake_newer', 'n')} newer · {back}"
    if snapshot is None:
        return Text(f" AS OF SNAPSHOT {short_id(wanted)}, which is gone from the table · {back} ", style="bold reverse")
    checkpoint = "" if snapshot.checkpoint_id is None else f", checkpoint {snapshot.checkpoint_id}"
    gap = "" if not behind else f", {behind} commit{'' if behind == 1 else 's'} ago"
    moment = fmt.age(snapshot.committed_at, sight.now)
    shown_id = str(wanted) if sight.width >= 110 else short_id(wanted)
    text = Text(f" AS OF SNAPSHOT {shown_id} ({moment} ago{checkpoint}{gap}) ", style="bold reverse")
    hint = f"  {steps}"
    if text.cell_len + len(hint) > sight.width:
        hint = f"\n {steps}"
    return text.append(hint, style="not reverse")
