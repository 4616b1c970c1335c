"""Makes README's pictures from a recording: `uv run python docs/pictures.py`; the same recording, the same pictures.

Another folder may be given as an argument, and the names of some pictures behind it. A recording of one's own comes
from `lakehouse-tui --record FILE`.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

os.environ |= {"TZ": "UTC", "TEXTUAL_ANIMATIONS": "none", "COLORTERM": "truecolor"}
os.environ.pop("NO_COLOR", None)
time.tzset()

from tui.clients.recording_file import load  # noqa: E402 - time zone and animations are settled before
from tui.core.actions import actions  # noqa: E402
from tui.core.cockpit import Cockpit  # noqa: E402
from tui.core.player import Player  # noqa: E402
from tui.core.recording import Recording  # noqa: E402
from tui.view.app import LakehouseApp  # noqa: E402
from tui.view.registry import Command  # noqa: E402
from tui.view.replay import ReplayApp  # noqa: E402
from tui.view.screens.base import CockpitScreen  # noqa: E402
from tui.view.widgets.header import Facts  # noqa: E402

ROOT = Path(__file__).parent.parent
RECORDING = ROOT / "tests" / "payloads" / "recordings" / "first-run.jsonl.gz"
WIDE = (132, 38)
FONT = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


@dataclass(frozen=True, slots=True)
class Picture:
    """What is pictured: `second` of the recording, after these keys, in a terminal of `size` (columns, rows)."""

    name: str
    second: float
    keys: tuple[str, ...] = ()
    size: tuple[int, int] = WIDE
    theme: str = "dark"


NARROW = (100, 30)
PICTURES = (
    Picture("1-nothing-runs", 3.0, size=NARROW),
    Picture("2-up", 6.4, size=NARROW),
    Picture("3-producing", 47.0, size=NARROW),
    Picture("4-submitted", 89.0, size=NARROW),
    Picture("5-candles", 99.5, size=NARROW),
    Picture("6-verified", 259.5, ("v",), size=NARROW),
    Picture("dashboard", 266.0),
    Picture("dashboard-light", 266.0, theme="light"),
    Picture("kafka", 158.0, ("2",)),
    Picture("flink", 200.0, ("3",)),
    Picture("iceberg", 214.5, ("4", "enter")),
    Picture("logs", 240.0, ("5",)),
    Picture("verify", 259.5, ("v",)),
)


class Pictured(ReplayApp):
    """The recording as the one who recorded it saw it: with the keys of then, and without the player's."""

    CSS_PATH = ROOT / "tui" / "view" / "app.tcss"

    def facts(self, screen: str) -> Facts:
        """Without where the recording stands."""
        return LakehouseApp.facts(self, screen)

    def commands(self, screen: CockpitScreen) -> tuple[Command, ...]:
        """The dashboard's."""
        return LakehouseApp.commands(self, screen)


def app(recording: Recording, picture: Picture) -> Pictured:
    """The dashboard at that moment."""
    header = recording.header
    cockpit = Cockpit(
        home=header.home,
        backend=header.backend,
        topic=header.topic,
        symbols=header.symbols,
        report=_fail,
        actions=actions(cast(Any, None), header.home),  # offered, never run
        capabilities=frozenset(header.capabilities),
        theme=picture.theme,
        refresh_interval_s=header.interval_s,
    )
    player = Player(recording)
    player.paused = True
    player.seek(picture.second)
    return Pictured(cockpit, player)


def _fail(error: BaseException) -> str:
    raise error


async def draw(recording: Recording, picture: Picture) -> str:
    """The picture as SVG, once nothing changes any more."""
    shown = app(recording, picture)
    async with shown.run_test(size=picture.size) as pilot:
        for key in picture.keys:
            await pilot.press(key)
            await pilot.pause(0.3)
        same, svg = 0, ""
        while same < 5:
            await pilot.pause(0.2)
            now = shown.export_screenshot(title="lakehouse-tui")
            same, svg = (same + 1, svg) if now == svg else (0, now)
    return plain(svg)


def plain(svg: str) -> str:
    """Without the fonts that would be fetched from elsewhere."""
    svg = re.sub(r"@font-face\s*{[^}]*}", "", svg)
    svg = re.sub(r"font-family:\s*(Fira Code|arial)[^;]*;", f"font-family: {FONT};", svg)
    return re.sub(r"[ \t]+$", "", re.sub(r"\n\s*\n+", "\n", svg), flags=re.MULTILINE).rstrip() + "\n"


def main(folder: Path, names: Sequence[str]) -> None:
    """Draw the pictures of these names into `folder`; without names all of them."""
    recording = load(RECORDING)
    folder.mkdir(parents=True, exist_ok=True)
    for picture in (p for p in PICTURES if not names or p.name in names):
        path = folder / f"{picture.name}.svg"
        path.write_text(asyncio.run(draw(recording, picture)), encoding="utf-8")
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "pictures", sys.argv[2:])
