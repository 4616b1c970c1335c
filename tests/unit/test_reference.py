"""The reference is what the code says."""

from __future__ import annotations

from docs import reference, screens
from tui.view.app import SCREENS


def test_the_page_is_what_the_script_makes_of_the_code_of_now() -> None:
    made = reference.page()
    assert reference.PAGE.read_text(encoding="utf-8") == made, "run `uv run python docs/reference.py`"
    assert "| `--json` | print JSON |" in made
    assert "| `checkpoint_interval_s` | `60` | `--checkpoint-interval` | `LAKEHOUSE_CHECKPOINT_INTERVAL_S` |" in made
    assert "| `savepoint` | `x` | stop the job with a savepoint; asks first |" in made


def test_the_page_of_the_numbers_is_what_the_help_says() -> None:
    made = screens.page()
    assert screens.PAGE.read_text(encoding="utf-8") == made, "run `uv run python docs/screens.py`"
    for screen in SCREENS.values():
        for panel in screen.PANELS:
            assert all(sentence in made for sentence in panel.sentences)
