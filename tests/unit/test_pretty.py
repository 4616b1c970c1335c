"""JSON over several lines says what was written; a line of blocks says how a number moved."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.integration.hostile_messages import all_cases
from tui.view.pretty import MAX_LINES, pretty
from tui.view.widgets.spark import spark

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_pretty_json_means_the_same(value: Any) -> None:
    text = json.dumps(value)  # no control characters, which are replaced
    found = pretty(text)
    assert found is not None
    assert json.loads(found.plain) == value
    assert pretty(found.plain) == found


def test_numbers_order_and_doubled_keys_stay_as_written() -> None:
    found = pretty('{"b":1e2,"a":0.10,"b":[],"c":{},"d":[1,{"e":"x,:{"}]}')
    assert found is not None
    assert found.plain.splitlines() == [
        "{",
        '  "b": 1e2,',
        '  "a": 0.10,',
        '  "b": [],',
        '  "c": {},',
        '  "d": [',
        "    1,",
        "    {",
        '      "e": "x,:{"',
        "    }",
        "  ]",
        "}",
    ]


@pytest.mark.parametrize("text", ["", "x", "{", '{"a":1} x', "NaN", "[" * 100_000])
def test_what_is_not_json_is_none(text: str) -> None:
    assert pretty(text) is None


def test_no_message_fails() -> None:
    for _, value, _ in all_cases(1_767_225_600_000):
        pretty((value or b"")[:65_536].decode(errors="replace"))


def test_a_long_one_is_cut() -> None:
    found = pretty(json.dumps(list(range(2_000))))
    assert found is not None
    lines = found.plain.splitlines()
    assert len(lines) == MAX_LINES + 1
    assert lines[-1] == "… 1,502 more lines"


@pytest.mark.parametrize(
    ("values", "width", "expected"),
    [
        ([], 3, "   "),
        ([None, None], 3, "   "),
        ([0, 0], 3, " ▁▁"),
        ([0, None, 7], 4, " ▁ █"),
        ([1, 9, 2, 3], 2, "█▁"),
        ([5], 0, ""),
    ],
)
def test_a_line_of_blocks(values: list[float | None], width: int, expected: str) -> None:
    assert spark(values, width) == expected
