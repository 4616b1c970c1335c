"""Where a home keeps what: data, configuration, logs and run-time state; all of it only for its owner."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tui.model.errors import LakehouseError, UsageError

SOCKET_PATH_MAX = 90
"""Bytes a unix socket's path may have: the system allows 104 to 108, supervisord adds its pid while it binds."""
_SEPARATORS = frozenset(",:|\\\n\r")
"""Kafka, Flink and Java separate paths by these and know no way around it."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NOT_WRITABLE = _FULL | {errno.EROFS, errno.EACCES, errno.EPERM}


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of one home."""

    home: Path

    @property
    def data(self) -> Path:
        """What `down --purge` deletes."""
        return self.home / "data"

    @property
    def conf(self) -> Path:
        """Generated configuration, written anew by each `up`, and the credentials."""
        return self.home / "conf"

    @property
    def logs(self) -> Path:
        """One rotating log a service."""
        return self.home / "logs"

    @property
    def run(self) -> Path:
        """Sockets, locks, chosen ports, counters."""
        return self.home / "run"

    @property
    def flink_home(self) -> Path:
        """Flink's home, made of links to the provisioned jars and of our own `conf`."""
        return self.home / "conf" / "flink"

    @property
    def id(self) -> str:
        """The home's identity: tags its processes, so that orphans are found even after everything else is lost."""
        return hashlib.sha256(os.fsencode(self.home.resolve())).hexdigest()[:16]

    @property
    def socket(self) -> Path:
        """The supervisor's socket; for a home with a long path in a folder of the user's under the temp folder."""
        path = self.run / "supervisor.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_MAX:
            return path
        return Path(tempfile.gettempdir()) / f"lakehouse-{os.getuid()}-{self.id}" / "s.sock"

    def create(self) -> None:
        """Make all folders (mode 0700); raises `LakehouseError` if the home cannot be written or has a bad name."""
        if bad := sorted(set(str(self.home)) & _SEPARATORS):
            raise UsageError(f"The home {self.home} must not have {' or '.join(map(repr, bad))} in its path.")
        flink = self.data / "flink"
        folders = (
            self.home,
            self.data,
            self.conf,
            self.logs,
            self.run,
            self.run / "programs",
            self.data / "kafka",
            self.data / "s3",
            flink,
            flink / "checkpoints",
            flink / "savepoints",
            flink / "tmp",
            self.socket.parent,
        )
        try:
            for folder in folders:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LakehouseError(
                f"The home {self.home} cannot be made ({error.strerror}: {error.filename}); set LAKEHOUSE_HOME."
            ) from None
        owner = self.socket.parent.lstat()
        if owner.st_uid != os.getuid() or (owner.st_mode & 0o077 and self.socket.parent != self.run):
            raise LakehouseError(f"{self.socket.parent} belongs to somebody else; remove it or use a shorter home.")

    @contextmanager
    def lock(self, on_wait: Callable[[], None]) -> Iterator[None]:
        """Hold the home for one change at a time; calls `on_wait` if another command holds it now.

        Raises `LakehouseError` where the home cannot be written, now or amid the change.
        """
        with self._writing(), (self.run / "lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                on_wait()
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in _NOT_WRITABLE:
                raise
            where = f": {error.filename}" if error.filename else ""
            advice = "free some space" if error.errno in _FULL else "make it writable, or set LAKEHOUSE_HOME"
            raise LakehouseError(
                f"The home {self.home} cannot be written ({error.strerror}{where}); {advice}, then try again."
            ) from None

    def delete_data(self) -> None:
        """Delete `data`; where it or a service's folder is a link, empty its target and keep both.

        Raises `LakehouseError` if something is left.
        """
        links = [p for p in (self.data, *(self.data / name for name in ("kafka", "s3", "flink"))) if p.is_symlink()]
        for target in reversed([link.resolve() for link in links]):
            _empty(target)
            if any(target.iterdir()):
                raise LakehouseError(f"Not all of {target} could be deleted; delete what is in it by hand.")
        if self.data.is_symlink():
            return
        shutil.rmtree(self.data, ignore_errors=True)
        if self.data.exists():
            raise LakehouseError(f"Not all of {self.data} could be deleted; delete it by hand.")

    def clear_run(self) -> None:
        """Forget the last run: its settings, programs, counters and sockets. Chosen internal ports stay."""
        for pattern in ("*.starts", "*.ready", "*.revived", "*.json", "programs/*", "supervisord.*"):
            for path in self.run.glob(pattern):
                if path.name != "ports.json":
                    path.unlink(missing_ok=True)
        self.socket.unlink(missing_ok=True)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


def write_private(path: Path, text: str, *, durable: bool = False) -> None:
    """Write `text` so that readers see the old or the new file, never a part; mode 0600.

    With `durable` this holds after a power cut too (fsync(2): the file, then its folder).
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(text)
            if durable:
                handle.flush()
                os.fsync(handle.fileno())
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    if durable:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
