"""A candlestick chart as text: prices in half rows, volume, a price axis, marks and a time axis; pure functions.

Everything is told without colour too. Committed candles are solid, live ones (with trades that no checkpoint has
committed yet) dashed and shaded; below each stands whether it rose or fell, filled or hollow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.text import Span, Text

from tui.model.candles import Candle
from tui.view import format as fmt

MINUTE = timedelta(minutes=1)
RISING, FALLING, FLAT = "green", "red", "blue"
LEGEND = "△▽ live"
LEAST_WIDTH, LEAST_HEIGHT = 20, 5
_MARKS = {
    ("committed", RISING): "▴",
    ("committed", FALLING): "▾",
    ("committed", FLAT): "▬",
    ("live", RISING): "△",
    ("live", FALLING): "▽",
    ("live", FLAT): "▭",
}
_NARROW = {
    (0, 0): " ", (0, 1): "╷", (0, 2): "╻",
    (1, 0): "╵", (1, 1): "│", (1, 2): "╽",
    (2, 0): "╹", (2, 1): "╿", (2, 2): "┃",
}  # fmt: skip
"""Upper half, lower half (0 nothing, 1 wick, 2 body) → glyph; for candles side by side."""

_WIDE = {**_NARROW, (0, 2): "▄", (2, 0): "▀", (2, 2): "█"}
"""The same for candles with room between them; where body and wick share a cell, a neck joins them."""

_DASHED = {"│": "╎", "┃": "╏", "█": "▒"}
_NONE = ("", "")
_BARS = " ▁▂▃▄▅▆▇█"
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 720, 1440)
_UNITS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"))


@dataclass(slots=True)
class Row:
    """One line while it is drawn: a character a column, the style of those that have one, and the style of the rest."""

    characters: list[str]
    styles: dict[int, str]
    rest: str = ""

    @classmethod
    def of(cls, character: str, width: int, rest: str = "") -> Row:
        """All columns the same."""
        return cls([character] * width, {}, rest)

    def put(self, column: int, text: str, style: str) -> None:
        """Write `text` from `column` on, as far as there is room."""
        for at, character in enumerate(text[: len(self.characters) - column], column):
            self.characters[at] = character
            self.styles[at] = style

    def text(self, label: str = "", label_style: str = "") -> Text:
        """The line and a label behind it; neighbours of one style are one span."""
        plain = "".join(self.characters)
        spans = [Span(0, len(plain), self.rest)] if self.rest else []
        begin, end, style = 0, 0, ""
        for column, own in sorted(self.styles.items()):
            if own == style and column == end:
                end = column + 1
                continue
            if style:
                spans.append(Span(begin, end, style))
            begin, end, style = column, column + 1, own
        if style:
            spans.append(Span(begin, end, style))
        if label_style:
            spans.append(Span(len(plain) + len(label) - len(label.lstrip()), len(plain) + len(label), label_style))
        return Text(plain + label, no_wrap=True, end="", spans=spans)


@dataclass(frozen=True, slots=True)
class Scale:
    """Prices from `low` to `high` on `rows` text rows."""

    low: float
    high: float
    rows: int

    def half(self, price: float) -> int:
        """The half row of a price, from the top."""
        share = (self.high - price) / (self.high - self.low)
        return min(2 * self.rows - 1, max(0, int(share * 2 * self.rows)))


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything is: the `shown` candles, columns of the plot, columns a candle, the minute of column 0.

    `last` is the newest candle of all, shown or not.
    """

    shown: tuple[Candle, ...]
    last: Candle
    width: int
    plot: int
    slot: int
    first: datetime
    scale: Scale
    volume_rows: int
    step: float

    def column(self, minute: datetime) -> int:
        """The column of a minute's candle."""
        return self.slot * round((minute - self.first) / MINUTE)

    def candle_at(self, column: int) -> Candle | None:
        """The candle that is drawn nearest to a column, `None` when none is near."""
        near = [(abs(self.column(c.window_start) - column), c) for c in self.shown]
        distance, candle = min(near, key=lambda found: found[0])
        return candle if distance <= self.slot else None


def lay_out(candles: Sequence[Candle], width: int, height: int, cursor: datetime | None = None) -> Layout | None:
    """Place the newest `candles` (of one symbol, oldest first) that fit; `None` without any, or without room.

    An older `cursor` moves the view back, so that its minute is the first one shown.
    """
    usable = [c for c in candles if _finite(c)]
    if not usable or width < LEAST_WIDTH or height < LEAST_HEIGHT:
        return None
    last = usable[-1]
    volume_rows = 0 if height < 9 else 2 if height < 16 else 3 if height < 28 else 5
    rows = height - volume_rows - 2
    axis = len(LEGEND) + 1 if width >= 36 else 0
    while True:  # the width of the axis depends on the prices shown, and these on the width
        plot = max(1, width - axis)
        slot = 1 if plot < 40 else 2 if plot < 160 else 3
        minutes = max(1, plot // slot)
        first = last.window_start - (minutes - 1) * MINUTE
        if cursor is not None and cursor < first and any(c.window_start == cursor for c in usable):
            first = cursor
        end = first + minutes * MINUTE
        shown = tuple(c for c in usable if first <= c.window_start < end)
        scale = _scale(shown, rows)
        step = nice_step((scale.high - scale.low) / max(1.0, rows / 3))
        texts = (price_text(scale.low, step), price_text(scale.high, step), _last_text(last, step))
        needed = max(len(text) for text in texts) + 1
        if needed <= axis:
            return Layout(shown, last, width, plot, slot, first, scale, volume_rows, step)
        axis = needed


def draw(layout: Layout, cursor: datetime | None = None) -> list[Text]:
    """The lines of a chart; `cursor` is the minute of the candle that is marked."""
    grid = [Row.of(" ", layout.plot) for _ in range(layout.scale.rows)]
    price = layout.last.close_price
    if layout.scale.low <= price <= layout.scale.high:
        grid[layout.scale.half(price) // 2] = Row.of("┈", layout.plot, "dim")
    at = -1 if cursor is None else layout.column(cursor)
    for row in grid if 0 <= at < layout.plot else ():
        row.put(at, "┊", "dim")
    for candle in layout.shown:
        _draw(grid, layout, candle)
    return [
        *_prices(grid, layout),
        *_volume(layout),
        _marks(layout, cursor).text(),
        _times(layout, cursor).text(_legend(layout), "dim"),
    ]


def chart_lines(candles: Sequence[Candle], width: int, height: int, cursor: datetime | None = None) -> list[Text]:
    """The newest candles that fit `width` x `height`, oldest left; nothing without candles or room.

    A minute without trades is a gap.
    """
    layout = lay_out(candles, width, height, cursor)
    return [] if layout is None else draw(layout, cursor)


def head_line(candle: Candle, previous: Candle | None, width: int) -> Text:
    """The numbers of one candle: as many as there is room for, the most needed ones."""
    way = direction(candle)
    change = None if previous is None else candle.close_price / previous.close_price - 1
    parts = [
        (0, Text(fmt.price(candle.close_price), f"bold {way}")),
        (1, Text("" if change is None else change_text(change), way)),
        (2, Text(f"{fmt.clock(candle.window_start, seconds=False)} {candle.source}")),
        (4, Text(f"O {fmt.price(candle.open_price)}")),
        (3, Text(f"H {fmt.price(candle.high_price)}")),
        (3, Text(f"L {fmt.price(candle.low_price)}")),
        (5, Text(f"V {fmt.quantity(candle.total_qty)}")),
        (6, Text(f"{fmt.count(candle.trade_count)} trades")),
    ]
    parts = [part for part in parts if part[1]]
    fitting, room = set[int](), width + 2
    for number in sorted(range(len(parts)), key=lambda n: parts[n][0]):
        room -= parts[number][1].cell_len + 2
        if room < 0:
            break
        fitting.add(number)
    return Text("  ", no_wrap=True, end="").join(part for n, (_, part) in enumerate(parts) if n in fitting)


def change_text(change: float) -> str:
    """A relative change in per cent, with its direction."""
    percent = round(100 * change, 2) + 0.0
    return f"{'▲' if percent > 0 else '▼' if percent < 0 else '='} {percent:+.2f}%"


def direction(candle: Candle) -> str:
    """The colour of a candle: risen, fallen or flat."""
    if candle.close_price == candle.open_price:
        return FLAT
    return RISING if candle.close_price > candle.open_price else FALLING


def nice_step(least: float) -> float:
    """The smallest of 1, 2, 2.5, 5 × 10ⁿ that is not below `least`."""
    base = 10.0 ** math.floor(math.log10(least)) if least > 0 else 1.0
    return next((base * s for s in _STEPS if base * s >= least * (1 - 1e-9)), base * 10)


def price_text(price: float, step: float) -> str:
    """A price with the digits that the distance of the ticks needs."""
    if 0 < abs(price) < 1e-4:
        exponent = math.floor(math.log10(abs(price)))
        return f"{price / 10.0**exponent:.{_digits(step / 10.0**exponent)}f}e{exponent}"
    for unit, name in _UNITS:
        if abs(price) >= 10 * unit:
            return f"{price / unit:,.{_digits(step / unit)}f}{name}"
    return f"{price:,.{_digits(step)}f}"


def _digits(step: float) -> int:
    """Decimals that tell multiples of `step` apart."""
    whole = math.floor(math.log10(step) + 1e-9)
    quarter = abs(step / 10.0**whole - 2.5) < 1e-6
    return min(9, max(0, -whole + quarter))


def _finite(c: Candle) -> bool:
    return all(map(math.isfinite, (c.open_price, c.high_price, c.low_price, c.close_price, c.total_qty)))


def _scale(candles: Sequence[Candle], rows: int) -> Scale:
    low = min(min(c.low_price, c.open_price, c.close_price) for c in candles)
    high = max(max(c.high_price, c.open_price, c.close_price) for c in candles)
    room = max((high - low) * 0.04, abs(high) * 1e-9) if high > low else abs(high) * 0.001 or 1.0
    return Scale(low - room, high + room, rows)


def _draw(grid: list[Row], layout: Layout, candle: Candle) -> None:
    column, scale = layout.column(candle.window_start), layout.scale
    ends = (candle.open_price, candle.close_price)
    top, bottom = scale.half(max(candle.high_price, *ends)), scale.half(min(candle.low_price, *ends))
    body_top, body_bottom = scale.half(max(ends)), scale.half(min(ends))
    style = f"not dim {direction(candle)}"
    live = candle.source == "live"
    glyphs = _NARROW if layout.slot == 1 else _WIDE
    parts = [0] * (top % 2) + [1] * (body_top - top) + [2] * (body_bottom - body_top + 1) + [1] * (bottom - body_bottom)
    parts += [0] * (len(parts) % 2)
    for n in range(0, len(parts), 2):
        glyph = glyphs[parts[n], parts[n + 1]]
        row = grid[(top + n) // 2]
        row.characters[column] = _DASHED.get(glyph, glyph) if live else glyph
        row.styles[column] = style


def _ticks(layout: Layout) -> Iterator[float]:
    step = layout.step
    for n in range(math.ceil(layout.scale.low / step), math.floor(layout.scale.high / step) + 1):
        yield n * step


def _prices(grid: Sequence[Row], layout: Layout) -> list[Text]:
    """The rows with round prices on the right, and the last price where it is, or at the edge that it is beyond."""
    last = layout.last
    labels = {layout.scale.half(tick) // 2: (price_text(tick, layout.step), "dim") for tick in _ticks(layout)}
    text = _last_text(last, layout.step)
    labels[layout.scale.half(last.close_price) // 2] = (text, f"bold reverse {direction(last)}")
    room = layout.width - layout.plot
    return [row.text(label.rjust(room), style) for n, row in enumerate(grid) for label, style in [labels.get(n, _NONE)]]


def _last_text(last: Candle, step: float) -> str:
    """The last price, one digit finer than the ticks."""
    return price_text(last.close_price, step / 10)


def _volume(layout: Layout) -> list[Text]:
    most = max(c.total_qty for c in layout.shown)
    rows = [Row.of(" ", layout.plot) for _ in range(layout.volume_rows)]
    for candle in layout.shown if most > 0 else ():
        eighths = max(1, round(8 * layout.volume_rows * candle.total_qty / most)) if candle.total_qty > 0 else 0
        for row in reversed(rows[-math.ceil(eighths / 8) :] if eighths else ()):
            row.put(layout.column(candle.window_start), _BARS[min(8, eighths)], f"{direction(candle)} dim")
            eighths -= 8
    label = f" {fmt.short(most)}"[: layout.width - layout.plot].rjust(layout.width - layout.plot)
    return [row.text(label, "dim") if n == 0 else row.text() for n, row in enumerate(rows)]


def _marks(layout: Layout, cursor: datetime | None) -> Row:
    row = Row.of("─", layout.plot, "dim")
    for candle in layout.shown:
        way = direction(candle)
        style = f"not dim {way}{' reverse' if candle.window_start == cursor else ''}"
        row.put(layout.column(candle.window_start), _MARKS[candle.source, way], style)
    return row


def _legend(layout: Layout) -> str:
    """What hollow marks mean, below the price axis."""
    room = layout.width - layout.plot
    return LEGEND.rjust(room) if room > len(LEGEND) else ""


def _times(layout: Layout, cursor: datetime | None) -> Row:
    """Local time at round minutes, as dense as the labels have room, and that of the cursor."""
    step = next((s for s in _TIME_STEPS if s * layout.slot >= 8), _TIME_STEPS[-1])
    row = Row.of(" ", layout.plot, "dim")
    start = layout.first.astimezone()
    for n in range((layout.plot - 5) // layout.slot + 1):
        of_day = (60 * start.hour + start.minute + n) % 1440
        if of_day % step == 0:
            row.characters[n * layout.slot : n * layout.slot + 5] = f"{of_day // 60:02}:{of_day % 60:02}"
    if cursor is not None and 0 <= layout.column(cursor) < layout.plot:
        label = fmt.clock(cursor, seconds=False)
        column = min(layout.column(cursor), layout.plot - len(label))
        row.put(max(0, column - 1), " " * (len(label) + 2), "")
        row.put(column, label, "not dim reverse")
    return row
