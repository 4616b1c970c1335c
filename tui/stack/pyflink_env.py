"""PyFlink's own Python environment, from `jobs/requirements.txt`.

It cannot share ours: PyFlink 1.19 needs Python 3.8 to 3.11 and old versions of what we use in new ones. The lock
leaves out what only Python functions need (Beam, pandas, NumPy, PyArrow); `jobs/requirements-udf.txt` has them.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
import threading
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.model.errors import LakehouseError, UnavailableError
from tui.model.stack import Progress
from tui.ports import ProgressSink
from tui.resources import resource
from tui.stack.cache import MadeFolder
from tui.stack.tool import announced_bytes, run_tool, uv_program

if TYPE_CHECKING:
    from tui.stack.download import Source

STEP = "pyflink"
NEWEST_PYTHON = (3, 11)
TASK = "PyFlink's environment cannot be made"


@dataclass(frozen=True, slots=True)
class PyFlink:
    """An environment: its interpreter and the folder of the `pyflink` package (Flink's scripts and jars inside)."""

    python: Path
    package: Path


class PyFlinkEnvironment:
    """The environment below `cache`; with `udf` the one that can also run Python functions."""

    def __init__(self, cache: Path, *, udf: bool = False) -> None:
        jobs = resource("jobs")
        self._lock_file = jobs / ("requirements-udf.txt" if udf else "requirements.txt")
        self._build_lock_file = jobs / "requirements-build.txt"
        recipe = [file.read_text(encoding="utf-8") for file in (self._lock_file, self._build_lock_file)]
        self.folder = MadeFolder(cache / "pyflink", *recipe, self._version, sysconfig.get_platform())

    @property
    def _version(self) -> str:
        major, minor = min(sys.version_info[:2], NEWEST_PYTHON)
        return f"{major}.{minor}"

    def find(self) -> PyFlink | None:
        """The environment if it is complete; touches no network."""
        if not self.folder.complete:
            return None
        root = self.folder.path / "env"
        package = root / "lib" / f"python{self._version}" / "site-packages" / "pyflink"
        found = PyFlink(root / "bin" / "python", package)
        return found if found.python.exists() and package.is_dir() else None

    def ensure(self, sink: ProgressSink, stop: threading.Event, environ: Mapping[str, str]) -> int:
        """Make what is missing; returns the bytes downloaded. Raises `LakehouseError`."""
        if self.find():
            return 0
        self.folder.discard()  # complete, but its interpreter is gone
        build = _Build(self.folder, self._lock_file, self._build_lock_file, self._version, sink, stop, environ)
        self.folder.make(build.run, build.waiting, stop)
        if not self.find():
            raise LakehouseError(f"{TASK}: {self.folder.path} is incomplete; delete it and try again.")
        sink(Progress(STEP, "ready", finished=True))
        return build.downloaded


class _Build:
    """One making of the environment."""

    def __init__(
        self,
        folder: MadeFolder,
        lock_file: Path,
        build_lock_file: Path,
        version: str,
        sink: ProgressSink,
        stop: threading.Event,
        environ: Mapping[str, str],
    ) -> None:
        self._folder, self._lock_file, self._build_lock_file = folder, lock_file, build_lock_file
        self._version, self._sink, self._stop = version, sink, stop
        self._work = folder.path.with_name(folder.path.name + ".work")
        self._environ = {**environ, "UV_CACHE_DIR": str(self._work / "uv")}
        self._environ.pop("VIRTUAL_ENV", None)
        self.downloaded = 0

    def waiting(self) -> None:
        """Say that another process is at it."""
        self._report("another process makes the environment; waiting for it")

    def run(self, lock: int) -> None:
        """Fill the folder."""
        self._work.mkdir(exist_ok=True)
        python = sys.executable if sys.version_info[:2] <= NEWEST_PYTHON else self._version
        env = self._folder.path / "env"
        self._uv(lock, "venv", "--python", python, env)
        requirements = self._prefetch(lock)
        self._report("installing")
        self._uv(
            lock,
            *("pip", "install", "--python", env / "bin" / "python", "--no-deps", "--require-hashes"),
            *("--build-constraints", self._build_lock_file, "-r", requirements),
        )
        shutil.rmtree(self._work)

    def _prefetch(self, lock: int) -> Path:
        """Download the source archives (nearly all of the bytes) where it can be resumed and metered.

        `uv` is asked where they are. Returns the requirements with these archives as files. When they cannot be had
        this way (an index that wants a login, say) the requirements stay as they are and `uv` downloads all.
        """
        from tui.stack.download import Downloader, Meter

        answer = self._work / "pylock.toml"
        self._uv(
            lock,
            *("pip", "compile", "--no-deps", "--no-header", "--python-version", self._version),
            *("--format", "pylock.toml", self._lock_file, "-o", answer),
        )
        lines = self._lock_file.read_text(encoding="utf-8")
        archives = source_archives(tomllib.loads(answer.read_text(encoding="utf-8")))
        total = sum(source.size for source in archives)
        downloader = Downloader(self._stop, Meter(self._sink, STEP, total), "check the network and the proxy")
        for source in archives:
            target = self._work / source.url.rpartition("/")[2]
            try:
                self.downloaded += downloader.fetch(source, target)
            except UnavailableError:
                return self._lock_file
            lines = lines.replace(f"{source.name} \\", f"{source.name.partition('==')[0]} @ {target.as_uri()} \\")
        local = self._work / "requirements.txt"
        local.write_text(lines, encoding="utf-8")
        return local

    def _uv(self, lock: int, *arguments: str | Path) -> None:
        run_tool(
            [uv_program(), *arguments],
            task=TASK,
            cache=self._folder.path.parent,
            environ=self._environ,
            stop=self._stop,
            lock=lock,
            line=self._report,
        )

    def _report(self, detail: str) -> None:
        self.downloaded += announced_bytes(detail)
        self._sink(Progress(STEP, detail))


def source_archives(pylock: dict[str, Any]) -> list[Source]:
    """The packages of a `pylock.toml` (PEP 751) that come as source only."""
    from tui.stack.download import Source

    return [
        Source(
            f"{p['name']}=={p['version']}",
            p["sdist"]["url"],
            p["sdist"]["hashes"]["sha256"],
            p["sdist"]["size"],
        )
        for p in pylock["packages"]
        if "sdist" in p and not p.get("wheels") and "size" in p["sdist"]
    ]
