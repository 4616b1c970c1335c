"""Whether a value is what a model's field declares, for values that come from a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Check = Callable[[object], bool]


@cache
def checks(kind: type) -> Mapping[str, Check]:
    """For each field of a dataclass or named tuple, what tells whether a value fits it."""
    return {name: check(hint) for name, hint in get_type_hints(kind).items()}


def check(hint: Any) -> Check:
    """What tells whether a value has the type `hint`; True and False are no numbers."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _one_of([check(one) for one in inner])
    if origin is Literal:
        return lambda value: value in inner
    if origin is tuple:
        return _tuple(inner)
    if origin is not None and issubclass(origin, Mapping):
        key, part = map(check, inner)
        return lambda value: isinstance(value, Mapping) and all(key(k) and part(v) for k, v in value.items())
    return _plain(origin or hint)


def _plain(kind: Any) -> Check:
    if kind in (Any, object) or isinstance(kind, TypeVar):
        return lambda _: True
    if kind in (None, NoneType):
        return lambda value: value is None
    if kind is float:
        return lambda value: type(value) in (int, float)
    if kind in (int, str, bool):
        return lambda value: type(value) is kind
    return lambda value: isinstance(value, kind)


def _one_of(any_of: list[Check]) -> Check:
    return lambda value: any(fits(value) for fits in any_of)


def _tuple(inner: tuple[Any, ...]) -> Check:
    if len(inner) == 2 and inner[1] is Ellipsis:
        part = check(inner[0])
        return lambda value: isinstance(value, tuple) and all(map(part, value))
    parts = [check(one) for one in inner]
    return lambda value: (
        isinstance(value, tuple)
        and len(value) == len(parts)
        and all(fits(one) for fits, one in zip(parts, value, strict=True))
    )
