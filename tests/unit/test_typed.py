"""What the user types: offsets and moments, and the sentence for everything else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tui.view import typed

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _in_kolkata(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Five and a half hours before UTC: 12:00 UTC is 17:30 here."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", (None, 0)),
        (" 1,234 567 ", (None, 1_234_567)),
        ("2:10", (2, 10)),
        ("9223372036854775807", (None, 2**63 - 1)),
    ],
)
def test_offsets(text: str, expected: tuple[int | None, int]) -> None:
    assert typed.offset(text) == expected


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "1:", ":1", "1:2:3", "9223372036854775808", "²"])
def test_what_is_no_offset_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=r"no offset|more than an offset"):
        typed.offset(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("14:05", datetime(2026, 1, 31, 8, 35, tzinfo=UTC)),
        ("14:05:30", datetime(2026, 1, 31, 8, 35, 30, tzinfo=UTC)),
        ("17:31", datetime(2026, 1, 30, 12, 1, tzinfo=UTC)),
        ("-10m", NOW - timedelta(minutes=10)),
        ("-1h30m", NOW - timedelta(hours=1, minutes=30)),
        ("-2d 1s", NOW - timedelta(days=2, seconds=1)),
        ("2026-01-30", datetime(2026, 1, 29, 18, 30, tzinfo=UTC)),
        ("2026-01-31 14:05", datetime(2026, 1, 31, 8, 35, tzinfo=UTC)),
        ("2026-01-31T11:59:59Z", NOW - timedelta(seconds=1)),
        ("2026-01-31T13:00+02:00", NOW - timedelta(hours=1)),
    ],
)
def test_moments(text: str, expected: datetime) -> None:
    assert typed.moment(text, NOW) == expected


@pytest.mark.parametrize(
    "text", ["", "-", "-m", "10m", "soon", "14", "2026-13-01", "0001-01-01", "-99999999999d", "-1x"]
)
def test_what_is_no_time_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is no time: try 14:05"):
        typed.moment(text, NOW)


@pytest.mark.parametrize("text", ["25:00", "12:60", "12:00:61"])
def test_what_is_no_time_of_day_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is no time of day"):
        typed.moment(text, NOW)


def test_the_future_has_no_messages() -> None:
    with pytest.raises(ValueError, match="is in the future"):
        typed.moment("2027-01-01", NOW)
