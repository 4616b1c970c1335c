"""Locked Python packages in folders of the cache, put there by `uv`, hashes checked."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from tui.model.stack import Progress
from tui.ports import ProgressSink
from tui.stack.cache import MadeFolder
from tui.stack.tool import announced_bytes, run_tool, uv_program


class WheelFolder:
    """The packages of one locked requirements file, installed flat into a folder below `parent`."""

    def __init__(self, parent: Path, requirements: Path, step: str) -> None:
        self._requirements, self._step = requirements, step
        self._folder = MadeFolder(parent, requirements.read_text(encoding="utf-8"))

    @property
    def path(self) -> Path:
        """The folder."""
        return self._folder.path

    @property
    def recipe(self) -> str:
        """The hash that marks the folder as complete."""
        return self._folder.recipe

    @property
    def complete(self) -> bool:
        """Whether everything is installed."""
        return self._folder.complete

    def ensure(self, sink: ProgressSink, stop: threading.Event, environ: Mapping[str, str]) -> int:
        """Install what is missing; returns the bytes downloaded. Raises `LakehouseError`."""
        downloads: list[int] = []

        def report(detail: str) -> None:
            downloads.append(announced_bytes(detail))
            sink(Progress(self._step, detail))

        def build(lock: int) -> None:
            uv_cache = self.path.with_name(self.path.name + ".uv")
            run_tool(
                [
                    *(uv_program(), "pip", "install", "--python", sys.executable, "--target", self.path),
                    *("--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", self._requirements),
                ],
                task=f"{self._requirements.stem} cannot be installed",
                cache=self.path.parent,
                environ={**environ, "UV_CACHE_DIR": str(uv_cache)},
                stop=stop,
                lock=lock,
                line=report,
            )
            shutil.rmtree(uv_cache, ignore_errors=True)

        self._folder.make(build, lambda: report("another process installs it; waiting for it"), stop)
        sink(Progress(self._step, "installed", finished=True))
        return sum(downloads)
