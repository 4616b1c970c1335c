"""Everything the local stack needs before it can start: jars, Java, PyFlink's environment and, if asked for, MinIO.

All of it lies in `settings.cache`, shared by all homes.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tui.model.errors import LakehouseError
from tui.model.stack import Progress
from tui.ports import ProgressSink
from tui.resources import resource
from tui.settings import Settings
from tui.stack.cache import gather, megabytes
from tui.stack.fetch import Jar, JarCache, load_lock, repository
from tui.stack.java import JavaHome, ensure_java, find_java
from tui.stack.minio import ensure_minio, find_minio
from tui.stack.pyflink_env import PyFlinkEnvironment


@dataclass(frozen=True, slots=True)
class Provisioned:
    """Where everything is; `downloaded_bytes` and `seconds` tell what the call that made this value did."""

    java: JavaHome
    kafka_jars: tuple[Path, ...]
    s3proxy_jars: tuple[Path, ...]
    flink_extra_jars: tuple[Path, ...]
    flink_python: Path
    pyflink: Path
    minio: Path | None
    downloaded_bytes: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class JarSets:
    """The locked jars of each part of the stack."""

    kafka: tuple[Jar, ...]
    s3proxy: tuple[Jar, ...]
    flink: tuple[Jar, ...]

    @property
    def all(self) -> tuple[Jar, ...]:
        """Every jar once."""
        return tuple(dict.fromkeys((*self.kafka, *self.s3proxy, *self.flink)))


def jar_sets(settings: Settings) -> JarSets:
    """The jar sets that `settings` asks for."""
    folder = resource("jars")
    return JarSets(
        kafka=load_lock(folder / "kafka.json") if settings.backend != "remote" else (),
        s3proxy=load_lock(folder / "s3proxy.json") if _s3_server(settings) == "s3proxy" else (),
        flink=load_lock(folder / f"flink-iceberg-{settings.iceberg}.json"),
    )


def _s3_server(settings: Settings) -> str | None:
    """The S3 server that is run, if any is."""
    return None if settings.backend == "remote" else settings.s3


def provisioned(settings: Settings, environ: Mapping[str, str] | None = None) -> Provisioned | None:
    """What is there already, without network or waiting; `None` when something is missing or changed."""
    env = os.environ if environ is None else environ
    jars = JarCache(settings.cache / "jars")
    sets = jar_sets(settings)
    if jars.missing(sets.all):
        return None
    pyflink = PyFlinkEnvironment(settings.cache).find()
    java = find_java(settings.cache, env)
    wants_minio = _s3_server(settings) == "minio"
    minio = find_minio(settings.cache, env) if wants_minio else None
    if pyflink is None or java is None or (wants_minio and minio is None):
        return None
    return Provisioned(
        java=java,
        kafka_jars=tuple(map(jars.path, sets.kafka)),
        s3proxy_jars=tuple(map(jars.path, sets.s3proxy)),
        flink_extra_jars=tuple(map(jars.path, sets.flink)),
        flink_python=pyflink.python,
        pyflink=pyflink.package,
        minio=minio,
    )


def provision(settings: Settings, progress: ProgressSink, environ: Mapping[str, str] | None = None) -> Provisioned:
    """Download, build and install what is missing, side by side; no network is touched when nothing is.

    Raises `LakehouseError`: no network, a full disk, a cache that cannot be written, a wrong checksum.
    """
    started = time.monotonic()
    ready = provisioned(settings, environ)
    if ready:
        return ready
    env = dict(os.environ if environ is None else environ)
    cache, stop = settings.cache, threading.Event()
    sink = _one_at_a_time(progress)
    jars, wanted = JarCache(cache / "jars"), jar_sets(settings).all
    tasks = [
        partial(jars.fetch, wanted, repository(env), sink, stop),
        partial(PyFlinkEnvironment(cache).ensure, sink, stop, env),
        partial(ensure_java, cache, sink, stop, env),
    ]
    if _s3_server(settings) == "minio":
        tasks.append(partial(ensure_minio, cache, sink, stop, env))
    downloaded = sum(gather(tasks, len(tasks), stop))
    result = provisioned(settings, env)
    if result is None:
        raise LakehouseError(f"Files vanished from the cache {cache} while it was filled: run the command again.")
    seconds = time.monotonic() - started
    sink(Progress("provision", f"{megabytes(downloaded)} downloaded in {seconds:.0f} s", finished=True))
    return replace(result, downloaded_bytes=downloaded, seconds=seconds)


def _one_at_a_time(progress: ProgressSink) -> ProgressSink:
    """A sink that several threads may call."""
    guard = threading.Lock()

    def sink(step: Progress) -> None:
        with guard:
            progress(step)

    return sink
