"""Is this machine fit to run the lakehouse? Each answer is a check with what was expected and found."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tui.model.checks import Check
from tui.model.errors import LakehouseError
from tui.resources import resource
from tui.settings import PORTS, Settings
from tui.stack import java
from tui.stack.local import ports, processes
from tui.stack.local.layout import Layout
from tui.stack.provision import jar_sets, provisioned

DISK_NEEDED_BYTES = 4 * 10**9
DISK_TO_RUN_BYTES = 10**9
MEMORY_NEEDED_BYTES = 3 * 10**9
MEMORY_FOR_CLIENT_BYTES = 10**9
CLOCK_FLOOR_S = 1_704_067_200  # 2024-01-01: an earlier clock is wrong


def examine(settings: Settings) -> Iterator[Check]:
    """Yield one check after the other."""
    yield _python()
    yield _java(settings)
    yield _uv()
    ours = {process.pid for process in processes.tagged(Layout(settings.home))}
    downloaded = provisioned(settings) is not None
    yield _versions(settings, downloaded=downloaded)
    yield from machine(settings, DISK_TO_RUN_BYTES if downloaded else DISK_NEEDED_BYTES, running=bool(ours))
    yield from _ports(settings, ours)


def client(settings: Settings) -> Iterator[Check]:
    """What Flink's client needs here, where the services run elsewhere."""
    yield _python()
    yield _java(settings)
    yield _uv()
    downloaded = provisioned(settings) is not None
    yield _versions(settings, downloaded=downloaded)
    yield from machine(settings, DISK_TO_RUN_BYTES if downloaded else DISK_NEEDED_BYTES, memory=MEMORY_FOR_CLIENT_BYTES)


def machine(
    settings: Settings, disk_needed: int, *, running: bool = False, memory: int | None = None
) -> Iterator[Check]:
    """Folders with `disk_needed` bytes free, `memory` (else the stack's) unless it is `running`, and the clock."""
    yield from _folders(settings, disk_needed)
    yield _memory(0 if running else memory or MEMORY_NEEDED_BYTES)
    yield _clock()


def _python() -> Check:
    version = platform.python_version()
    ok = sys.version_info >= (3, 11)
    return Check("python", ok, "3.11 or newer", version)


def _java(settings: Settings) -> Check:
    try:
        found = java.find_java(settings.cache, os.environ)
    except LakehouseError as error:
        return Check("java", False, "Java 17", "not usable", str(error))
    if found is None:
        return Check("java", True, "Java 17", "none here; the first use installs one from PyPI")
    return Check("java", True, "Java 17", f"{found.version} ({found.origin})")


def _uv() -> Check:
    try:
        import uv

        return Check("uv", True, "installed", uv.find_uv_bin())
    except (ImportError, FileNotFoundError) as error:
        return Check("uv", False, "installed", "missing", f"PyFlink's environment cannot be made: {error}.")


def _folders(settings: Settings, needed: int) -> Iterator[Check]:
    for name, path in (("home", settings.home), ("cache", settings.cache)):
        existing = _nearest(path)
        writable = os.access(existing, os.W_OK | os.X_OK)
        yield Check(f"{name} folder", writable, "writable", f"{path} is {'writable' if writable else 'read-only'}")
        free = shutil.disk_usage(existing).free
        enough = free >= needed
        detail = "" if enough else f"Free some space, or set LAKEHOUSE_{name.upper()} to a larger disk."
        yield Check(f"{name} disk", enough, f"{_gb(needed)} free", f"{_gb(free)} free", detail)


def _nearest(path: Path) -> Path:
    return next(p for p in (path, *path.parents) if p.exists())


def _memory(needed: int) -> Check:
    """`needed` is nothing more while the stack runs already."""
    available = psutil.virtual_memory().available
    ok = available >= needed
    detail = "" if ok else "Close something first: so much is used while it runs."
    return Check("memory", ok, f"{_gb(needed)} available", f"{_gb(available)} available", detail)


def _clock() -> Check:
    now = time.time()
    detail = "" if now >= CLOCK_FLOOR_S else "Set the clock: trades and checkpoints carry its time."
    stamp = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    return Check("clock", now >= CLOCK_FLOOR_S, "after 2024", stamp, detail)


def _ports(settings: Settings, ours: set[int]) -> Iterator[Check]:
    for name in PORTS:
        if name == "s3_console_port" and settings.s3 != "minio":
            continue
        port = getattr(settings, name)
        if ports.is_free(port):
            yield Check(name, True, "free or ours", f"{port} is free")
            continue
        holder = ports.holder(port)
        ok = holder.pid in ours
        detail = "" if ok else f"End it, or choose another port with --{name.replace('_', '-')}."
        yield Check(name, ok, "free or ours", f"{port} is held by {'our own' if ok else ''} {holder}", detail)


def _versions(settings: Settings, *, downloaded: bool) -> Check:
    """What the stack is made of, and whether it is downloaded already."""
    coordinates = [jar.coordinate.split(":") for jar in jar_sets(settings).kafka]
    kafka = next((f"Kafka {version}, " for _, name, version in coordinates if name == "kafka-clients"), "")
    requirements = (resource("jobs") / "requirements.txt").read_text(encoding="utf-8")
    flink = re.search(r"^apache-flink==(\S+)", requirements, re.MULTILINE)
    remote = settings.backend == "remote"
    parts = f"{kafka}Flink {flink[1] if flink else '?'}, Iceberg {settings.iceberg}"
    parts += " (the client's)" if remote else f", {settings.s3}"
    later = f"the first `{'submit' if remote else 'up'}` downloads it"
    return Check("versions", True, "known", f"{parts}; {'downloaded' if downloaded else later}")


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
