"""Candles that move: the tables up to one checkpoint, and the topic's tail behind it, joined as they change.

`fetch` only takes what the tail and the background have, so a frozen service holds up neither the other half nor the
caller. Candles and front are always of the same snapshot.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from tui.core.book import MOST_TRADES, NEVER, LiveBook
from tui.core.seam import Background, Committed, Lesson, Plan
from tui.model.candles import Candle
from tui.model.errors import UnavailableError
from tui.model.live import Front, LiveView, TailBatch
from tui.ports import FrontPort, TailPort

LIMIT = 120
"""How many minutes are shown."""

PUSH_S = 0.25
"""A view is not followed by another one sooner."""

PATIENCE_S = 1.0
"""After so long without news the view of before is given once more."""

_POLL_S = 0.25  # how soon news of the background is seen; trades are seen at once
_RATE_S = 5.0
_WAIT_S, _LONG_WAIT_S = 2.0, 20.0
_SKIP = 50_000  # the tail is so many messages behind the tables: it starts anew rather than read them
_CATCHING_UP = 2_000  # the tail is so many messages before the end: what comes is not news
_REMEMBERED = 4  # symbols that are kept at hand, the chosen one included
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LiveCandles:
    """The live candles of one lakehouse; `fetch` may be called from any thread."""

    def __init__(
        self,
        tail: TailPort,
        tables: FrontPort,
        *,
        limit: int = LIMIT,
        most: int = MOST_TRADES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tail = tail
        self._limit = limit
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._chosen = ""
        self._background = Background(tail, tables, limit, most, clock)
        self._book: LiveBook | None = None
        self._plan: Plan | None = None
        self._lesson: Lesson | None = None
        self._committed: Committed | None = None
        self._batch = TailBatch()
        self._rate = Rate(clock)
        self._view = LiveView("")
        self._pushed_at = -PUSH_S
        self._waiting_since: float | None = None

    def fetch(self, symbol: str) -> LiveView:
        """The candles of `symbol`; waits a moment until they have changed.

        Raises `UnavailableError` as long as nothing was ever read from the tables, and they cannot be.
        """
        self._choose(symbol)
        with self._lock:
            began = self._clock()
            news = self._read(0.0)
            while True:
                news = self._follow() or news
                now = self._clock()
                patient = now - began < PATIENCE_S and self._chosen == symbol
                if not patient or (news and now - self._pushed_at >= PUSH_S) or self._view.symbol != symbol:
                    news = False
                    view = self._seen(symbol)
                    if not patient or (view is not None and view != self._view):
                        break
                news = self._read(min(_POLL_S, PUSH_S)) or news
            view = view or self._unseen(symbol)
            if view != self._view:
                self._view, self._pushed_at = view, now
            return self._view

    def close(self) -> None:
        """Stop reading; threads end by themselves."""
        self._background.close()
        self._tail.close()

    def _choose(self, symbol: str) -> None:
        others = [s for s in self._background.symbols if s != symbol]
        if self._chosen != symbol:
            self._chosen = symbol
            self._background.symbols = (symbol, *others[: _REMEMBERED - 1])
            if self._committed is None or symbol not in self._committed.candles:
                self._background.wake()
        self._background.keep_running()

    # --- what comes in

    def _follow(self) -> bool:
        """Take up what the background has found: plan, then candles (never older than the plan), then lessons.

        Whether there was anything.
        """
        background = self._background
        if background.bug is not None:
            bug, background.bug = background.bug, None
            raise bug
        plan, committed, lesson = background.plan, background.committed, background.lesson
        before = self._plan, self._committed, self._lesson
        if plan is not None and plan is not self._plan:
            self._plan = plan
            self._book = LiveBook(plan.front, plan.starts, plan.lows, self._most)
            self._batch = TailBatch()
            self._rate.reset()
            self._tail.start(plan.starts, plan.front.highest_ts)
        if committed is not None and committed is not self._committed and self._may_advance(committed.front):
            self._committed = committed
            self._advance(committed.front)
        if lesson is not None and lesson is not self._lesson and self._book is not None:
            self._lesson = lesson
            if lesson.front.snapshot_id == self._book.front.snapshot_id:
                self._book.learn(lesson.since_ms, lesson.before_ms, lesson.edges)
        after = self._plan, self._committed, self._lesson
        return any(new is not old for new, old in zip(after, before, strict=True))

    def _may_advance(self, front: Front) -> bool:
        """The tail is first let read what is committed now; one that cannot is not waited for long."""
        if self._book is None or self._book.has_read(front) or not self._book.continues(front):
            self._waiting_since = None
            return True
        now = self._clock()
        self._waiting_since = self._waiting_since or now
        return now - self._waiting_since > (_WAIT_S if self._batch.error else _LONG_WAIT_S)

    def _advance(self, front: Front) -> None:
        book = self._book
        if book is None or book.front == front:
            return
        if not book.continues(front) or _distance(book.positions, front.next_offsets) > _SKIP:
            self._start_anew()
        else:
            book.advance(front)

    def _start_anew(self) -> None:
        """The tail no longer fits the tables: committed candles only, until the background has a new plan."""
        self._book = None
        self._background.plans_wanted += 1
        self._background.wake()

    def _read(self, timeout_s: float) -> bool:
        """What the tail has read; waits for it. Whether it changes anything."""
        batch = self._tail.poll(timeout_s)
        if self._book is None:
            return False
        news = batch != self._batch
        self._batch = batch
        self._book.add(batch)
        if batch.lost:
            self._start_anew()
        self._rate.count(len(batch.trades), news=_caught_up(batch))
        return news

    # --- what goes out

    def _unseen(self, symbol: str) -> LiveView:
        """What to say while no candles of `symbol` were read; raises `UnavailableError` when they cannot be."""
        error = self._background.tables_error
        if error is not None:
            raise UnavailableError(error)
        return LiveView(symbol, note=f"The candles of {symbol} are being read.")

    def _seen(self, symbol: str) -> LiveView | None:
        committed, book = self._committed, self._book
        rows = committed.candles.get(symbol) if committed is not None else None
        if committed is None or rows is None:
            return None
        candles, front = rows, committed.front
        newest = front.newest_ts
        live_from: datetime | None = None
        settled = True
        if book is not None:
            candles = book.union(symbol, rows, self._limit)
            settled = self._settled(book, symbol, rows)
            live_from = _moment(book.live_from_ms) if 0 < book.live_from_ms < NEVER else None
            seen = book.newest_ts
            newest = max(filter(None, (newest, None if seen is None else _moment(seen))), default=None)
        last = candles[-1].close_price if candles else None
        return LiveView(
            symbol=symbol,
            candles=candles,
            snapshot_id=front.snapshot_id,
            checkpoint_id=front.checkpoint_id,
            newest_committed_at=front.newest_ts,
            newest_at=newest,
            last_price=last,
            change=last / candles[0].open_price - 1 if last is not None else None,
            rate=self._rate.value() if book is not None else None,
            tail=book.size if book is not None else None,
            behind=self._behind(book) if book is not None else None,
            prices=book.prices if book is not None else {},
            live_from=live_from,
            settled=settled,
            note=self._note(),
        )

    def _settled(self, book: LiveBook, symbol: str, rows: tuple[Candle, ...]) -> bool:
        """Whether first and last committed trades are known where they matter; if not, they are asked for."""
        wanted = book.wanted(symbol, rows, self._limit)
        asked = None if wanted is None else (book.front, *wanted)
        if asked is not None and asked != self._background.wanted:
            self._background.wanted = asked
            self._background.wake()
        return asked is None and book.has_read(book.front)

    def _behind(self, book: LiveBook) -> int:
        ends = {p: high for p, (_, high) in self._background.ends.items()}
        for partition, position in (*self._batch.ends.items(), *book.positions.items()):
            ends[partition] = max(ends.get(partition, 0), position)
        lows = self._plan.lows if self._plan is not None else {}
        return _distance({p: book.front.next_offsets.get(p, lows.get(p, 0)) for p in ends}, ends)

    def _note(self) -> str | None:
        background = self._background
        said = [background.tables_error, background.topic_error, None if background.topic_error else self._batch.error]
        if self._book is None and background.topic_error is None:
            said.append("The topic's newest trades are being joined.")
        return " ".join(sentence for sentence in said if sentence) or None


class Rate:
    """Trades a second over the last `_RATE_S`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._arrivals: deque[tuple[float, int]] = deque()
        self._reset_at = clock()
        self._since: float | None = None

    def reset(self) -> None:
        """What comes now is not news, until it is said to be."""
        self._arrivals.clear()
        self._reset_at = self._clock()
        self._since = None

    def count(self, trades: int, *, news: bool) -> None:
        """So many have come now; in the first second older ones come along, so they do not count."""
        now = self._clock()
        if not news:
            self.reset()
        elif self._since is None:
            self._since = now if now - self._reset_at >= 1 else None
        elif trades:
            self._arrivals.append((now, trades))

    def value(self) -> float | None:
        """The rate; `None` in the first second."""
        if self._since is None:
            return None
        now = self._clock()
        while self._arrivals and self._arrivals[0][0] < now - _RATE_S:
            self._arrivals.popleft()
        span = min(_RATE_S, now - self._since)
        return round(sum(count for _, count in self._arrivals) / span, 1) if span >= 1 else None


def _caught_up(batch: TailBatch) -> bool:
    return bool(batch.ends) and _distance(batch.positions, batch.ends) <= _CATCHING_UP


def _distance(positions: Mapping[int, int], ends: Mapping[int, int]) -> int:
    """How many messages `positions` are before `ends`, in all."""
    return sum(max(0, end - positions.get(partition, end)) for partition, end in ends.items())


def _moment(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)
