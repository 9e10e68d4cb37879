"""What the front desk refuses at once, with the broker's codes."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.errors import RefusedError
from sandbox.order_entry import read_new_order
from sandbox.universe import DEFAULT_UNIVERSE
from tests.unit.sandbox.desk_rig import order_body


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"variety": "BRACKET"}, "AB1008 Invalid Order Variety"),
        ({"variety": "ROBO"}, "AB2002 ROBO order is block"),
        ({"variety": "AMO"}, "AB1007 AMO is withdrawn"),
        ({"variety": "STOPLOSS"}, "AB1008 Invalid Order Variety: STOPLOSS goes with"),
        ({"symboltoken": "1"}, "AB4006 Invalid symboltoken"),
        ({"exchange": "NFO"}, "AB4006 Invalid symboltoken"),
        ({"tradingsymbol": "SBIN"}, "AB1009 Symbol Not Found"),
        ({"producttype": "MIS"}, "AB1012 Invalid Product Type"),
        ({"ordertag": "X" * 21}, "AB4008 Ordertag length should not exceed 20 characters"),
        ({"ordertype": "MARKET"}, "AB4038 MARKET orders are not allowed for algo trading: send LIMIT"),
        ({"duration": "IOC"}, "AB4038 IOC orders are not allowed for algo trading: send duration DAY"),
        ({"transactiontype": "HOLD"}, "AB1007 Invalid transactiontype 'HOLD'"),
        ({"price": "abc"}, "AB1007 Invalid price 'abc'"),
        ({"price": "0"}, "AB1007 Invalid price '0'"),
        ({"price": "940.001"}, "AB1007 Invalid price '940.001'"),
        ({"price": "Infinity"}, "AB1007 Invalid price 'Infinity'"),
        ({"price": None}, "AB1007 Invalid price ''"),
        ({"quantity": "0"}, "AB1007 Invalid quantity '0'"),
        ({"quantity": "1.5"}, "AB1007 Invalid quantity '1.5'"),
        ({"quantity": "٣"}, "AB1007 Invalid quantity"),
    ],
)
def test_a_bad_placement_is_refused_with_a_code_and_a_clear_text(changes: dict[str, Any], answer: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read_new_order(order_body(**changes), DEFAULT_UNIVERSE)
    assert str(caught.value).startswith(answer)


@pytest.mark.parametrize("number", [940, 940.1, "940.10"])
def test_numbers_are_taken_as_strings_or_as_numbers(number: Any) -> None:
    new = read_new_order(order_body(price=number, quantity=5, ordertag="T" * 20), DEFAULT_UNIVERSE)
    assert new.price in (94_000, 94_010)
    assert (new.quantity, len(new.tag)) == (5, 20)
