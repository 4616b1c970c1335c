"""Values as text for the screen; unknown is a dash, never 0. Local time exists only here."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from tui.model.reading import CLOCK_SKEW_S

UNKNOWN = "–"
_SIZES = ("B", "kB", "MB", "GB", "TB")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


def count(value: int | None) -> str:
    """A whole number with thousands separated."""
    return UNKNOWN if value is None else f"{value:,}"


def short(value: float | None) -> str:
    """A number in at most five characters: 812, 14.2k, 3.1M."""
    if value is None:
        return UNKNOWN
    for limit, divisor, unit in ((1e3, 1, ""), (1e6, 1e3, "k"), (1e9, 1e6, "M"), (1e12, 1e9, "G")):
        scaled = value / divisor
        if abs(value) < limit * 0.9995:
            digits = 1 if (unit and abs(scaled) < 99.95) else 0
            return f"{scaled:.{digits}f}{unit}"
    return f"{value / 1e12:.0f}T"


def rate(value: float | None) -> str:
    """Records a second."""
    if value is None:
        return UNKNOWN
    return f"{value:.1f}" if abs(value) < 99.95 else short(value)


def percent(ratio: float | None) -> str:
    """A share from 0 to 1."""
    return UNKNOWN if ratio is None else f"{100 * ratio:.0f}%"


def size(value: float | None) -> str:
    """Bytes in decimal units."""
    if value is None:
        return UNKNOWN
    for unit in _SIZES[:-1]:
        if abs(value) < 999.5:
            return f"{value:.0f} {unit}" if unit == "B" or abs(value) >= 99.95 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} {_SIZES[-1]}"


def duration(seconds: float | None) -> str:
    """A span of time with at most two units: 0.4 s, 12 s, 3m 20s, 2h 05m, 3d 4h."""
    if seconds is None:
        return UNKNOWN
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m {rest:02}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h {minutes:02}m"
    days, hours = divmod(hours, 24)
    return f"{days}d {hours}h"


def age(then: datetime | None, now: datetime) -> str:
    """How long ago `then` was, in whole seconds: 4 s, 3m 20s; unknown of the future (the clock went back)."""
    if then is None or (then - now).total_seconds() > CLOCK_SKEW_S:
        return UNKNOWN
    seconds = max(0, int((now - then).total_seconds()))
    return f"{seconds} s" if seconds < 10 else duration(seconds)


def coarse_age(then: datetime | None, now: datetime) -> str:
    """How long ago, in seconds up to a minute, then in minutes: a list of many need not move every second."""
    if then is None or (seconds := (now - then).total_seconds()) < 60:
        return age(then, now)
    return f"{int(seconds // 60)} min" if seconds < 3600 else age(then, now - timedelta(seconds=seconds % 60))


def price(value: float | None) -> str:
    """A price with the digits that its size deserves."""
    if value is None:
        return UNKNOWN
    if abs(value) >= 1:
        return f"{value:,.2f}"
    return f"{value:.6g}"


def quantity(value: float | None) -> str:
    """A traded quantity."""
    if value is None:
        return UNKNOWN
    return f"{value:,.2f}" if abs(value) >= 100 else f"{value:.4g}"


def clock(moment: datetime | None, *, seconds: bool = True) -> str:
    """Local time of day."""
    if moment is None:
        return UNKNOWN
    return f"{moment.astimezone():%H:%M:%S}" if seconds else f"{moment.astimezone():%H:%M}"


def day_clock(moment: datetime | None, now: datetime) -> str:
    """Local time, with the date unless it is today."""
    if moment is None:
        return UNKNOWN
    local = moment.astimezone()
    return f"{local:%H:%M:%S}" if local.date() == now.astimezone().date() else f"{local:%Y-%m-%d %H:%M:%S}"


def plain(text: str | None) -> str:
    """Text from outside on one line: control and bidirectional characters are made visible as ␣ or �."""
    if text is None:
        return UNKNOWN
    return _CONTROL.sub(lambda found: " " if found[0] in "\t\n\r" else "�", text)


def clip(text: str, width: int) -> str:
    """At most `width` characters, the last one an ellipsis where something was cut."""
    if len(text) <= width:
        return text
    return text[: max(0, width - 1)] + "…" if width > 0 else ""
