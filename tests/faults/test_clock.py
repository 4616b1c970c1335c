"""The wall clock jumps, for every process of a real stack: the result is exact, and the dashboard says what it may say.

The kernel's clock stays as it is: a library that is loaded before all others (`moved_clock.c`) adds what stands in a
file to it. libfaketime is no use here: Java's threads and Python's locks wait by it for ever.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

pytestmark = pytest.mark.faults
COMPILER = shutil.which("cc")
ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(COMPILER is None, reason="no C compiler here")
def test_a_clock_that_jumps_loses_and_doubles_nothing(tmp_path: Path) -> None:
    library, clock = tmp_path / "moved_clock.so", tmp_path / "moved_by"
    clock.write_bytes(bytes(8))
    source = Path(__file__).with_name("moved_clock.c")
    flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared"]
    subprocess.run([str(COMPILER), *flags, "-o", str(library), str(source), "-ldl"], check=True)
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.clock_run", str(tmp_path / "home")],
        cwd=ROOT,
        env={**os.environ, "LD_PRELOAD": str(library), "MOVED_CLOCK": str(clock)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    steps = {line["step"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert steps["an hour on"]["tables"] and steps["set right"]["tables"] and steps["a little back"]["tables"]
    assert _minutes(steps["an hour on"]["clock"], steps["half an hour back"]["clock"]) == pytest.approx(-30, abs=5)
    assert steps["settled"]["messages"] > 1000
    assert steps["settled"]["wrong"] == []
    for step in ("half an hour back", "looked at"):
        screen = steps[step]["screen"]
        assert "DASHBOARD" in screen
        negative = re.search(r"(?<!\w)-[\d.,]+(?![\d.,%])", screen)  # a price may have changed by -0.05%
        assert negative is None, f"{negative} is negative:\n{screen}"


def _minutes(before: str, after: str) -> float:
    return (datetime.fromisoformat(after) - datetime.fromisoformat(before)).total_seconds() / 60
