"""A metadata document that grows by a snapshot a commit: what the version before had is not read and parsed again.

Snapshots never change, and writers append them (Iceberg's `TableMetadataParser`: everything about the table, then
`snapshots`, then logs). So the next version of a long document is its beginning, the snapshots known already, and its
end. That they are the known ones is told by the last of them: at its place stand the same bytes, its id among them;
had one before it been removed, it would stand elsewhere. Anything unexpected is read as a whole.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tui.clients.lake.storage import Storage

LONG_BYTES = 128 * 1024
"""A shorter document is read as a whole."""

_SLACK = 1_024  # how much longer what is before the snapshots may have become
_LAST = 384  # how many bytes tell the last snapshot
_KEY, _IN_LAST = b'"snapshots"', b'"manifest-list"'
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}]')  # strings, so that braces in them are none
_NEEDED = ("snapshot-id", "sequence-number", "timestamp-ms", "manifest-list", "schema-id")
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Known:
    start: int  # where the snapshots begin
    length: int  # how long they are, brackets not counted
    last: bytes  # how they end
    snapshots: tuple[Document, ...]  # what is needed of each

    def after(self, added: bytes, snapshots: list[Document]) -> _Known:
        """With what was appended: its bytes, and the snapshots in it."""
        known = (*self.snapshots, *({k: s[k] for k in _NEEDED if k in s} for s in snapshots))
        return _Known(self.start, self.length + len(added), (self.last + added)[-_LAST:], known)


class GrowingDocument:
    """The metadata of one table; safe to use from several threads."""

    def __init__(self) -> None:
        self._known: _Known | None = None

    def read(self, storage: Storage, path: str, ids: Collection[int] = ()) -> Any:
        """The document in the file `path`; of snapshots with these `ids` it may hold only what `_NEEDED` names.

        Raises `ValueError` where it is not JSON, `NotFoundError`, `UnavailableError`.
        """
        known = self._known
        if known is not None and all(s["snapshot-id"] in ids for s in known.snapshots):
            document = self._grown(storage, path, known)
            if document is not None:
                return document
        data = storage.read(path)
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        document = orjson.loads(data)
        self._known = _learn(data, document) if len(data) >= LONG_BYTES else None
        return document

    def _grown(self, storage: Storage, path: str, known: _Known) -> Document | None:
        """The document that `known` has grown to, `None` when it has not."""
        head, rest = _around(storage, path, known)
        try:
            document = orjson.loads(head + b"]}") | orjson.loads(b'{"snapshots":[null' + rest)
        except ValueError:
            return None
        new = document["snapshots"][1:]
        added = rest[: _end(rest)]
        if bool(new) != bool(added):
            return None
        self._known = known.after(added, new)
        return {**document, "snapshots": [*known.snapshots, *new]}


def _around(storage: Storage, path: str, known: _Known) -> tuple[bytes, bytes]:
    """What is before the snapshots and what is after the known ones; nothing where those are not in their place."""
    with storage.failures(path), storage.open(path) as stream:
        size: int = stream.size()
        head: bytes = stream.read_at(min(size, known.start + _SLACK), 0)
        start = _start(head)
        place = start + known.length - len(known.last)
        if not start or place + len(known.last) > size:
            return b"", b""
        tail: bytes = stream.read_at(size - place, place)
    return (head[:start], tail[len(known.last) :]) if tail.startswith(known.last) else (b"", b"")


def _learn(data: bytes, document: Any) -> _Known | None:
    """Where the snapshots of a whole document are; `None` when that is not certain."""
    start, end = _start(data), _end(data)
    try:
        before, after = orjson.loads(data[:start] + b"]}"), orjson.loads(b'{"snapshots":[null' + data[end:])
        if {**before, **after, "snapshots": document["snapshots"]} != document or after["snapshots"] != [None]:
            return None
        none = _Known(start, 0, b"", ())
        return none.after(data[start:end], document["snapshots"])
    except (ValueError, KeyError, TypeError):
        return None


def _start(data: bytes) -> int:
    """Where the first snapshot may begin, 0 when nowhere."""
    key = data.find(_KEY)
    return 0 if key < 0 else data.find(b"[", key) + 1


def _end(data: bytes) -> int:
    """Where the last snapshot may end, 0 when nowhere: at the brace that closes what its `manifest-list` is in."""
    last, depth = data.rfind(_IN_LAST), 0
    for token in _TOKEN.finditer(data, last) if last >= 0 else ():
        depth += {b"{": 1, b"}": -1}.get(token[0], 0)
        if depth < 0:
            return token.end()
    return 0
