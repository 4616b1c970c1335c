"""The dashboard's process is set up before Textual and Arrow read their environment."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from tui.view import thrift

SCRIPT = """
from tui.view import thrift
thrift.settle()
import pyarrow
from textual import constants
import gc
own = constants.ESCAPE_DELAY, constants.MAX_FPS
print(pyarrow.default_memory_pool().backend_name, *own, gc.get_threshold()[0] > 700)
"""


def test_escapes_and_frames_are_quick_and_arrow_gives_memory_back() -> None:
    said = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["system", "0.01", "250", "True"]


@pytest.mark.parametrize(
    ("counts", "quiet", "collected"),
    [
        ((1_999, 9, 14), True, []),
        ((2_000, 9, 14), False, [0]),
        ((2_000, 10, 14), False, [1]),
        ((2_000, 10, 15), False, [1]),
        ((0, 0, 15), True, [2]),
    ],
)
def test_garbage_is_collected_where_there_is_enough_and_all_of_it_when_it_is_quiet(
    counts: tuple[int, int, int], quiet: bool, collected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[int] = []
    monkeypatch.setattr(gc, "get_count", lambda: counts)
    monkeypatch.setattr(gc, "collect", lambda generation=2: found.append(generation))
    thrift.tidy(quiet=quiet)
    assert found == collected
