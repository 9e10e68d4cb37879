"""Which exits go again, and how often."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from engine_server.oms.domain.resending import is_due, is_over, is_unsent_exit, key_of_next
from engine_server.oms.domain.states import OrderState
from engine_server.oms.records import OrderRecord
from tests.unit.oms.orders import NOON, order_record

UNSENT = order_record(
    state=OrderState.NOT_PLACED, reason="NOT_SENT", is_exit=True, broker_order_id=None, created_at=NOON, updated_at=NOON
)


@pytest.mark.parametrize("reason", ["NOT_SENT", "NOT_FOUND_AT_BROKER", "ENGINE_RESTARTED"])
def test_an_exit_that_is_proven_not_to_be_there_goes_again(reason: str) -> None:
    assert is_unsent_exit(replace(UNSENT, reason=reason))


@pytest.mark.parametrize(
    "other",
    [
        replace(UNSENT, is_exit=False),  # an entry is handed back: its reason is of a moment that is gone
        replace(UNSENT, reason="RESOLVED_NOT_PLACED"),  # a person repeats what a person resolved
        replace(UNSENT, state=OrderState.REJECTED),
        replace(UNSENT, state=OrderState.UNKNOWN),
        replace(UNSENT, origin="GUARD"),  # the guard places its own
        replace(UNSENT, broker_order_id="1"),  # it surfaced
        replace(UNSENT, cancel_requested=True),
    ],
)
def test_nothing_else_does(other: OrderRecord) -> None:
    assert not is_unsent_exit(other)


def test_each_waits_twice_as_long_and_there_is_an_end() -> None:
    second = replace(UNSENT, request_key=key_of_next(UNSENT))
    assert [is_due(UNSENT, NOON + timedelta(seconds=s)) for s in (0.9, 1.0)] == [False, True]
    assert [is_due(second, NOON + timedelta(seconds=s)) for s in (1.9, 2.0)] == [False, True]
    fifth = replace(UNSENT, request_key=UNSENT.request_key + "!" * 5)
    assert (is_over(second, NOON), is_over(fifth, NOON)) == (False, True)
    assert is_over(UNSENT, NOON + timedelta(minutes=6))
