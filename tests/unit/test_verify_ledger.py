"""The ledger's arithmetic."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tui.core.ledger import Span, count, judge
from tui.model.audit import OffsetRun


def test_complete_in_pieces() -> None:
    (found,) = judge([OffsetRun(0, 5, 9), OffsetRun(0, 0, 4), OffsetRun(0, 10, 12)], {0: (0, 13)})
    assert found.ok
    assert found.required == 13
    assert found.sentence() == "partition 0: complete"


def test_missing_and_double_ones_are_named() -> None:
    runs = [OffsetRun(1, 0, 99), OffsetRun(1, 106, 199), OffsetRun(1, 7, 7), OffsetRun(1, 50, 52), OffsetRun(1, 51, 51)]
    (found,) = judge(runs, {1: (0, 201)})
    assert found.sentence() == "partition 1: missing 100–105, 200, 7 twice, 50 twice, 51 3 times, 52 twice"


def test_many_spans_are_cut_short() -> None:
    runs = [OffsetRun(0, n, n) for n in range(0, 40, 2)]
    assert judge(runs, {0: (0, 40)})[0].sentence(most=2) == "partition 0: missing 1, 3 and 18 more spans"


def test_a_partition_without_rows_misses_everything() -> None:
    assert judge([], {2: (10, 20)})[0].missing == (Span(10, 19, 0),)


def test_rows_beyond_the_committed_offset_may_be_there_once() -> None:
    assert judge([OffsetRun(0, 0, 30)], {0: (0, 10)})[0].ok
    assert judge([OffsetRun(0, 0, 30), OffsetRun(0, 25, 25)], {0: (0, 10)})[0].doubled == (Span(25, 25, 2),)


def test_rows_below_the_retained_offsets_are_no_gap() -> None:
    (found,) = judge([OffsetRun(0, 0, 3), OffsetRun(0, 8, 19)], {0: (8, 20)})
    assert found.ok


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 6)), max_size=12),
    st.integers(0, 10),
    st.integers(0, 40),
)
def test_judged_as_counting_every_offset_would(pieces: list[tuple[int, int]], start: int, end: int) -> None:
    counted = Counter(o for first, length in pieces for o in range(first, first + length + 1))
    (found,) = judge([OffsetRun(0, f, f + n) for f, n in pieces], {0: (start, end)})
    missing = {o for s in found.missing for o in range(s.first, s.last + 1)}
    doubled = {o: s.times for s in found.doubled for o in range(s.first, s.last + 1)}
    assert missing == {o for o in range(start, end) if not counted[o]}
    assert doubled == {o: n for o, n in counted.items() if n > 1}
    assert count(found.missing) == len(missing)
