"""What the user types into a question: offsets and moments. Wrong input is a `ValueError` with a sentence."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_OFFSET = re.compile(r"(?:(\d{1,9}):)?(\d{1,19})")
_AGO = re.compile(r"-(?=\d)(?:(\d{1,5})d)?\s*(?:(\d{1,7})h)?\s*(?:(\d{1,9})m)?\s*(?:(\d{1,9})s)?")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")

MOMENTS = "14:05, 14:05:30, -10m, -1h30m, or 2026-01-31 14:05"


def offset(text: str) -> tuple[int | None, int]:
    """`OFFSET` or `PARTITION:OFFSET`; thousands may be set apart."""
    found = _OFFSET.fullmatch(re.sub(r"[,_'\s]", "", text))
    if found is None:
        raise ValueError(f"{text!r} is no offset: a whole number from 0, or PARTITION:OFFSET.")
    partition, number = found.groups()
    if int(number) >= 2**63:
        raise ValueError(f"{text.strip()} is more than an offset can be.")
    return None if partition is None else int(partition), int(number)


def moment(text: str, now: datetime) -> datetime:
    """A time of day (the last one that was), a span before `now`, or a date; local unless it says otherwise. UTC."""
    given = text.strip()
    try:
        found = _ago(given, now) or _of_the_day(given, now) or _date(given)
    except OverflowError:
        found = None
    if found is None:
        raise ValueError(f"{given!r} is no time: try {MOMENTS}.")
    if found > now:
        raise ValueError(f"{given} is in the future.")
    return found


def _ago(text: str, now: datetime) -> datetime | None:
    found = _AGO.fullmatch(text)
    if found is None or not any(found.groups()):
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return now - timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _of_the_day(text: str, now: datetime) -> datetime | None:
    found = _CLOCK.fullmatch(text)
    if found is None:
        return None
    hour, minute, second = (int(part or 0) for part in found.groups())
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(f"{text} is no time of day.")
    today = now.astimezone().replace(hour=hour, minute=minute, second=second, microsecond=0, tzinfo=None)
    latest = today.astimezone(UTC)
    return latest if latest <= now else (today - timedelta(days=1)).astimezone(UTC)


def _date(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OSError):
        return None
