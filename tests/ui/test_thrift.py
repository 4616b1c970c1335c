"""The dashboard's process is set up before Textual and Arrow read their environment."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
from tui.view import thrift
thrift.settle()
import pyarrow
from textual import constants
import gc
print(pyarrow.default_memory_pool().backend_name, constants.ESCAPE_DELAY, gc.get_threshold()[0] > 700)
"""


def test_escape_is_quick_and_arrow_gives_memory_back() -> None:
    said = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["system", "0.01", "True"]
