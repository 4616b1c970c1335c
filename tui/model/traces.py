"""What a Java stack trace says, in one line."""

from __future__ import annotations

import re


def first_line(text: str | None) -> str | None:
    """The first line that is not blank, or `None`."""
    return next((line.strip() for line in (text or "").splitlines() if line.strip()), None)


def root_cause(trace: str | None) -> str | None:
    """The innermost cause of a Java stack trace, without its class's package: what a reader needs first."""
    lines = [line.strip() for line in (trace or "").splitlines()]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    cause = causes[-1] if causes else first_line(trace)
    return None if cause is None else re.sub(r"^(?:[a-z_]\w*\.)+(?=[A-Z])", "", cause).rstrip(".")
