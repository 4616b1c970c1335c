"""A report of the checks as JSON, for programs, and as Markdown, for people."""

from __future__ import annotations

import json
import re
from datetime import UTC
from typing import Any

from tui.model.checks import Check, Report, VerifyRun

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|])")


def as_plain(report: Report) -> dict[str, Any]:
    """What `verify --json` prints; its shape is described in `docs/json.md`."""
    return {"ok": report.ok, "checks": [_row(check) for check in report.checks]}


def as_json(report: Report) -> str:
    """The same as text."""
    return json.dumps(as_plain(report), ensure_ascii=False, indent=2) + "\n"


def as_markdown(run: VerifyRun, home: str) -> str:
    """Result, time and every check, failures first, each failure with its detail."""
    checks = failures_first(run.checks)
    began = "–" if run.began_at is None else f"{run.began_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    took = "–" if run.took_s is None else f"{run.took_s:.1f} s"
    lines = [
        "# Verification",
        "",
        f"{verdict(run.checks)}, begun {began}, took {took}. Lakehouse: {_escaped(home)}",
        "",
        "| result | check | expected | actual |",
        "|---|---|---|---|",
        *(f"| {' | '.join((_result(c), *map(_escaped, (c.name, c.expected, c.actual))))} |" for c in checks),
    ]
    for check in checks:
        if check.detail and not check.ok:
            lines += ["", f"## {_escaped(check.name)}", "", _escaped(check.detail)]
    return "\n".join(lines) + "\n"


def verdict(checks: tuple[Check, ...]) -> str:
    """In words, how many passed."""
    failed = sum(not check.ok for check in checks)
    if not checks:
        return "No check was made"
    if failed == len(checks) == 1:
        return "1 check failed"
    return f"{failed} of {len(checks)} checks failed" if failed else f"All {len(checks)} checks passed"


def failures_first(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    """Failures before the others, else in the order in which they were made."""
    return tuple(sorted(checks, key=lambda check: check.ok))


def _result(check: Check) -> str:
    return "✓ passed" if check.ok else "✗ failed"


def _row(check: Check) -> dict[str, Any]:
    return {
        "name": check.name,
        "ok": check.ok,
        "expected": check.expected,
        "actual": check.actual,
        "detail": check.detail,
    }


def _escaped(text: str) -> str:
    """As plain text on one line of Markdown."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
