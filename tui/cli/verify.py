"""`verify`, and how checks are printed."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable

from tui import bootstrap
from tui.cli.output import print_json, say
from tui.core.report import as_plain
from tui.model.checks import Check, Report
from tui.settings import Settings


def verify(settings: Settings, arguments: Namespace) -> int:
    """Run every check; exit status 1 if one fails."""
    return show(bootstrap.verify(settings), as_json=arguments.json)


def show(checks: Iterable[Check], *, as_json: bool) -> int:
    """Print checks as they finish (or all as JSON); 0 if all passed, else 1."""
    done = []
    for check in checks:
        done.append(check)
        if not as_json:
            say(line(check))
    report = Report(tuple(done))
    if as_json:
        print_json(as_plain(report))
    else:
        failed = sum(not c.ok for c in report.checks)
        passed = len(report.checks) - failed
        say(f"{passed} checks passed, {failed} failed." if failed else f"All {passed} checks passed.")
    return 0 if report.ok else 1


def line(check: Check) -> str:
    """One check as text: the mark, the name, what was found, and where it failed what was expected."""
    text = f"{'✓' if check.ok else '✗'} {check.name:<22} {check.actual}"
    if not check.ok:
        text += f"\n    expected: {check.expected}"
    return f"{text}\n    {check.detail}" if check.detail and not check.ok else text
