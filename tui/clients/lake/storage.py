"""Files of a warehouse, on S3 or on the local disk, with every call bounded in time.

S3 requests give up after `CONNECT_TIMEOUT_S` or `REQUEST_TIMEOUT_S` without a byte and are tried twice, so a
frozen server is reported within about `2 * REQUEST_TIMEOUT_S` seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

import pyarrow as pa
from pyarrow import fs

from tui.model.access import S3Access
from tui.model.errors import NotFoundError, UnavailableError

CONNECT_TIMEOUT_S = 2.0
REQUEST_TIMEOUT_S = 3.0
_REREADS = 4
_SIDE_BY_SIDE = 6  # requests for size and time
_REPLACED = "Failed to flush response stream"
_S3_SCHEMES = ("s3", "s3a", "s3n")
T = TypeVar("T")


def path_of(uri: str) -> str:
    """The path that the filesystem understands: `s3a://bucket/key` → `bucket/key`, `file:///a` → `/a`."""
    if "://" not in uri and not uri.startswith("file:"):
        return uri.rstrip("/")
    if uri.startswith("file:"):
        return unquote("/" + uri.removeprefix("file:").lstrip("/")).rstrip("/")
    return uri.split("://", 1)[1].rstrip("/")


class Stamp(NamedTuple):
    """What tells one content of a file from the next; `modified_ns` since the epoch, whole seconds on S3."""

    size_bytes: int
    modified_ns: int


class _ReplacedError(OSError):
    """The file was replaced by a longer one while it was read."""


class Storage:
    """Whole files and seekable ones; every failure is a `LakehouseError` that names the place."""

    def __init__(self, filesystem: Any, place: str) -> None:
        self._fs = filesystem
        self._place = place
        self._pool = ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="lake-look")

    def read(self, path: str) -> bytes:
        """The bytes of the file; raises `NotFoundError` when there is none.

        A file that grows between the request for its size and the one for its bytes (`version-hint.text` from 9 to
        10) does not fit the buffer that Arrow has set aside; it is read again.
        """
        with self.failures(path):
            for _ in range(_REREADS):
                with suppress(_ReplacedError):
                    return self._read_once(path)
            return self._read_once(path)

    def _read_once(self, path: str) -> bytes:
        try:
            with self._fs.open_input_file(path) as stream:
                data: bytes = stream.readall()
                return data
        except OSError as error:
            if _REPLACED in str(error):
                raise _ReplacedError(str(error)) from None
            raise

    def open(self, path: str) -> pa.NativeFile:
        """The file, open for random reads."""
        with self.failures(path):
            return self._fs.open_input_file(path)

    def existing(self, paths: Iterable[str]) -> tuple[str, ...]:
        """Those of `paths` that are files, in the given order.

        They are opened: asked for the kind of a path that S3 does not have, Arrow lists what begins like it.
        """
        wanted = list(paths)
        with self.failures(wanted[0] if wanted else ""):
            found = list(self._map(self._exists, wanted))
        return tuple(path for path, exists in zip(wanted, found, strict=True) if exists)

    def _exists(self, path: str) -> bool:
        try:
            self._fs.open_input_file(path).close()
        except FileNotFoundError:
            return False
        return True

    def stamps(self, paths: Iterable[str]) -> tuple[Stamp | None, ...]:
        """Size and time of each file, one small request each; `None` where there is none or no time is told."""
        wanted = list(paths)
        with self.failures(wanted[0] if wanted else ""):
            infos = list(self._map(self._fs.get_file_info, wanted))
        return tuple(
            Stamp(i.size, i.mtime_ns) if i.type == fs.FileType.File and i.mtime_ns is not None else None for i in infos
        )

    def _map(self, ask: Callable[[str], T], paths: Sequence[str]) -> Iterator[T]:
        """One small request for each path, side by side where they take time."""
        apart = len(paths) > 1 and not isinstance(self._fs, fs.LocalFileSystem)
        return self._pool.map(ask, paths) if apart else map(ask, paths)

    def names(self, folder: str) -> tuple[str, ...]:
        """Names of the files in the folder; empty when there is no such folder."""
        with self.failures(folder):
            infos = self._fs.get_file_info(fs.FileSelector(folder, allow_not_found=True))
        return tuple(i.base_name for i in infos if i.type == fs.FileType.File)

    def folders(self, folder: str) -> tuple[str, ...]:
        """Names of the folders in the folder; empty when there is no such folder."""
        with self.failures(folder):
            infos = self._fs.get_file_info(fs.FileSelector(folder, allow_not_found=True))
        return tuple(i.base_name for i in infos if i.type == fs.FileType.Directory)

    def has_folder(self, folder: str) -> bool:
        """Whether there is such a bucket or folder."""
        with self.failures(folder):
            return bool(self._fs.get_file_info(folder).type == fs.FileType.Directory)

    def delete_folder(self, folder: str) -> None:
        """Delete the folder and all that is in it."""
        with self.failures(folder):
            self._fs.delete_dir(folder)

    @contextmanager
    def failures(self, path: str) -> Iterator[None]:
        """Turns what goes wrong while a file of this storage is read into a `LakehouseError`."""
        try:
            yield
        except FileNotFoundError:
            raise NotFoundError(f"{path} does not exist in {self._place}.") from None
        except (pa.ArrowException, UnicodeDecodeError) as error:
            raise UnavailableError(f"{path} in {self._place} is not readable: {_first_line(error)}.") from None
        except OSError as error:
            raise UnavailableError(self._sentence(path, str(error))) from None

    def _sentence(self, path: str, text: str) -> str:
        if "curlCode: 28" in text:
            return f"{self._place} does not answer within {REQUEST_TIMEOUT_S:.0f} s: see whether it runs."
        if "curlCode: 6," in text:
            return f"{self._place}: the name does not resolve; check the address."
        if "curlCode: 60" in text or "curlCode: 35" in text:
            return f"{self._place} has a certificate that this machine does not trust, or speaks no TLS there."
        if "NETWORK_CONNECTION" in text:
            return f"{self._place} refuses the connection: see whether it runs."
        if "ACCESS_DENIED" in text or "INVALID_ACCESS_KEY" in text or "SIGNATURE" in text:
            return f"{self._place} refuses the credentials: check the access key and the secret key."
        return f"{self._place} fails on {path}: {_first_line(text)}."


def _first_line(error: object) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")[:300] if str(error).strip() else "no reason given"


def open_storage(warehouse: str, s3: S3Access | None = None) -> Storage:
    """The storage that holds `warehouse`, by its scheme: `s3`, `s3a`, `s3n` as `s3` says, else the local disk."""
    scheme = urlsplit(warehouse).scheme
    if scheme not in _S3_SCHEMES:
        return Storage(fs.LocalFileSystem(), "the local disk")
    access = s3 or S3Access()
    target = urlsplit(access.endpoint)
    options = {"endpoint_override": target.netloc, "scheme": target.scheme} if access.endpoint else {}
    return Storage(
        fs.S3FileSystem(
            access_key=access.access_key or None,
            secret_key=access.secret_key or None,
            session_token=access.session_token or None,
            region=access.region,
            connect_timeout=CONNECT_TIMEOUT_S,
            request_timeout=REQUEST_TIMEOUT_S,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=2),
            **options,
        ),
        f"S3 at {access.endpoint}" if access.endpoint else "S3",
    )
