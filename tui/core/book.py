"""Committed candles and the trades behind them as one set of candles; pure.

Every trade is counted once: it is in the committed row when its offset is below the front, else in the sums here.
First, last, highest and lowest need no such line, because seeing a trade twice changes none of them; so they are kept
of all trades ever seen, and what was committed before the first of these is learned once from the tables.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from tui.model.candles import Candle
from tui.model.live import MINUTE_MS, Edges, Front, MinuteKey, TailBatch, Trade

MOST_TRADES = 250_000
"""So many trades are held (5 MB); then the oldest go, and the minutes they are of are no longer live."""

MARGIN_MS = 10 * MINUTE_MS
"""How far before the minute that is asked for the first and last trades are learned: others will be late too."""

_KEEP_MS = 180 * MINUTE_MS
_MOST_SYMBOLS = 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
NEVER = 2**62
"""A minute (epoch ms) that does not come."""

Order = tuple[int, int, int]
"""`ts`, partition, offset: what orders trades."""


@dataclass(slots=True)
class _Seen:
    """What all trades seen of one minute say."""

    first: Order
    first_price: float
    last: Order
    last_price: float
    high: float
    low: float


@dataclass(slots=True)
class _Sums:
    """Trades of one minute that are not committed."""

    count: int = 0
    buy: float = 0.0
    sell: float = 0.0


@dataclass(slots=True)
class _Held:
    """Trades of one partition that are not committed, oldest first; `keys` are indices of minutes."""

    offsets: array[int] = field(default_factory=lambda: array("q"))
    keys: array[int] = field(default_factory=lambda: array("l"))
    quantities: array[float] = field(default_factory=lambda: array("d"))

    def drop(self, count: int) -> None:
        del self.offsets[:count], self.keys[:count], self.quantities[:count]


class LiveBook:
    """The trades behind one front.

    By partition: `starts` is where the tail began to read, `lows` the first offset that the topic had then.
    """

    def __init__(
        self, front: Front, starts: Mapping[int, int], lows: Mapping[int, int], most: int = MOST_TRADES
    ) -> None:
        self.front = front
        self.positions = dict(starts)
        self._starts = dict(starts)
        self._lows = dict(lows)
        self._most = most
        self._complete_from = dict(starts)  # from these offsets on, all trades are held or committed
        self._first_times: Mapping[int, int] = {}
        self._dropped_until = 0  # minutes before this one lack trades that were dropped
        self._held: dict[int, _Held] = {}
        self._keys: list[MinuteKey] = []
        self._index: dict[MinuteKey, int] = {}
        self._sums: dict[str, dict[int, _Sums]] = {}
        self._seen: dict[str, dict[int, _Seen]] = {}
        self._newest: dict[str, tuple[Order, float]] = {}
        self._learned: dict[MinuteKey, Edges] = {}
        self._learned_from = NEVER if front.next_offsets or self.has_gap else 0  # 0: all is seen from the beginning

    # --- what comes in

    def add(self, batch: TailBatch) -> None:
        """Take up what the tail has read."""
        for trade in batch.trades:
            self._add(trade)
        self.positions.update(batch.positions)
        self._first_times = batch.first_times
        if self.size > self._most:
            self._drop(self.size - self._most + self._most // 10)

    def _add(self, trade: Trade) -> None:
        partition, offset, ts, symbol, price, qty = trade
        minute = ts - ts % MINUTE_MS
        order = (ts, partition, offset)
        minutes = self._seen.get(symbol)
        if minutes is None:
            minutes = self._seen[symbol] = {}
        seen = minutes.get(minute)
        if seen is None:
            minutes[minute] = _Seen(order, price, order, price, price, price)
        else:
            if order > seen.last:
                seen.last, seen.last_price = order, price
            if order < seen.first:
                seen.first, seen.first_price = order, price
            if price > seen.high:
                seen.high = price
            elif price < seen.low:
                seen.low = price
        newest = self._newest.get(symbol)
        if newest is None or order > newest[0]:
            self._newest[symbol] = (order, price)
        if offset >= self.front.next_offsets.get(partition, 0):
            self._hold(partition, offset, (symbol, minute), qty)

    def _hold(self, partition: int, offset: int, key: MinuteKey, qty: float) -> None:
        held = self._held.get(partition)
        if held is None:
            held = self._held[partition] = _Held()
        index = self._index.get(key)
        if index is None:
            index = self._index[key] = len(self._keys)
            self._keys.append(key)
        held.offsets.append(offset)
        held.keys.append(index)
        held.quantities.append(qty)
        sums = self._sums.setdefault(key[0], {}).setdefault(key[1], _Sums())
        sums.count += 1
        if qty > 0:
            sums.buy += qty
        else:
            sums.sell -= qty

    def continues(self, front: Front) -> bool:
        """Whether `front` is a later one of the same run; if not, a new book is needed."""
        return front.candles_after == self.front.candles_after and all(
            front.next_offsets.get(partition, 0) >= offset for partition, offset in self.front.next_offsets.items()
        )

    def has_read(self, front: Front) -> bool:
        """Whether the tail has come as far as `front`; until then first and last trades may not be the right ones."""
        return all(self.positions.get(partition, 0) >= offset for partition, offset in front.next_offsets.items())

    def advance(self, front: Front) -> None:
        """Move the front: trades that are committed now leave the sums."""
        if self.has_gap:  # what is learned lacks the trades in the gap
            self._learned, self._learned_from = {}, NEVER
        self.front = front
        for partition, held in self._held.items():
            held.drop(bisect_left(held.offsets, front.next_offsets.get(partition, 0)))
        if not self.has_gap:
            self._dropped_until = 0
        self._sum_up()

    def _drop(self, count: int) -> None:
        """Let the oldest trades of the fullest partitions go."""
        while count > 0:
            partition, held = max(self._held.items(), key=lambda item: len(item[1].offsets))
            cut = min(count, max(1, len(held.offsets) // 2))
            newest = max(self._keys[index][1] for index in set(held.keys[:cut]))
            self._dropped_until = max(self._dropped_until, newest + MINUTE_MS)
            self._complete_from[partition] = held.offsets[cut - 1] + 1
            held.drop(cut)
            count -= cut
        self._sum_up()

    def _sum_up(self) -> None:
        """Count what is held anew, and forget minutes that nobody will ask for."""
        used = [(held, [self._keys[index] for index in held.keys]) for held in self._held.values()]
        offsets = {partition: held.offsets for partition, held in self._held.items()}
        self._held, self._keys, self._index, self._sums = {}, [], {}, {}
        for (partition, own), (held, keys) in zip(offsets.items(), used, strict=True):
            for offset, key, qty in zip(own, keys, held.quantities, strict=True):
                self._hold(partition, offset, key, qty)
        oldest = max((order[0] for order, _ in self._newest.values()), default=0) - _KEEP_MS
        for symbol, minutes in list(self._seen.items()):
            kept = self._sums.get(symbol, {})
            self._seen[symbol] = {m: seen for m, seen in minutes.items() if m >= oldest or m in kept}
            if not self._seen[symbol]:
                del self._seen[symbol]
        self._learned = {key: edges for key, edges in self._learned.items() if key[1] >= oldest}
        if len(self._newest) > _MOST_SYMBOLS:
            ordered = sorted(self._newest.items(), key=lambda item: item[1][0])
            self._newest = dict(ordered[-_MOST_SYMBOLS:])

    # --- what is known

    @property
    def size(self) -> int:
        """How many trades are held."""
        return sum(len(held.offsets) for held in self._held.values())

    @property
    def prices(self) -> Mapping[str, float]:
        """The last price of each symbol seen."""
        return {symbol: price for symbol, (_, price) in self._newest.items()}

    @property
    def newest_ts(self) -> int | None:
        """The newest `ts` seen (epoch ms)."""
        return max((order[0] for order, _ in self._newest.values()), default=None)

    @property
    def has_gap(self) -> bool:
        """Whether trades between the front and what is held are missing here."""
        return any(self._lacks(partition, offset) for partition, offset in self._complete_from.items())

    def _lacks(self, partition: int, offset: int) -> bool:
        """Whether a trade below `offset` may be neither committed nor held."""
        return offset > self.front.next_offsets.get(partition, self._lows.get(partition, 0))

    @property
    def live_from_ms(self) -> int:
        """The first minute that is live: 0 without a gap; with one, the first that no missing trade can be of.

        A trade is not made after Kafka has taken it, so those before the first message read are of earlier minutes.
        """
        if not self.has_gap:
            return 0
        found = self._dropped_until
        for partition, start in self._starts.items():
            if self._lacks(partition, start):
                time_ms = self._first_times.get(partition)
                found = max(found, NEVER if time_ms is None else time_ms - time_ms % MINUTE_MS + MINUTE_MS)
        return found

    # --- the union

    def union(self, symbol: str, committed: tuple[Candle, ...], limit: int) -> tuple[Candle, ...]:
        """The newest `limit` candles: `committed`, the newest ones as of the front, with the trades behind it."""
        rows = {_ms(candle.window_start): candle for candle in committed}
        for minute, row in self._live(symbol, rows):
            rows[minute] = self._joined(symbol, minute, row)
        return tuple(rows[minute] for minute in sorted(rows)[-limit:])

    def wanted(self, symbol: str, committed: tuple[Candle, ...], limit: int) -> tuple[int, int | None] | None:
        """From which minute on, and before which, first and last committed trades must be learned to be exact."""
        rows = {_ms(candle.window_start): candle for candle in committed[-limit:]}
        unknown = [minute for minute, row in self._live(symbol, rows) if row and minute < self._learned_from]
        if not unknown:
            return None
        return min(unknown) - MARGIN_MS, None if self._learned_from == NEVER else self._learned_from

    def learn(self, since_ms: int, before_ms: int | None, edges: Mapping[MinuteKey, Edges]) -> None:
        """Take up the first and last committed trades, as of the front, of all minutes that `wanted` asked for."""
        if before_ms is None or before_ms >= self._learned_from:  # else what is between was learned by another book
            self._learned.update(edges)
            self._learned_from = min(self._learned_from, since_ms)

    def _live(self, symbol: str, rows: Mapping[int, Candle]) -> Iterable[tuple[int, Candle | None]]:
        live_from = self.live_from_ms
        return [(m, rows.get(m)) for m in self._sums.get(symbol, ()) if m >= live_from and m in self._seen[symbol]]

    def _joined(self, symbol: str, minute: int, row: Candle | None) -> Candle:
        sums, seen = self._sums[symbol][minute], self._seen[symbol][minute]
        if row is None:
            start = _EPOCH + timedelta(milliseconds=minute)
            prices = (seen.first_price, seen.high, seen.low, seen.last_price)
            total = sums.buy + sums.sell
            return Candle(symbol, start, start + _MINUTE, *prices, total, sums.count, sums.buy, sums.sell, "live")
        return replace(
            row,
            open_price=self._open(row, minute, seen),
            high_price=max(row.high_price, seen.high),
            low_price=min(row.low_price, seen.low),
            close_price=self._close(row, minute, seen),
            total_qty=row.total_qty + (sums.buy + sums.sell),
            trade_count=row.trade_count + sums.count,
            buy_qty=row.buy_qty + sums.buy,
            sell_qty=row.sell_qty + sums.sell,
            source="live",
        )

    def _open(self, row: Candle, minute: int, seen: _Seen) -> float:
        """The first price; as long as the committed first trade is not learned, the committed one."""
        edges = self._learned.get((row.symbol, minute))
        if edges is not None:
            return edges.first.price if edges.first[:3] < seen.first else seen.first_price
        return row.open_price if minute < self._learned_from else seen.first_price

    def _close(self, row: Candle, minute: int, seen: _Seen) -> float:
        """The last price; as long as the committed last trade is not learned, that of what is surely newer."""
        edges = self._learned.get((row.symbol, minute))
        if edges is not None:
            return edges.last.price if edges.last[:3] > seen.last else seen.last_price
        newest = self.front.newest_ts
        if minute < self._learned_from and (newest is None or seen.last[0] <= _ms(newest)):
            return row.close_price
        return seen.last_price


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
