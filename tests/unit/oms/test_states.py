"""The state machine: one table, monotonic whatever arrives in whatever order."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_server.broker.port import ReportStatus
from engine_server.oms.domain.states import (
    TRANSITIONS,
    IllegalTransitionError,
    OrderState,
    Progress,
    advance,
    check_transition,
    reported_progress,
)

QUANTITY = 10
BEFORE_BROKER = st.sampled_from([OrderState.SUBMITTING, OrderState.UNKNOWN])
REPORTS = st.lists(
    st.tuples(st.sampled_from(list(ReportStatus)), st.integers(min_value=0, max_value=QUANTITY + 3)), max_size=30
)


def play(start: OrderState, reports: list[tuple[ReportStatus, int]]) -> list[Progress]:
    history = [Progress(start, 0)]
    for status, filled in reports:
        step = advance(history[-1], reported_progress(status, filled, QUANTITY), QUANTITY)
        if step is not None:
            history.append(step.after)
    return history


@given(BEFORE_BROKER, REPORTS)
def test_an_order_never_goes_back(start: OrderState, reports: list[tuple[ReportStatus, int]]) -> None:
    history = play(start, reports)
    for before, after in pairwise(history):
        assert after.filled >= before.filled
        assert after.state.rank >= before.state.rank
        assert after != before


@given(BEFORE_BROKER, REPORTS)
def test_the_cumulative_fill_ends_at_the_largest_that_was_reported(
    start: OrderState, reports: list[tuple[ReportStatus, int]]
) -> None:
    # Whatever the order of arrival: no fill is ever lost, none is counted twice.
    assert play(start, reports)[-1].filled == max((filled for _, filled in reports), default=0)


@given(BEFORE_BROKER, REPORTS)
def test_repeating_every_report_changes_nothing(start: OrderState, reports: list[tuple[ReportStatus, int]]) -> None:
    doubled = [report for report in reports for _ in range(2)]
    assert play(start, doubled) == play(start, reports)


@given(BEFORE_BROKER, REPORTS)
def test_every_change_before_the_end_is_in_the_table(
    start: OrderState, reports: list[tuple[ReportStatus, int]]
) -> None:
    history = play(start, reports)
    for before, after in pairwise(history):
        if not before.state.is_terminal:
            assert after.state is before.state or after.state in TRANSITIONS[before.state]


def test_a_fill_after_a_cancel_is_accepted_and_raised() -> None:
    step = advance(Progress(OrderState.CANCELLED, 3), Progress(OrderState.CANCELLED, 7), QUANTITY)
    assert step is not None
    assert step.is_late_fill
    assert step.after == Progress(OrderState.CANCELLED, 7)


def test_a_full_fill_after_a_cancel_is_filled_and_raised() -> None:
    step = advance(Progress(OrderState.CANCELLED, 3), Progress(OrderState.FILLED, QUANTITY), QUANTITY)
    assert step is not None
    assert step.is_late_fill
    assert step.after.state is OrderState.FILLED


def test_more_than_ordered_is_accepted_and_raised() -> None:
    reported = reported_progress(ReportStatus.WORKING, QUANTITY + 2, QUANTITY)
    step = advance(Progress(OrderState.PARTIALLY_FILLED, 4), reported, QUANTITY)
    assert step is not None
    assert step.is_overfill
    assert step.after == Progress(OrderState.FILLED, QUANTITY + 2)


def test_a_working_report_after_the_end_is_ignored() -> None:
    assert advance(Progress(OrderState.CANCELLED, 3), Progress(OrderState.PARTIALLY_FILLED, 3), QUANTITY) is None


def test_a_denied_order_takes_nothing() -> None:
    assert advance(Progress(OrderState.DENIED, 0), Progress(OrderState.FILLED, QUANTITY), QUANTITY) is None


def test_complete_with_less_than_all_stays_working() -> None:
    assert reported_progress(ReportStatus.FILLED, 4, QUANTITY) == Progress(OrderState.PARTIALLY_FILLED, 4)


def test_the_broker_may_be_faster_than_its_answer() -> None:
    step = advance(Progress(OrderState.SUBMITTING, 0), Progress(OrderState.FILLED, QUANTITY), QUANTITY)
    assert step is not None
    assert step.after.state is OrderState.FILLED


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (OrderState.SUBMITTING, OrderState.PENDING_SUBMIT),
        (OrderState.UNKNOWN, OrderState.SUBMITTING),  # an unknown order is never sent again
        (OrderState.FILLED, OrderState.CANCELLED),
        (OrderState.NOT_PLACED, OrderState.SUBMITTING),
        (OrderState.PENDING_SUBMIT, OrderState.OPEN),
    ],
)
def test_our_own_code_cannot_take_a_forbidden_step(before: OrderState, after: OrderState) -> None:
    with pytest.raises(IllegalTransitionError, match=f"{before}.*{after}"):
        check_transition(before, after)
