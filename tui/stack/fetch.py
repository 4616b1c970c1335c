"""Jars by Maven coordinate: locked, resumed, checked, and kept in a cache that all homes share.

The cache has the layout of a Maven repository. Beside each jar lies a marker with its size, modification time and
SHA-256; a jar that still looks as its marker says is not read again.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tui.model.stack import Progress
from tui.stack.cache import disk_errors, gather, locked, require_space

if TYPE_CHECKING:  # images have this module and not the ports
    from tui.ports import ProgressSink

STEP = "jars"
THREADS = 4
HINT = "check the network and the proxy, or set LAKEHOUSE_MAVEN to the address of another Maven repository"


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked jar; `size` in bytes, `sha256` in hex, `path` relative to the root of any Maven repository."""

    coordinate: str
    sha256: str
    size: int

    @property
    def path(self) -> str:
        """Where a Maven repository keeps it: `group/artifact/version/artifact-version[-classifier].jar`."""
        group, artifact, version, *classifier = self.coordinate.split(":")
        name = "-".join((artifact, version, *classifier))
        return f"{group.replace('.', '/')}/{artifact}/{version}/{name}.jar"


def load_lock(path: Path) -> tuple[Jar, ...]:
    """The jars of the lock file `path` (made by `jars/lock.py`)."""
    return tuple(Jar(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))["jars"])


def repository(environ: Mapping[str, str]) -> str:
    """Base address of the Maven repository: `LAKEHOUSE_MAVEN`, else Maven Central."""
    given = environ.get("LAKEHOUSE_MAVEN", "")
    if not given:
        from jgo.constants import MAVEN_CENTRAL_URL

        given = str(MAVEN_CENTRAL_URL)
    return given.rstrip("/")


class JarCache:
    """Jars below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, jar: Jar) -> Path:
        """Where `jar` is or would be."""
        return self.root / jar.path

    def has(self, jar: Jar) -> bool:
        """Whether `jar` is there and unchanged since it was checked; reads only its marker."""
        path = self.path(jar)
        try:
            return _marker(path).read_text() == _mark(path, jar.sha256)
        except (OSError, ValueError):
            return False

    def missing(self, jars: Iterable[Jar]) -> tuple[Jar, ...]:
        """Those of `jars` that are absent or changed, each once."""
        return tuple(jar for jar in dict.fromkeys(jars) if not self.has(jar))

    def fetch(self, jars: Iterable[Jar], base: str, sink: ProgressSink, stop: threading.Event | None = None) -> int:
        """Download what is missing from the repository at `base`; returns the number of bytes downloaded.

        Raises `LakehouseError`: a checksum that differs, an unreachable repository, a disk that refuses.
        """
        stop = stop or threading.Event()
        wanted = tuple(jars)
        if not self.missing(wanted):
            return 0

        def waiting() -> None:
            sink(Progress(STEP, "another process fills the cache; waiting for it"))

        with disk_errors(self.root.parent), locked(self.root / ".lock", waiting, stop):
            absent = tuple(jar for jar in self.missing(wanted) if not self._adopt(jar, sink))
            if not absent:
                return 0
            total = sum(jar.size for jar in absent)
            require_space(self.root.parent, total)
            downloaded = self._download(absent, base, sink, stop)
        sink(Progress(STEP, f"{len(absent)} downloaded", total, total, "bytes", finished=True))
        return downloaded

    def _adopt(self, jar: Jar, sink: ProgressSink) -> bool:
        """Accept a jar whose marker is gone or old but whose bytes are right; throw a damaged one away."""
        path = self.path(jar)
        if not path.exists():
            return False
        found = sha256_of(path)
        if found == jar.sha256:
            write_atomically(_marker(path), _mark(path, jar.sha256))
            return True
        path.unlink()
        sink(
            Progress(
                STEP,
                f"{jar.coordinate} in the cache is damaged (SHA-256 expected {jar.sha256}, found {found}); "
                "it is thrown away and fetched again",
            )
        )
        return False

    def _download(self, jars: tuple[Jar, ...], base: str, sink: ProgressSink, stop: threading.Event) -> int:
        from tui.stack.download import Downloader, Meter, Source

        downloader = Downloader(stop, Meter(sink, STEP, sum(jar.size for jar in jars)), HINT)

        def one(jar: Jar) -> int:
            path = self.path(jar)
            count = downloader.fetch(Source(jar.coordinate, f"{base}/{jar.path}", jar.sha256, jar.size), path)
            write_atomically(_marker(path), _mark(path, jar.sha256))
            return count

        # The largest first: the last thread then has little left to do alone.
        largest_first = sorted(jars, key=lambda jar: -jar.size)
        return sum(gather([partial(one, jar) for jar in largest_first], THREADS, stop))


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(path: Path, text: str) -> None:
    """Write a small file so that readers see all of it or none."""
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    part.replace(path)


def _marker(path: Path) -> Path:
    return path.with_name(path.name + ".checked")


def _mark(path: Path, sha256: str) -> str:
    stat = path.stat()
    return f"{stat.st_size} {stat.st_mtime_ns} {sha256}\n"
