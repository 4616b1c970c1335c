"""The pure state of the screens, and who fetches when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tui.core.refresh import Refresh, Schedule
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
    state = apply(apply(State(), lag(0, 100, 0)), lag(10, 200, 150))
    rates = state.rates[0]
    assert (rates.in_rate, rates.out_rate) == (10.0, 15.0)
    assert rates.eta_s == 50 / 5.0


def test_what_is_unknown_stays_unknown() -> None:
    rates = apply(apply(State(), lag(0, 100, None)), lag(1, None, None)).rates[0]
    assert (rates.in_rate, rates.out_rate, rates.eta_s) == (None, None, None)
    assert apply(State(), lag(0, 5, 5)).rates[0].in_rate is None


def test_a_counter_that_goes_back_is_no_negative_rate() -> None:
    assert apply(apply(State(), lag(0, 100, 90)), lag(1, 10, 5)).rates[0].in_rate is None


def test_lag_that_grows_has_no_eta_and_lag_zero_is_caught_up() -> None:
    assert apply(apply(State(), lag(0, 100, 50)), lag(1, 200, 60)).rates[0].eta_s is None
    assert apply(apply(State(), lag(0, 100, 100)), lag(1, 200, 200)).rates[0].eta_s == 0.0


def test_history_is_bounded() -> None:
    state = State()
    for n in range(HISTORY + 30):
        state = apply(state, lag(n, n, n))
    assert len(state.lag_history) == HISTORY


def test_lag_is_never_negative_and_counts_from_the_log_start() -> None:
    assert PartitionLag(0, 0, 5, 9, None).lag_committed == 0
    assert PartitionLag(0, 100, 150, 20, None).lag_committed == 50
    assert PartitionLag(0, 0, None, 9, None).lag_committed is None


def test_one_fetch_at_a_time_until_its_deadline() -> None:
    refresh = Refresh({"lag": Schedule(interval_s=1, deadline_s=5)})
    assert refresh.due(0.0) == {"lag": 1}
    assert refresh.due(3.0) == {}
    assert refresh.overdue(3.0) == ("lag",)
    assert refresh.due(5.0) == {"lag": 2}


def test_a_late_answer_of_an_older_fetch_is_dropped() -> None:
    refresh = Refresh({"lag": Schedule(1, 5)})
    refresh.due(0.0)
    refresh.due(5.0)
    assert not refresh.accept(Reading("lag", T0, 1))
    assert refresh.accept(Reading("lag", T0, 2))
    assert not refresh.accept(Reading("lag", T0, 2))
    assert refresh.due(5.5) == {}
    assert refresh.due(6.0) == {"lag": 3}
