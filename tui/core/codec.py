"""Frozen values as plain JSON and back, whole or as what differs from the value before.

Known are the types of `tui.model`, tuples, mappings, times and plain values; nothing else is written or read. In JSON

    [a, b]                                a tuple
    {"$": "Service", "name": …}           a dataclass or named tuple of the model by its name, or the member of an enum
    {"t": "2026-01-01T00:00:00+00:00"}    a time
    {"m": [[key, value], …]}              a mapping
    {"f": "nan"}                          a number that JSON does not have
    {"~": {"state": …}}                   the dataclass before, with these fields
    {"+": [skip, keep, [[i, …], …], head, tail]}
                                          a tuple: head, then `keep` items of the one before from `skip` on, of which
                                          those at the indexes i differ, then tail
    {"%": [[[key, …], …], [key, …]]}      the mapping before, with these set and those gone
"""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from datetime import datetime
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Any

from tui import model
from tui.core.kinds import checks

Json = Any
_NOTHING = object()


class CodecError(ValueError):
    """A value that cannot be written, or JSON that is no value; the text says which."""


@cache
def registry() -> Mapping[str, type]:
    """The dataclasses, named tuples and enums of `tui.model` by name."""
    found: dict[str, type] = {}
    for module in pkgutil.iter_modules(model.__path__):
        name = f"{model.__name__}.{module.name}"
        kinds = (kind for kind in vars(importlib.import_module(name)).values() if isinstance(kind, type))
        for kind in kinds:
            if kind.__module__ != name or not _is_model(kind):
                continue
            if found.setdefault(kind.__name__, kind) is not kind:
                raise TypeError(f"two models are named {kind.__name__}")
    return MappingProxyType(found)


def _is_model(kind: type) -> bool:
    return is_dataclass(kind) or issubclass(kind, Enum) or hasattr(kind, "_fields")


# --- writing


def encode(value: object, before: object = _NOTHING) -> Json:
    """`value` as JSON; with `before`, which the reader must have too, only what differs from that.

    Raises `CodecError` for a value of another type.
    """
    if type(value) is type(before):
        if type(value) is tuple:
            return _tuple_patch(before, value)  # type: ignore[arg-type]
        if is_dataclass(value):
            return _model_patch(before, value)
    if isinstance(value, Mapping) and isinstance(before, Mapping):
        return _mapping_patch(before, value)
    return _whole(value)


def _whole(value: object) -> Json:
    if value is None or type(value) in (bool, int, str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"f": repr(value)}
    if type(value) is tuple:
        return [_whole(item) for item in value]
    if isinstance(value, datetime):
        return {"t": value.isoformat()}
    if isinstance(value, Mapping):
        return {"m": [[_whole(key), _whole(item)] for key, item in value.items()]}
    return _named(value)


def _named(value: Any) -> Json:
    name = type(value).__name__
    if registry().get(name) is not type(value):
        raise CodecError(f"values of type {name} cannot be recorded")
    if isinstance(value, Enum):
        return {"$": name, "name": value.name}
    return {"$": name, **{key: _whole(getattr(value, key)) for key in _names(_class(value))}}


def _class(value: Any) -> type:
    return type(value)


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind)) if is_dataclass(kind) else tuple(kind._fields)  # type: ignore[attr-defined]


def _model_patch(before: object, value: Any) -> Json:
    if registry().get(type(value).__name__) is not type(value):
        raise CodecError(f"values of type {type(value).__name__} cannot be recorded")
    pairs = ((name, getattr(before, name), getattr(value, name)) for name in _names(_class(value)))
    return {"~": {name: encode(now, then) for name, then, now in pairs if differs(then, now)}}


def _tuple_patch(before: tuple[Any, ...], value: tuple[Any, ...]) -> Json:
    skip, head = _shift(before, value)
    keep = min(len(before) - skip, len(value) - head)
    kept = zip(before[skip : skip + keep], value[head : head + keep], strict=True)
    patches = [[i, encode(now, then)] for i, (then, now) in enumerate(kept) if differs(then, now)]
    return {"+": [skip, keep, patches, _whole(value[:head]), _whole(value[head + keep :])]}


def _mapping_patch(before: Mapping[Any, Any], value: Mapping[Any, Any]) -> Json:
    pairs = ((key, before.get(key, _NOTHING), now) for key, now in value.items())
    put = [[_whole(key), encode(now, then)] for key, then, now in pairs if differs(then, now)]
    return {"%": [put, [_whole(key) for key in before if key not in value]]}


def _shift(before: tuple[Any, ...], value: tuple[Any, ...]) -> tuple[int, int]:
    """How many items are gone at the front, or how many are new there."""
    if not before or not value or before[0] == value[0]:
        return 0, 0
    if value[0] in before:
        return before.index(value[0]), 0
    if before[0] in value:
        return 0, value.index(before[0])
    return 0, 0


def differs(then: object, now: object) -> bool:
    """Whether two values are not the same; 1, 1.0 and True are not."""
    return type(then) is not type(now) or then != now


# --- reading


def decode(data: Json, before: object = _NOTHING) -> Any:
    """The value that `encode` wrote, given the same `before`; raises `CodecError` for anything else."""
    if data is None or isinstance(data, bool | int | float | str):
        return data
    if isinstance(data, list):
        return tuple(decode(item) for item in data)
    if not isinstance(data, dict):
        raise CodecError("it holds something that is no value")
    if "$" in data:
        return _model({**data})
    if len(data) != 1:
        raise CodecError("it holds a value without a type")
    ((tag, content),) = data.items()
    try:
        return _TAGS[tag](content, before)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise error if isinstance(error, CodecError) else CodecError(f"{tag!r} cannot be read") from None


def _time(content: Json, _: object) -> datetime:
    at = datetime.fromisoformat(content)
    if at.tzinfo is None:
        raise CodecError("it has a time without a zone")
    return at


def _number(content: Json, _: object) -> float:
    return float(content)


def _mapping(content: Json, _: object) -> Mapping[Any, Any]:
    return MappingProxyType({decode(key): decode(value) for key, value in content})


def _model(data: dict[str, Json]) -> Any:
    name = data.pop("$")
    kind: Any = registry().get(name) if isinstance(name, str) else None
    if kind is None:
        raise CodecError(f"there is no type {name!r}")
    if issubclass(kind, Enum):
        if data.keys() != {"name"} or data["name"] not in kind.__members__:
            raise CodecError(f"{name} has no such member")
        return kind[data["name"]]
    if not _required(kind) <= data.keys() <= set(_names(kind)):
        raise CodecError(f"{name} has other fields")
    return kind(**_fitting(kind, {key: decode(value) for key, value in data.items()}))


@cache
def _required(kind: type) -> frozenset[str]:
    if not is_dataclass(kind):
        return frozenset(_names(kind)) - set(kind._field_defaults)  # type: ignore[attr-defined]
    return frozenset(f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING)


def _patched_model(content: Json, before: Any) -> Any:
    if not is_dataclass(before) or isinstance(before, type) or not content.keys() <= {*_names(_class(before))}:
        raise CodecError("a change does not fit the value before")
    changes = {key: decode(data, getattr(before, key)) for key, data in content.items()}
    return replace(before, **_fitting(_class(before), changes))


def _fitting(kind: type, values: dict[str, Any]) -> dict[str, Any]:
    """The values, each of the type that its field declares."""
    for name, value in values.items():
        if not checks(kind)[name](value):
            raise CodecError(f"{kind.__name__} has another kind of {name}")
    return values


def _patched_tuple(content: Json, before: object) -> tuple[Any, ...]:
    skip, keep, patches, head, tail = content
    if type(before) is not tuple or not 0 <= skip <= skip + keep <= len(before):
        raise CodecError("a change does not fit the value before")
    kept = list(before[skip : skip + keep])
    for index, data in patches:
        if not 0 <= index < keep:
            raise CodecError("a change does not fit the value before")
        kept[index] = decode(data, kept[index])
    return (*decode(head), *kept, *decode(tail))


def _patched_mapping(content: Json, before: object) -> Mapping[Any, Any]:
    put, gone = content
    if not isinstance(before, Mapping):
        raise CodecError("a change does not fit the value before")
    value = {key: item for key, item in before.items() if key not in decode(gone)}
    for name, data in put:
        key = decode(name)
        value[key] = decode(data, value.get(key, _NOTHING))
    return MappingProxyType(value)


_TAGS = {
    "t": _time,
    "f": _number,
    "m": _mapping,
    "~": _patched_model,
    "+": _patched_tuple,
    "%": _patched_mapping,
}
