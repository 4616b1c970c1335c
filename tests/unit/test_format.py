"""Values as text: unknown is a dash, nothing from outside can draw on the screen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.view import format as fmt

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "form",
    [
        fmt.count,
        fmt.short,
        fmt.rate,
        fmt.percent,
        fmt.size,
        fmt.duration,
        fmt.price,
        fmt.quantity,
        fmt.clock,
        fmt.plain,
    ],
)
def test_unknown_is_a_dash(form: object) -> None:
    assert form(None) == "–"  # type: ignore[operator]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (812, "812"), (999.6, "1.0k"), (14_230, "14.2k"), (144_551, "145k"), (3_100_000, "3.1M"), (2e12, "2T")],
)
def test_short(value: float, text: str) -> None:
    assert fmt.short(value) == text


@given(st.floats(min_value=0, max_value=9e14))
def test_short_takes_five_characters_at_most(value: float) -> None:
    assert len(fmt.short(value)) <= 5


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1m 00s"), (200, "3m 20s"), (7500, "2h 05m"),
     (273_600, "3d 4h"), (-1, "0.0 s")],
)  # fmt: skip
def test_duration(seconds: float, text: str) -> None:
    assert fmt.duration(seconds) == text


def test_age_of_the_future_is_unknown_but_for_a_little_skew() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert fmt.age(now + timedelta(seconds=5), now) == "0 s"
    assert fmt.age(now + timedelta(seconds=6), now) == fmt.UNKNOWN
    assert fmt.age(now + timedelta(hours=1), now) == fmt.UNKNOWN


def test_age_counts_whole_seconds_and_never_less_than_none() -> None:
    assert fmt.age(NOW - timedelta(seconds=4.9), NOW) == "4 s"
    assert fmt.age(NOW + timedelta(seconds=4), NOW) == "0 s"
    assert fmt.age(None, NOW) == "–"


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (128_000, "128 kB"), (5.02e9, "5.0 GB")]
)
def test_size(value: float, text: str) -> None:
    assert fmt.size(value) == text


@given(st.text())
def test_text_from_outside_stays_on_its_line_and_draws_nothing(text: str) -> None:
    shown = fmt.plain(text)
    assert len(shown) == len(text)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202e\u2028" for c in shown)


def test_clip_says_that_it_cut() -> None:
    assert (fmt.clip("abcdef", 6), fmt.clip("abcdef", 4), fmt.clip("abc", 0)) == ("abcdef", "abc…", "")
