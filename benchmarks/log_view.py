"""The log screen's line view beside Textual's RichLog, in one run: 100,000 lines appended, then scrolled through.

    uv run python -m benchmarks.log_view [--lines 100000] [--json]

Both keep the newest 20,000 lines and run in a headless application of 120×40; CPU seconds of the process. Absolute
figures do not travel; the ratio does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable

from textual.app import App, ComposeResult
from textual.widgets import RichLog

from tui.model.logs import Level, LogLine
from tui.view.log_buffer import MAX_LINES
from tui.view.widgets.log_view import LogView

BATCH = 500
SCROLLS = 200


class Bench(App[None]):
    """One widget on the whole screen."""

    CSS_PATH = "../tui/view/app.tcss"

    def __init__(self, make: Callable[[], LogView | RichLog]) -> None:
        super().__init__()
        self._make = make

    def compose(self) -> ComposeResult:
        """The widget."""
        yield self._make()


def lines(count: int) -> list[LogLine]:
    """Lines as Flink writes them, some of them long, some warnings."""
    text = "2026-11-24T16:15:33.362Z {} CheckpointCoordinator: Completed checkpoint {} for job ccf68ad35138{}"
    return [
        LogLine(
            text.format("WARN " if n % 50 == 0 else "INFO ", n, " and its details" * (n % 10)),
            Level.WARN if n % 50 == 0 else Level.INFO,
        )
        for n in range(count)
    ]


async def ours(text: list[LogLine]) -> tuple[float, float]:
    """CPU seconds to append and to scroll."""
    app = Bench(lambda: LogView(id="log"))
    async with app.run_test(size=(120, 40)) as pilot:
        view = app.query_one(LogView)
        view.search("checkpoint 99")
        began = time.process_time()
        for start in range(0, len(text), BATCH):
            view.append(text[start : start + BATCH])
            await pilot.pause()
        appended = time.process_time()
        for n in range(SCROLLS):
            view.scroll_to(y=n * view.max_scroll_y // SCROLLS, animate=False)
            await pilot.pause()
        return appended - began, time.process_time() - appended


async def richlog(text: list[LogLine]) -> tuple[float, float]:
    """The same with RichLog."""
    app = Bench(lambda: RichLog(max_lines=MAX_LINES, markup=False, wrap=False))
    async with app.run_test(size=(120, 40)) as pilot:
        view = app.query_one(RichLog)
        began = time.process_time()
        for start in range(0, len(text), BATCH):
            for line in text[start : start + BATCH]:
                view.write(line.text)
            await pilot.pause()
        appended = time.process_time()
        for n in range(SCROLLS):
            view.scroll_to(y=n * view.max_scroll_y // SCROLLS, animate=False)
            await pilot.pause()
        return appended - began, time.process_time() - appended


def main() -> None:
    """Run both and print seconds and ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    text = lines(arguments.lines)
    found = {"ours": asyncio.run(ours(text)), "richlog": asyncio.run(richlog(text))}
    ratios = [theirs / mine for mine, theirs in zip(found["ours"], found["richlog"], strict=True)]
    if arguments.json:
        print(json.dumps({**found, "append_ratio": ratios[0], "scroll_ratio": ratios[1]}))
        return
    for name, (appended, scrolled) in found.items():
        print(f"{name:<8} {arguments.lines:,} lines appended {appended:6.2f} s, {SCROLLS} scrolls {scrolled:6.2f} s")
    print(f"RichLog takes {ratios[0]:.1f} times as long to append, {ratios[1]:.1f} times to scroll")


if __name__ == "__main__":
    main()
