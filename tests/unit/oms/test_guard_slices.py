"""A guard over more than the exchange takes in one order."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine_server.oms.domain.guard_slices import first_part, next_slices
from engine_server.oms.domain.guarding import Change, Place, Withdraw
from engine_server.oms.domain.states import OrderState
from engine_server.oms.records import OrderRecord
from tests.unit.oms.orders import NIFTY_FUTURE, order_record

MOST = 1_755  # 27 lots of 65, below the freeze quantity of 1800
STOP = Place(MOST, Decimal(90), Decimal(100))


def stop(quantity: int = MOST, **changes: object) -> OrderRecord:
    return order_record(
        **{
            "side": "SELL",
            "quantity": quantity,
            "price": Decimal(90),
            "trigger_price": Decimal(100),
            "order_type": "SL",
            "state": OrderState.OPEN,
            "origin": "GUARD",
            **changes,
        }
    )


def test_the_first_exit_takes_what_one_order_may_have() -> None:
    assert first_part(5_000, None, NIFTY_FUTURE) == MOST
    assert first_part(650, None, NIFTY_FUTURE) == 650
    assert first_part(5_000, stop(filled_quantity=65), NIFTY_FUTURE) == MOST - 65
    unlimited = msgspec.structs.replace(NIFTY_FUTURE, freeze_quantity=0)
    assert first_part(5_000, None, unlimited) == 5_000


@given(st.integers(1, 200))
def test_all_together_are_what_is_open(lots: int) -> None:
    total = lots * 65
    part = first_part(total, None, NIFTY_FUTURE)
    steps = next_slices([], total - part, STOP, None, NIFTY_FUTURE)
    placed = [one.quantity for one in steps.place]
    assert all(one <= MOST for one in placed)
    assert part + sum(placed) == min(total, MOST * 21)


def test_they_follow_the_first_in_price_and_trigger() -> None:
    leader, follower = stop(), stop(650)
    moved = Change(MOST, Decimal(91), Decimal(101))
    (change,) = next_slices([follower], 650, moved, leader, NIFTY_FUTURE).change
    assert change == (follower, Change(650, Decimal(91), Decimal(101)))
    assert next_slices([follower], 650, None, leader, NIFTY_FUTURE).change == []


def test_they_go_with_the_first_and_when_less_is_open() -> None:
    leader, follower = stop(), stop(650)
    assert next_slices([follower], 650, Withdraw(), leader, NIFTY_FUTURE).withdraw == [follower]
    assert next_slices([follower], 0, None, leader, NIFTY_FUTURE).withdraw == [follower]
    assert next_slices([follower], 325, None, leader, NIFTY_FUTURE).withdraw == [follower]
    asked = replace(follower, cancel_requested=True)
    assert next_slices([asked], 0, None, leader, NIFTY_FUTURE).withdraw == []
    gone = stop(state=OrderState.FILLED)
    assert next_slices([follower], 650, None, gone, NIFTY_FUTURE).withdraw == [follower]
