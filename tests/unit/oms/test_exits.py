"""What is an exit, and how much it may close."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_server.oms.domain.exits import OpenLine, denial_of_exit, is_exit, is_in_the_way
from engine_server.oms.domain.states import OrderState
from tests.unit.oms.orders import order_record, place_order

QUANTITY = st.integers(min_value=-1_000, max_value=1_000)


@given(
    own=QUANTITY,
    unowned=QUANTITY,
    exiting=st.integers(min_value=0, max_value=1_000),
    side=st.sampled_from(["BUY", "SELL"]),
)
def test_an_exit_never_turns_a_position_over(own: int, unowned: int, exiting: int, side: str) -> None:
    left = OpenLine(own, unowned, exiting).closable(side)
    sign = -1 if side == "BUY" else 1
    assert left >= 0
    if left:
        assert left + exiting <= sign * own
        assert left + exiting <= sign * own + min(0, sign * unowned)


@pytest.mark.parametrize(
    ("net", "side", "quantity", "expected"),
    [
        (10, "SELL", 10, True),
        (10, "SELL", 11, False),
        (10, "BUY", 1, False),
        (-10, "BUY", 4, True),
        (0, "SELL", 1, False),
    ],
)
def test_what_is_against_the_position_and_not_larger_is_an_exit(
    net: int, side: str, quantity: int, expected: bool
) -> None:
    assert is_exit(place_order(side=side, quantity=quantity), OpenLine(net)) is expected


def test_who_says_reduce_only_means_an_exit_whatever_is_open() -> None:
    order = place_order(side="SELL", quantity=11, reduce_only=True)
    assert is_exit(order, OpenLine(10))
    denial = denial_of_exit(order, OpenLine(10))
    assert denial is not None
    assert denial.reason == "EXIT_EXCEEDS_OPEN"
    assert "exit at most 10" in denial.message


def test_what_somebody_else_closed_is_not_closed_again() -> None:
    denial = denial_of_exit(place_order(side="SELL", quantity=10), OpenLine(10, unowned=-6))
    assert denial is not None
    assert "6 were closed by somebody else, or are not at the broker; exit at most 4" in denial.message


def test_an_exit_meets_resting_entries_at_its_price_or_better() -> None:
    leaving = order_record(order_id="x", side="SELL", is_exit=True, price=Decimal(1400))
    resting = order_record(order_id="r", side="BUY", state=OrderState.OPEN, price=Decimal(1400))
    assert is_in_the_way(leaving, resting)
    assert not is_in_the_way(leaving, order_record(order_id="r", side="BUY", price=Decimal("1399.95")))
    assert not is_in_the_way(leaving, order_record(order_id="r", side="BUY", price=Decimal(1500), is_exit=True))
    assert not is_in_the_way(leaving, order_record(order_id="r", side="BUY", price=Decimal(1500), order_type="SL"))
    assert not is_in_the_way(
        leaving, order_record(order_id="r", side="BUY", price=Decimal(1500), instrument="NSE:TCS-EQ")
    )


def test_a_guards_exit_makes_room_for_its_owners_own() -> None:
    leaving = order_record(order_id="x", side="SELL", is_exit=True, config_id="momo")
    guards = order_record(order_id="g", side="SELL", is_exit=True, config_id="momo", origin="GUARD")
    assert is_in_the_way(leaving, guards)
    assert not is_in_the_way(leaving, order_record(order_id="g", side="SELL", config_id="other", origin="GUARD"))
