"""The reference is what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "reference.py"


def test_the_page_is_what_the_script_makes_of_the_code_of_now() -> None:
    spec = importlib.util.spec_from_file_location("reference", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    made = script.page()
    assert script.PAGE.read_text(encoding="utf-8") == made, "run `uv run python docs/reference.py`"
    assert "| `--json` | print JSON |" in made
    assert "| `checkpoint_interval_s` | `60` | `--checkpoint-interval` | `LAKEHOUSE_CHECKPOINT_INTERVAL_S` |" in made
    assert "| `savepoint` | `x` | stop the job with a savepoint; asks first |" in made
