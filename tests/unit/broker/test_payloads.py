"""Our orders in the broker's words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine_server.broker.angel_one.payloads import placement_parameters, variety_of
from tests.support.angel_one import ticket


def test_a_limit_order_is_a_normal_day_order() -> None:
    assert placement_parameters(ticket("TW1", quantity=5, price=Decimal("612.4"))) == {
        "variety": "NORMAL",
        "tradingsymbol": "SBIN-EQ",
        "symboltoken": "3045",
        "transactiontype": "BUY",
        "exchange": "NSE",
        "ordertype": "LIMIT",
        "producttype": "INTRADAY",
        "duration": "DAY",
        "price": "612.40",
        "squareoff": "0",
        "stoploss": "0",
        "quantity": "5",
        "ordertag": "TW1",
    }


def test_a_stop_order_has_its_own_variety_and_a_trigger() -> None:
    parameters = placement_parameters(ticket("TW1", order_type="SL", trigger_price=Decimal("99.95")))
    assert (parameters["variety"], parameters["ordertype"]) == ("STOPLOSS", "STOPLOSS_LIMIT")
    assert parameters["triggerprice"] == "99.95"


@pytest.mark.parametrize(("ours", "theirs"), [("MIS", "INTRADAY"), ("NRML", "CARRYFORWARD"), ("CNC", "DELIVERY")])
def test_products_are_translated(ours: str, theirs: str) -> None:
    assert placement_parameters(ticket("TW1", product=ours))["producttype"] == theirs


def test_a_currency_price_keeps_its_four_decimals() -> None:
    assert placement_parameters(ticket("TW1", price=Decimal("83.2525")))["price"] == "83.2525"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"order_type": "MARKET"}, "order_type: 'MARKET' is never sent"),
        ({"order_type": "IOC"}, "order_type: 'IOC'"),
        ({"side": "HOLD"}, "side: 'HOLD'"),
        ({"product": "BO"}, "product: 'BO'"),
        ({"quantity": 0}, "quantity and price must be positive"),
        ({"price": Decimal(0)}, "quantity and price must be positive"),
        ({"order_type": "SL"}, "trigger_price: an SL order needs one"),
        ({"trigger_price": Decimal(1)}, "a LIMIT order must not"),
        ({"tag": "A" * 20}, "tag: "),
        ({"tag": ""}, "tag: "),
        ({"tag": "a-b"}, "tag: "),
    ],
)
def test_what_must_not_be_sent_is_refused_naming_the_field(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        placement_parameters(ticket(**{"tag": "TW1", **change}))


def test_a_cancel_names_the_variety_of_the_order_our_market_having_been_a_limit() -> None:
    assert [variety_of(order_type) for order_type in ("LIMIT", "MARKET", "SL")] == ["NORMAL", "NORMAL", "STOPLOSS"]
    with pytest.raises(ValueError, match="order_type"):
        variety_of("AMO")
