"""The pure state of the screens, and who fetches when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tui.core.refresh import Refresh
from tui.core.sources import Source
from tui.core.store import HISTORY, State, apply
from tui.model.kafka import PartitionLag, TopicLag
from tui.model.reading import Reading

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def lag(seconds: float, high: int | None, read: int | None) -> Reading[TopicLag]:
    value = TopicLag("trades", "g", at(seconds), (PartitionLag(0, 0, high, None, read),))
    return Reading("lag", at(seconds), 1, value)


def test_an_error_keeps_the_value_and_says_since_when() -> None:
    state = apply(State(), Reading("jobs", at(0), 1, value=("job",)))
    state = apply(state, Reading("jobs", at(5), 2, error="Flink does not answer."))
    state = apply(state, Reading("jobs", at(9), 3, error="Flink does not answer."))
    shown = state.shown("jobs")
    assert (shown.value, shown.stale, shown.failing_since) == (("job",), True, at(5))
    assert shown.age_s(at(9)) == 9.0


def test_recovery_clears_the_error() -> None:
    state = apply(State(), Reading("jobs", at(0), 1, error="gone"))
    assert not state.shown("jobs").stale
    state = apply(state, Reading("jobs", at(1), 2, value=()))
    assert state.shown("jobs").error is None
    assert state.shown("jobs").failing_since is None


def test_apply_leaves_the_old_state_as_it_was() -> None:
    before = State()
    apply(before, lag(0, 10, 10))
    assert before == State()


def test_rates_and_time_to_catch_up() -> None:
    state = State()
    for reading in (lag(-5, 50, 0), lag(0, 100, 0), lag(1, 110, 15), lag(10, 200, 150)):
        state = apply(state, reading)
    rates = state.rates[0]
    assert (rates.in_rate, rates.out_rate) == (10.0, 15.0)
    assert rates.eta_s == 50 / 5.0


def test_an_offset_that_moves_in_steps_has_a_steady_rate() -> None:
    state = State()
    for second in range(60):
        read = 50 * (10 * (second // 10))  # Flink tells it every ten seconds
        state = apply(state, lag(second, 50 * second, read))
        if second >= 30:
            assert state.rates[0].out_rate == 50.0
    for second in range(60, 80):
        state = apply(state, lag(second, 50 * second, 2500))
    assert state.rates[0].out_rate == 0.0


def test_what_is_unknown_stays_unknown() -> None:
    rates = apply(apply(State(), lag(0, 100, None)), lag(1, None, None)).rates[0]
    assert (rates.in_rate, rates.out_rate, rates.eta_s) == (None, None, None)
    assert apply(State(), lag(0, 5, 5)).rates[0].in_rate is None


def test_a_counter_that_goes_back_is_no_negative_rate() -> None:
    assert apply(apply(State(), lag(0, 100, 90)), lag(1, 10, 5)).rates[0].in_rate is None


def test_a_value_of_the_future_is_not_shown_as_fresh() -> None:
    shown = apply(State(), lag(3600, 5, 5)).shown("lag")
    assert shown.age_s(at(0)) == shown.age_s(at(7200)) == 3600


@pytest.mark.parametrize("jump", [3600, -3600])
def test_after_a_jump_of_the_clock_rates_are_unknown_and_then_right(jump: int) -> None:
    state = State()
    for second in range(20):
        state = apply(state, lag(second, 50 * second, 50 * (second // 5 * 5)))
    assert state.rates[0].in_rate == 50.0
    for second in range(20, 60):
        state = apply(state, lag(jump + second, 50 * second, 50 * (second // 5 * 5)))
        found = state.rates[0]
        assert found.in_rate == (None if second == 20 else 50.0)
        assert found.out_rate == (None if second < 30 else 50.0)


def test_lag_that_grows_has_no_eta_and_lag_zero_is_caught_up() -> None:
    assert apply(apply(State(), lag(0, 100, 50)), lag(1, 200, 60)).rates[0].eta_s is None
    assert apply(apply(State(), lag(0, 100, 100)), lag(1, 200, 200)).rates[0].eta_s == 0.0


def test_history_is_bounded() -> None:
    state = State()
    for n in range(HISTORY + 30):
        state = apply(state, lag(n, n, n))
    assert len(state.lag_history) == HISTORY


def test_the_same_moment_twice_is_one_point() -> None:
    state = apply(apply(State(), lag(1, 5, 5)), lag(1, 5, 5))
    assert len(state.lag_history) == 1


def test_lag_is_never_negative_and_counts_from_the_log_start() -> None:
    assert PartitionLag(0, 0, 5, 9, None).lag_committed == 0
    assert PartitionLag(0, 100, 150, 20, None).lag_committed == 50
    assert PartitionLag(0, 0, None, 9, None).lag_committed is None


def test_one_fetch_at_a_time_until_its_deadline() -> None:
    refresh, sources = Refresh(1.0), {"lag": Source(int, deadline_s=5)}
    assert refresh.due(sources, 0.0) == {"lag": 1}
    assert refresh.due(sources, 3.0) == {}
    assert refresh.late_s("lag", 3.0) == 3.0
    assert refresh.due(sources, 5.0) == {"lag": 2}


def test_a_late_answer_of_an_older_fetch_is_dropped() -> None:
    refresh, sources = Refresh(1.0), {"lag": Source(int, deadline_s=5)}
    refresh.due(sources, 0.0)
    refresh.due(sources, 5.0)
    assert not refresh.accept(Reading("lag", T0, 1))
    assert refresh.accept(Reading("lag", T0, 2))
    assert refresh.late_s("lag", 5.1) is None
    assert not refresh.accept(Reading("lag", T0, 2))
    assert refresh.due(sources, 5.5) == {}
    assert refresh.due(sources, 6.0) == {"lag": 3}


def test_sources_of_one_interval_stay_together_though_the_timer_is_early() -> None:
    refresh, sources = Refresh(1.0), {"lag": Source(int), "jobs": Source(int)}
    for name, generation in refresh.due(sources, 0.0).items():
        assert refresh.accept(Reading(name, T0, generation))
    assert refresh.due(sources, 0.94) == {}
    assert refresh.due(sources, 0.96) == {"lag": 2, "jobs": 2}


def test_a_source_is_never_fetched_more_often_than_it_or_the_user_wants() -> None:
    refresh, sources = Refresh(2.0), {"lag": Source(int), "job": Source(int, interval_s=5)}
    for name, generation in refresh.due(sources, 0.0).items():
        assert refresh.accept(Reading(name, T0, generation))
    assert refresh.due(sources, 1.9) == {}
    assert refresh.due(sources, 2.0) == {"lag": 2}
    assert refresh.due(sources, 5.0) == {"job": 2}
