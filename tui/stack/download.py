"""One file over HTTP: `.part` files that resume, retries, size and SHA-256 checked before it gets its name."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from requests.adapters import HTTPAdapter
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter
from tenacity.nap import sleep_using_event

from tui.model.errors import CancelledError, LakehouseError, UnavailableError
from tui.model.stack import Progress

if TYPE_CHECKING:  # images have this module and not the ports
    from tui.ports import ProgressSink

ATTEMPTS = 6
TIMEOUT_S = (10, 10)
"""Seconds to connect, and between two pieces of an answer."""
RETRY_WAIT_S = 0.3
"""The first pause before another attempt; each further one is twice as long."""
_PIECE = 1 << 16
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


class ChecksumError(LakehouseError):
    """What came is not what the lock says."""


class _TryAgainError(Exception):
    """A failure that another attempt may cure; its text is the reason."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file to download: its name for messages, address, SHA-256 in hex and size in bytes."""

    name: str
    url: str
    sha256: str
    size: int


class Meter:
    """Adds up bytes from several threads and reports them, at most every `interval_s` seconds."""

    def __init__(self, sink: ProgressSink, step: str, total: int, interval_s: float = 0.1) -> None:
        self._sink, self._step, self._total, self._interval_s = sink, step, total, interval_s
        self._guard = threading.Lock()
        self._done = 0
        self._reported_at = 0.0

    def add(self, count: int, detail: str) -> None:
        """Count `count` more bytes (negative: thrown away)."""
        with self._guard:
            self._done += count
            now = time.monotonic()
            if now - self._reported_at >= self._interval_s:
                self._reported_at = now
                self._sink(Progress(self._step, detail, self._done, self._total, "bytes"))


class Downloader:
    """Downloads files; safe to use from several threads. `hint` ends the sentence of an unreachable server."""

    def __init__(self, stop: threading.Event, meter: Meter, hint: str) -> None:
        self.stop, self.meter, self._hint = stop, meter, hint
        self.session = requests.Session()
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, HTTPAdapter(pool_maxsize=16))
        self.session.headers["Accept-Encoding"] = "identity"

    def fetch(self, source: Source, target: Path) -> int:
        """Download `source` to `target`; returns the bytes that came over the network.

        Raises `ChecksumError`, or `UnavailableError` when the server has no such file or cannot be reached.
        """
        part = target.with_name(target.name + ".part")
        part.parent.mkdir(parents=True, exist_ok=True)
        transfer = _Transfer(self, source, part)
        retrying = Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential_jitter(multiplier=RETRY_WAIT_S, max=5, jitter=RETRY_WAIT_S),
            retry=retry_if_exception_type(_TryAgainError),
            sleep=sleep_using_event(self.stop),
            reraise=True,
        )
        try:
            retrying(transfer.attempt)
        except _TryAgainError as error:
            raise UnavailableError(f"{source.name} cannot be downloaded ({error}): {self._hint}.") from error
        part.replace(target)
        return transfer.received


class _Transfer:
    """The attempts at one file; the `.part` file carries what has come from one attempt to the next."""

    def __init__(self, downloader: Downloader, source: Source, part: Path) -> None:
        self._downloader, self._source, self._part = downloader, source, part
        self._metered = 0
        self.received = 0

    def attempt(self) -> None:
        """Go on where the last attempt ended; when this returns the `.part` file is complete and right."""
        have = self._part.stat().st_size if self._part.exists() else 0
        self._meter_at(have)
        resumed = have > 0
        if have < self._source.size:
            try:
                resumed = self._receive(have)
            except requests.exceptions.SSLError as error:
                raise UnavailableError(f"{self._source.name} cannot be downloaded safely: {_why(error)}.") from error
            except requests.RequestException as error:
                raise _TryAgainError(_why(error)) from error
        self._check(resumed)

    def _receive(self, have: int) -> bool:
        """Append to the `.part` file, or start it anew if the server does; returns whether it was appended to."""
        headers = {"Range": f"bytes={have}-"} if have else {}
        with self._downloader.session.get(
            self._source.url, headers=headers, stream=True, timeout=TIMEOUT_S
        ) as response:
            self._accept(response, have)
            resumed = response.status_code == 206
            position = have if resumed else 0
            with self._part.open("ab" if resumed else "wb") as file:
                for piece in response.iter_content(_PIECE):
                    if self._downloader.stop.is_set():
                        raise CancelledError("The download was cancelled.")
                    file.write(piece)
                    position += len(piece)
                    self.received += len(piece)
                    self._meter_at(position)
                    if position > self._source.size:
                        break
        return resumed

    def _accept(self, response: requests.Response, have: int) -> None:
        status = response.status_code
        start = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
        if status == 416 or (status == 206 and start != str(have)):
            self._part.unlink(missing_ok=True)
            raise _TryAgainError(f"the server answered another range (HTTP {status})")
        if status in _TRANSIENT:
            raise _TryAgainError(f"HTTP {status} {response.reason}")
        if status not in (200, 206):
            raise UnavailableError(f"{self._source.name} cannot be downloaded: {response.url} answers HTTP {status}.")

    def _check(self, resumed: bool) -> None:
        size = self._part.stat().st_size
        if size < self._source.size:
            raise _TryAgainError(f"only {size} of {self._source.size} bytes came")
        with self._part.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found == self._source.sha256:
            return
        self._part.unlink()
        self._meter_at(0)
        if resumed:  # the older half may be the wrong one: once more from the start
            raise _TryAgainError("the resumed file has another checksum")
        raise ChecksumError(
            f"{self._source.name} is not what the lock says and was thrown away: "
            f"expected SHA-256 {self._source.sha256} ({self._source.size} bytes), "
            f"got {found} ({size} bytes); the server or a proxy changed it."
        )

    def _meter_at(self, position: int) -> None:
        self._downloader.meter.add(position - self._metered, self._source.name)
        self._metered = position


def _why(error: BaseException) -> str:
    """The innermost reason of a failed request, in a few words."""
    reason = type(error).__name__
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, requests.Timeout):
            return "no answer in time"
        if isinstance(cause, OSError) and cause.strerror:
            reason = cause.strerror
        cause = cause.__cause__ or cause.__context__
    return reason
