"""What a fuzz of a parser needs: values, damage, and the property that it answers, refuses in a sentence, or fails.

Every parser of outside data keeps the same promise: a value of the types it declares, or one of the project's own
errors with one sentence, and that soon.
"""

from __future__ import annotations

import os
import signal
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tui.model.errors import LakehouseError

HANG_S: Final = 5.0
WAIT_S: Final = 60.0
EXAMPLES: Final = int(os.environ.get("LAKEHOUSE_FUZZ", "0"))
"""Examples a test of a longer search, each time others; 0 is the short run that is the same each time."""
T = TypeVar("T")

fuzz = settings(
    max_examples=EXAMPLES or 40,
    deadline=None,
    derandomize=not EXAMPLES,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)


class HangError(BaseException):
    """A parser did not end in time; no parser may catch it."""


@contextmanager
def soon(limit_s: float = HANG_S) -> Iterator[None]:
    """Fails when what is inside takes more of the processor, or waits for ever; a busy machine does not count."""

    def late(_number: int, _frame: object) -> None:
        raise HangError(f"not done within {limit_s:g} s")

    clocks = {signal.SIGPROF: (signal.ITIMER_PROF, limit_s), signal.SIGALRM: (signal.ITIMER_REAL, WAIT_S)}
    before = {number: signal.signal(number, late) for number in clocks}
    for clock, seconds in clocks.values():
        signal.setitimer(clock, seconds)
    try:
        yield
    finally:
        for number, (clock, _) in clocks.items():
            signal.setitimer(clock, 0)
            signal.signal(number, before[number])


def answered(parse: Callable[[], T]) -> T | None:
    """The value, with all its parts of the types that are declared; `None` when it was refused in a sentence."""
    with soon():
        try:
            value = parse()
        except LakehouseError as error:
            sentence = str(error)
            assert sentence.strip(), "an error without a word"
            assert "\n" not in sentence, sentence
            return None
    assert (wrong := next(ill_typed(value), None)) is None, wrong
    return value


def ill_typed(value: object, where: str = "", levels: int = 12) -> Iterator[str]:
    """The parts of model values that have another type than their class declares."""
    if not levels:
        return
    if is_dataclass(value) and not isinstance(value, type):
        hints = _hints(type(value))
        for one in fields(value):
            part, name = getattr(value, one.name), f"{where}{type(value).__name__}.{one.name}"
            if not fits(part, hints[one.name]):
                yield f"{name} is {part!r:.200}, not {hints[one.name]}"
            yield from ill_typed(part, f"{name} ", levels - 1)
    elif isinstance(value, tuple | list | frozenset):
        for part in value:
            yield from ill_typed(part, where, levels - 1)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from ill_typed(part, where, levels - 1)


_HINTS: dict[type, dict[str, Any]] = {}


def _hints(kind: type) -> dict[str, Any]:
    if kind not in _HINTS:
        _HINTS[kind] = get_type_hints(kind)
    return _HINTS[kind]


def fits(value: object, hint: Any) -> bool:
    """Whether the value has the type; a bool is no number, and NaN and infinity are none either."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any or hint is object or isinstance(hint, TypeVar):
        return True
    if hint is None or hint is types.NoneType:
        return value is None
    if origin in (Union, types.UnionType):
        return any(fits(value, one) for one in inner)
    if origin is Literal:
        return value in inner
    if origin is tuple:
        many = len(inner) == 2 and inner[1] is Ellipsis
        return isinstance(value, tuple) and (
            all(fits(v, inner[0]) for v in value)
            if many
            else len(value) == len(inner) and all(fits(v, h) for v, h in zip(value, inner, strict=True))
        )
    if origin is frozenset:
        return isinstance(value, frozenset) and all(fits(v, inner[0]) for v in value)
    if origin is not None and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(fits(k, inner[0]) and fits(v, inner[1]) for k, v in value.items())
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, origin or hint)


# --- values and damage

numbers = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([-1, 2**63 - 1, 2**31, 10**15, 8.64e15, 1e300, -1e300]),
)
texts = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["", "NaN", "Infinity", "-1", "1_000", " 7 ", "0x10", "9" * 5000, "1e999", "null", "\0", "\x1b[31m"]
    ),
)
others = st.one_of(
    st.none(), st.booleans(), numbers, texts, st.just([]), st.just({}), st.just([None]), st.just({"": 0})
)
"""What may stand where something else should."""
anything = st.recursive(
    others, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=12
)


def deep(levels: int, kind: str = "list") -> str:
    """JSON nested that deep."""
    opened, closed = ("[", "]") if kind == "list" else ('{"a":', "}")
    return opened * levels + ("1" if kind != "list" else "") + closed * levels


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each part of a JSON value."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield (*path, key)
        yield from places(inner, (*path, key))


def changed(value: Any, path: Sequence[Any], put: Any, *, drop: bool = False) -> Any:
    """A copy with another part at the end of the way, or without it."""
    if not path:
        return put
    copy = value.copy()
    if len(path) == 1 and drop:
        del copy[path[0]]
    else:
        copy[path[0]] = changed(value[path[0]], path[1:], put, drop=drop)
    return copy


@st.composite
def mutated(draw: st.DrawFn, payload: Any, most: int = 3) -> Any:
    """The payload with one to `most` parts dropped or replaced by something else."""
    value = payload
    for _ in range(draw(st.integers(1, most))):
        known = list(places(value))
        if not known:
            break
        path = draw(st.sampled_from(known))
        drop = draw(st.booleans())
        value = changed(value, path, None if drop else draw(others), drop=drop)
    return value


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """The bytes cut, with some of them changed, repeated or left out."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        if not data:
            break
        at = draw(st.integers(0, len(data) - 1))
        match draw(st.sampled_from(["byte", "byte", "cut", "insert", "remove", "repeat"])):
            case "byte":
                data[at] = draw(st.integers(0, 255))
            case "cut":
                del data[at:]
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=8))
            case "remove":
                del data[at : at + draw(st.integers(1, 64))]
            case _:
                data[at:at] = data[at : at + draw(st.integers(1, 64))]
    return bytes(data)


def zeros(value: object) -> set[tuple[str, str]]:
    """Class and field of every number in model values that is 0."""
    found: set[tuple[str, str]] = set()
    if is_dataclass(value) and not isinstance(value, type):
        for one in fields(value):
            part = getattr(value, one.name)
            if isinstance(part, int | float) and not isinstance(part, bool) and part == 0:
                found.add((type(value).__name__, one.name))
            found |= zeros(part)
    elif isinstance(value, tuple | list):
        for part in value:
            found |= zeros(part)
    elif isinstance(value, typing.Mapping):
        for part in value.values():
            found |= zeros(part)
    return found
