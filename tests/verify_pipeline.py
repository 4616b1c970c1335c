"""Proves that what came out of the pipeline is what went in: `python tests/verify_pipeline.py [--json]`.

The same checks as `lakehouse-tui verify`, for the home that the settings (environment, flags) name. Exit status: 0 all
checks passed, 1 one failed, 2 wrong usage.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tui.cli import run

if __name__ == "__main__":
    sys.exit(run(["verify", *sys.argv[1:]]))
