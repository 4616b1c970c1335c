"""Flink's SQL client in the JobManager's container, with the catalog ready."""

from __future__ import annotations

import io
import os
import shutil
import sys
import tarfile
from pathlib import Path

from tui.model.errors import LakehouseError, UsageError
from tui.settings import Settings
from tui.stack.compose import engine, names
from tui.stack.local import flink
from tui.stack.local.sql_client import init_statements

_INIT, _FILE = "lakehouse-init.sql", "lakehouse-run.sql"


def command(settings: Settings, file: Path | None) -> tuple[list[str], dict[str, str]]:
    """The command line and environment; what it reads is put into the container first.

    Raises `UsageError` where there is no such file, `LakehouseError` without a container.
    """
    if file is not None and not file.is_file():
        raise UsageError(f"There is no file {file}.")
    docker = shutil.which("docker")
    if docker is None:
        raise LakehouseError("The SQL client needs the program docker; install Docker's command line.")
    texts = {_INIT: init_statements(settings).encode()}
    run = []
    if file is not None:
        texts[_FILE] = file.read_bytes()
        run = ["-f", f"/tmp/{_FILE}"]
    found = engine.container(settings, flink.JOBMANAGER)
    with engine.failures():
        found.put_archive("/tmp", _archive(texts))
    terminal = ["-it"] if sys.stdin.isatty() and sys.stdout.isatty() else ["-i"]
    name = names.container(settings, flink.JOBMANAGER)
    argv = [docker, "exec", *terminal, name, "./bin/sql-client.sh", "embedded", "-i", f"/tmp/{_INIT}", *run]
    return argv, dict(os.environ)


def _archive(texts: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in texts.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text), 0o644
            archive.addfile(entry, io.BytesIO(text))
    return packed.getvalue()
