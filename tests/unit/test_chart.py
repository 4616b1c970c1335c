"""The candlestick chart as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.model.candles import Candle
from tui.view.widgets.chart import change_text, chart_lines, head_line, lay_out, nice_step, price_text

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def candle(
    minute: int, open_: float, high: float, low: float, close: float, qty: float = 1.0, *, live: bool = False
) -> Candle:
    at = START + timedelta(minutes=minute)
    source = "live" if live else "committed"
    return Candle("BTCUSDT", at, at + timedelta(minutes=1), open_, high, low, close, qty, 3, qty, 0, source)  # type: ignore[arg-type]


def text(candles: list[Candle], width: int, height: int) -> list[str]:
    return [line.plain for line in chart_lines(candles, width, height)]


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def test_bodies_wicks_axis_marks_and_time() -> None:
    candles = [candle(0, 100, 108, 98, 106), candle(1, 106, 107, 101, 102), candle(3, 102, 104, 100, 104, live=True)]
    assert text(candles, 24, 8) == [
        "                │╷      ",
        "                ┃┃      ",
        "┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┃┃┈╏ 104",
        "                ┃┃ ╏    ",
        "                ┃╵ ╎ 100",
        "                │       ",
        "────────────────▴▾─△",
        "      11:50         ",
    ]


def test_rising_and_falling_committed_and_live_differ_without_colour() -> None:
    kinds = [
        candle(0, 1, 2, 1, 2), candle(1, 2, 2, 1, 1), candle(2, 1, 1, 1, 1),
        candle(3, 1, 2, 1, 2, live=True), candle(4, 2, 2, 1, 1, live=True), candle(5, 1, 1, 1, 1, live=True),
    ]  # fmt: skip
    assert text(kinds, 30, 8)[-2].rstrip().endswith("▴▾▬△▽▭")


def test_a_minute_without_trades_is_a_gap() -> None:
    marks = text([candle(0, 1, 2, 1, 2), candle(4, 1, 2, 1, 2)], 30, 8)[-2]
    assert marks.endswith("▴───▴")


def test_only_the_newest_minutes_that_fit_are_shown() -> None:
    shown = text([candle(n, 1, 2, 1, 2) for n in range(500)], 30, 8)
    assert all(len(line) <= 30 for line in shown)
    assert "─" not in shown[-2]


@pytest.mark.parametrize("price", [1e-8, 0.00001234, 1.0, 42_000.0, 1e12])
def test_prices_of_any_size_fit_the_axis(price: float) -> None:
    shown = text([candle(n, price, price * 1.01, price * 0.99, price) for n in range(10)], 60, 14)
    assert len(shown) == 14
    assert all(len(line) <= 60 for line in shown)
    assert any(c.isdigit() for line in shown[:-2] for c in line[40:])


@pytest.mark.parametrize(("width", "height"), [(19, 10), (40, 4), (0, 0)])
def test_no_room_no_chart(width: int, height: int) -> None:
    assert text([candle(0, 1, 2, 1, 2)], width, height) == []


def test_no_candles_no_chart_and_nan_is_left_out() -> None:
    assert text([], 80, 20) == []
    assert text([candle(0, float("nan"), 1, 1, 1)], 80, 20) == []
    assert text([candle(0, 1, 2, 1, 2), candle(1, float("inf"), 1, 1, 1)], 30, 8)[-2].endswith("▴")


def test_the_head_says_what_the_candle_is() -> None:
    head = head_line(candle(1, 100, 110, 90, 105, live=True), candle(0, 90, 100, 80, 100), 200).plain
    for part in ("105.00", "▲ +5.00%", "12:01 live", "H 110.00", "L 90.00", "O 100.00", "3 trades"):
        assert part in head
    assert len(head_line(candle(1, 100, 110, 90, 105), None, 20).plain) <= 20


def test_a_change_that_rounds_to_nothing_has_no_direction() -> None:
    assert [change_text(c) for c in (0.0123, -0.00001, -0.5)] == ["▲ +1.23%", "= +0.00%", "▼ -50.00%"]


@pytest.mark.parametrize(("least", "step"), [(0.3, 0.5), (1, 1), (1.1, 2), (2.2, 2.5), (26, 50), (7e-9, 1e-8)])
def test_ticks_are_round(least: float, step: float) -> None:
    assert nice_step(least) == pytest.approx(step)


PRICES = st.floats(min_value=1e-6, max_value=1e9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(PRICES, PRICES, PRICES, PRICES, st.floats(min_value=0, max_value=1e6)), min_size=1, max_size=80),
    st.integers(20, 210),
    st.integers(5, 60),
)
def test_any_candles_fit_any_size(rows: list[tuple[float, ...]], width: int, height: int) -> None:
    candles = [candle(n, o, max(o, h, low, c), min(o, h, low, c), c, q) for n, (o, h, low, c, q) in enumerate(rows)]
    shown = text(candles, width, height)
    assert len(shown) == height
    assert all(len(line) <= width for line in shown)


def test_a_wide_chart_has_bodies_of_blocks_and_room_between_them() -> None:
    candles = [
        candle(0, 100, 108, 98, 106), candle(1, 106, 107, 101, 102), candle(2, 102, 103, 99, 101),
        candle(3, 101, 106, 100, 105, 4.0, live=True),
    ]  # fmt: skip
    shown = text(candles, 50, 11)
    assert shown == EXPECTED


EXPECTED = [
    "                                  │ ╷             ",
    "                                  ╽ ╽   ╷         ",
    "┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈█┈█┈┈┈▒┈   105.0",
    "                                  █ █ ╷ ▒         ",
    "                                  █ ╿ █ ▒         ",
    "                                  ╿   │ ╵      100",
    "                                  │   ╵           ",
    "                                        █        4",
    "                                  ▄ ▄ ▄ █ ",
    "──────────────────────────────────▴─▾─▾─△─",
    "    11:45     11:50     11:55     12:00    △▽ live",
]


def test_the_cursor_marks_its_candle_and_says_its_minute() -> None:
    candles = [candle(n, 100, 110, 90, 105) for n in range(15)]
    lines = chart_lines(candles, 60, 12, START + timedelta(minutes=5))
    plain = [line.plain for line in lines]
    assert "12:05" in plain[-1]
    column = plain[-1].index("12:05")
    assert plain[-2][column] == "▴"
    assert [str(span.style) for span in lines[-2].spans if span.start == column] == ["not dim green reverse"]


def test_a_cursor_before_the_first_candle_moves_the_view_back() -> None:
    candles = [candle(n, 100 + n, 101 + n, 99 + n, 100 + n) for n in range(120)]
    lines = chart_lines(candles, 40, 12, START)
    plain = [line.plain for line in lines]
    assert plain[-1].startswith("12:00")
    assert plain[-2].startswith("▬")
    assert "219" in plain[0], "the last price is above what is shown"
    assert not any("┈" in line for line in plain)
    gone = chart_lines(candles, 40, 12, START - timedelta(minutes=1))
    assert [line.plain for line in gone] == [line.plain for line in chart_lines(candles, 40, 12)]


def test_the_candle_under_a_column() -> None:
    layout = lay_out([candle(0, 1, 2, 1, 2), candle(6, 1, 2, 1, 2)], 60, 12)
    assert layout is not None
    column = layout.column(START + timedelta(minutes=6))
    found = [layout.candle_at(column + n) for n in (0, 1, 2, -6)]
    assert [c.window_start.minute if c else None for c in found] == [6, 6, 6, None]


@pytest.mark.parametrize(
    ("price", "step", "said"),
    [
        (1.23456e-8, 2.5e-11, "1.2346e-8"), (0.0123, 1e-4, "0.0123"), (98.25, 0.25, "98.25"), (42_000, 500, "42,000"),
        (41_757.3, 50, "41,757"), (12_500_000, 50_000, "12.50M"), (2e9, 2e7, "2,000M"), (1e12, 1e10, "1,000G"),
    ],
)  # fmt: skip
def test_prices_have_the_digits_of_their_steps(price: float, step: float, said: str) -> None:
    assert price_text(price, step) == said


@pytest.mark.parametrize("width", [20, 26, 34, 60, 90, 200])
def test_the_head_takes_what_it_has_room_for(width: int) -> None:
    head = head_line(candle(1, 100, 110, 90, 105), candle(0, 90, 100, 80, 100), width).plain
    assert head.startswith("105.00  ▲ +5.00%")
    assert len(head) <= width
    assert ("O 100.00" in head) == (width >= 90)
