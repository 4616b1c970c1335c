"""What CI says of the packages' known vulnerabilities: a finding fails, a service that does not answer does not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "audit.py"
FINDING = {"id": "PYSEC-1", "fix_versions": ["2.0"], "aliases": [], "description": ""}
GOOD = {"name": "a", "version": "1.0", "vulns": []}
BAD = {"name": "b", "version": "1.0", "vulns": [FINDING]}
UNKNOWN = {"name": "c", "skip_reason": "Dependency not found on PyPI and could not be audited: c (1.0)"}


@pytest.mark.parametrize(
    ("packages", "status", "said"),
    [
        ([GOOD, UNKNOWN], 0, "audit of ours: 1 packages, 0 unanswered findings, 1 unknown to the service."),
        ([GOOD, BAD], 1, "audit of ours: b 1.0 has PYSEC-1, fixed in 2.0."),
        ([UNKNOWN], 0, "audit of ours: not done, the advisory service knows none of the 1 packages."),
        (None, 0, "audit of ours: not done, the advisory service does not answer (pip-audit ended with 124)."),
    ],
)
def test_a_finding_fails_and_silence_does_not(
    tmp_path: Path, packages: list[Any] | None, status: int, said: str
) -> None:
    result = tmp_path / "a.json"
    result.write_text("" if packages is None else json.dumps({"dependencies": packages, "fixes": []}))
    command = [sys.executable, str(SCRIPT), "ours", str(result), "124"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert (done.returncode, said in done.stdout) == (status, True), done.stdout + done.stderr
