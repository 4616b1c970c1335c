"""The shared cache: one writer at a time, and one clear sentence when the disk refuses."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tui.model.errors import CancelledError, LakehouseError

T = TypeVar("T")

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR})


@contextmanager
def locked(path: Path, waiting: Callable[[], None], stop: threading.Event) -> Iterator[int]:
    """Hold the lock file `path`; another process that holds it is waited for, after one call of `waiting`.

    Yields the descriptor. The kernel frees the lock when its last holder ends, however it ends: a child that
    inherits the descriptor (`pass_fds`) keeps others out until it is gone too. Raises `CancelledError` on `stop`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        told = False
        while not _try_lock(file.fileno()):
            if not told:
                waiting()
                told = True
            if stop.wait(0.2):
                raise CancelledError("Provisioning was cancelled.")
        yield file.fileno()


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def gather(tasks: Sequence[Callable[[], T]], threads: int, stop: threading.Event) -> list[T]:
    """Run `tasks` on `threads` threads and return their results in order.

    The first failure (or Ctrl-C) sets `stop`, which every task must heed; that failure is the one raised.
    """
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(task) for task in tasks]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            if not all(future.done() for future in futures):
                stop.set()
            pool.shutdown(cancel_futures=True)
    failures = [error for future in futures if not future.cancelled() and (error := future.exception())]
    failures.sort(key=lambda error: isinstance(error, CancelledError))
    if failures:
        raise failures[0]
    return [future.result() for future in futures]


@contextmanager
def disk_errors(cache: Path) -> Iterator[None]:
    """Turn an `OSError` of the cache folder into a `LakehouseError` that says what to do."""
    try:
        yield
    except OSError as error:
        raise LakehouseError(explain(error, cache)) from error


def explain(error: OSError, cache: Path) -> str:
    """One sentence for a disk error below `cache`."""
    if error.errno in _FULL:
        return disk_full(cache)
    reason = error.strerror or str(error)
    if error.errno in _READ_ONLY:
        return (
            f"The cache {cache} cannot be written ({reason}): "
            "make it writable or set LAKEHOUSE_CACHE to another folder."
        )
    return f"The cache {cache} cannot be used ({reason}: {error.filename}); set LAKEHOUSE_CACHE to another folder."


def disk_full(cache: Path) -> str:
    """The sentence for a full disk."""
    return f"The disk of the cache {cache} is full: free some space or set LAKEHOUSE_CACHE to another disk."


def require_space(cache: Path, needed: int) -> None:
    """Raise `LakehouseError` when fewer than `needed` bytes are free on the disk of `cache`."""
    existing = next(p for p in (cache, *cache.parents) if p.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise LakehouseError(
            f"The cache {cache} needs {megabytes(needed)} more and its disk has {megabytes(free)} free: "
            "free some space or set LAKEHOUSE_CACHE to another disk."
        )


def megabytes(count: int) -> str:
    """`count` bytes in megabytes (10^6), rounded for reading."""
    return f"{count / 1e6:.0f} MB"


class MadeFolder:
    """A folder that is made once from a recipe and is either complete or made again.

    The recipe's hash is part of its name, so another version of the recipe is another folder.
    """

    def __init__(self, parent: Path, *recipe: str) -> None:
        self.recipe = hashlib.sha256("\0".join(recipe).encode()).hexdigest()
        self.path = parent / self.recipe[:12]

    @property
    def complete(self) -> bool:
        """Whether it is there and whole; reads one small file."""
        try:
            return self._marker.read_text() == self.recipe
        except (OSError, ValueError):
            return False

    @property
    def _marker(self) -> Path:
        return self.path / ".complete"

    def discard(self) -> None:
        """Forget that the folder is complete; the next `make` makes it again."""
        self._marker.unlink(missing_ok=True)

    def make(self, build: Callable[[int], None], waiting: Callable[[], None], stop: threading.Event) -> None:
        """Fill the folder by `build`, unless it is complete; `build` gets the lock's descriptor for its children.

        A half-made folder is deleted first. One process at a time makes it; `waiting` is called if that is another.
        """
        with (
            disk_errors(self.path.parent),
            locked(self.path.parent / f"{self.path.name}.lock", waiting, stop) as lock,
        ):
            if self.complete:
                return
            if self.path.exists():
                shutil.rmtree(self.path)
            self.path.mkdir(parents=True)
            build(lock)
            self._marker.write_text(self.recipe)
