"""The candles panel: a chart that moves, a cursor that reads it, and what it says when something is amiss."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.ui.cockpits import NOW, Fake, screen_text, until, until_shown
from tui.model.candles import Candle
from tui.model.errors import UnavailableError
from tui.model.live import LiveView
from tui.view.widgets.candles import CandlesPanel

MINUTES = 120


def candle(ago: int, *, live: bool = False) -> Candle:
    at = NOW.replace(second=0) - timedelta(minutes=ago)
    price = 42_000.0 + 10 * (ago % 7)
    return Candle(
        "BTCUSDT", at, at + timedelta(minutes=1), price, price + 15, price - 15, price + 5 - 10 * (ago % 2), 12.5, 40,
        6.5, 6.0, "live" if live else "committed",
    )  # fmt: skip


def view() -> LiveView:
    candles = tuple(candle(ago, live=ago < 2) for ago in reversed(range(MINUTES)))
    return LiveView(
        "BTCUSDT", candles, 7, 15, NOW - timedelta(seconds=40), NOW, candles[-1].close_price, 0.0123, 48.5, 900, 910,
        {"BTCUSDT": candles[-1].close_price},
    )  # fmt: skip


@pytest.fixture
def live(fake: Fake) -> Fake:
    fake.says["live"] = view()
    return fake


def panel(text: str) -> list[str]:
    """The lines of the panel: from its title on."""
    lines = text.splitlines()
    start = next(n for n, line in enumerate(lines) if "BTCUSDT 42," in line)
    return lines[start:]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_the_chart_is_there_with_axis_time_and_legend(live: Fake, size: tuple[int, int]) -> None:
    async with live.app().run_test(size=size) as pilot:
        await until_shown(pilot, "△▽ live")
        text = "\n".join(panel(screen_text(pilot.app)))
        for part in ("BTCUSDT 42,005.00", "12:30 live", "42,0", "▴", "▾", "12:2"):
            assert part in text, part
        assert ("48.5 trades/s" in text) == (size[0] >= 120)


async def test_a_new_trade_moves_it(live: Fake) -> None:
    async with live.app(refresh_interval_s=0.1).run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "BTCUSDT 42,005.00")
        before = view()
        moved = replace(before.candles[-1], close_price=42_123.0, high_price=42_123.0)
        live.says["live"] = replace(before, candles=(*before.candles[:-1], moved), last_price=42_123.0)
        await until_shown(pilot, "BTCUSDT 42,123.00")
        await until_shown(pilot, "H 42,123.00")


async def test_arrows_read_candles_and_escape_lets_go(live: Fake) -> None:
    async with live.app().run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "12:30 live")
        await pilot.press("left", "left")
        await until_shown(pilot, "12:29 live")
        await pilot.press("left")
        await until_shown(pilot, "12:28 committed")
        await pilot.press("right", "right", "right")
        await until_shown(pilot, "12:30 live")
        await pilot.press("left", "left", "escape")
        await until_shown(pilot, "12:30 live")


async def test_far_left_the_chart_follows_the_cursor(live: Fake) -> None:
    async with live.app().run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "12:30 live")
        await pilot.press(*["left"] * (MINUTES + 5))
        await until_shown(pilot, "10:31 committed")
        assert "10:31" in panel(screen_text(pilot.app))[-3]


async def test_a_click_reads_the_candle_below_it(live: Fake) -> None:
    async with live.app().run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "12:30 live")
        found = pilot.app.screen.query_one(CandlesPanel)
        layout = found._layout
        assert layout is not None
        column = layout.column(NOW.replace(second=0) - timedelta(minutes=9)) + 1  # the border
        await pilot.click(CandlesPanel, offset=(column, 6))
        await until_shown(pilot, "12:21 committed")
        await pilot.click(CandlesPanel, offset=(column, 6))
        await until_shown(pilot, "12:30 live")


async def test_what_is_amiss_is_said_above_the_chart(live: Fake) -> None:
    async with live.app(refresh_interval_s=0.1).run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "12:30 live")
        live.says["live"] = replace(view(), note="Kafka at [b]x[/b] does not answer.")
        await until_shown(pilot, "! Kafka at [b]x[/b] does not answer.")
        live.says["live"] = replace(view(), live_from=NOW.replace(second=0), behind=48_000)
        await until_shown(pilot, "The job is 48,000 messages behind: live candles start at 12:30.")
        live.says["live"] = UnavailableError("S3 is away.")
        await until_shown(pilot, "S3 is away.")
        assert "▴" in screen_text(pilot.app)


async def test_the_same_view_is_drawn_once(live: Fake) -> None:
    async with live.app(refresh_interval_s=0.1).run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "12:30 live")
        found = pilot.app.screen.query_one(CandlesPanel)
        drawn = found._drawn
        live.asked.clear()
        await until(pilot, lambda: live.asked.count("live") >= 3, "three answers")
        assert found._drawn is drawn
