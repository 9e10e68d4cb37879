"""Our orders in the broker's words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine_server.broker.angel_one.payloads import (
    MAX_MARGIN_TICKETS,
    change_parameters,
    conversion_parameters,
    margin_parameters,
    placement_parameters,
    variety_of,
)
from engine_server.broker.port import OrderChange, PositionConversion
from tests.support.angel_one import SBIN, ticket


def change(**other: Any) -> OrderChange:
    facts: dict[str, Any] = {
        "broker_order_id": "261122000000001",
        "instrument": SBIN,
        "order_type": "LIMIT",
        "product": "MIS",
        "quantity": 5,
        "price": Decimal("612.4"),
        **other,
    }
    return OrderChange(**facts)


def conversion(**other: Any) -> PositionConversion:
    facts: dict[str, Any] = {
        "instrument": SBIN,
        "side": "BUY",
        "quantity": 3,
        "from_product": "MIS",
        "to_product": "CNC",
        **other,
    }
    return PositionConversion(**facts)


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


def test_a_change_says_the_whole_order_again() -> None:
    assert change_parameters(change()) == {
        "variety": "NORMAL",
        "orderid": "261122000000001",
        "ordertype": "LIMIT",
        "producttype": "INTRADAY",
        "duration": "DAY",
        "price": "612.40",
        "quantity": "5",
        "tradingsymbol": "SBIN-EQ",
        "symboltoken": "3045",
        "exchange": "NSE",
    }


def test_a_changed_stop_order_keeps_its_variety_and_says_its_trigger() -> None:
    parameters = change_parameters(change(order_type="SL", trigger_price=Decimal("610")))
    assert (parameters["variety"], parameters["ordertype"]) == ("STOPLOSS", "STOPLOSS_LIMIT")
    assert parameters["triggerprice"] == "610.00"


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"broker_order_id": ""}, "broker_order_id: is empty"),
        ({"order_type": "MARKET"}, "order_type: 'MARKET' is never sent"),
        ({"order_type": "SL"}, "trigger_price: an SL order needs one"),
        ({"trigger_price": Decimal(1)}, "a LIMIT order must not"),
        ({"quantity": 0}, "quantity and price must be positive"),
        ({"price": Decimal(-1)}, "quantity and price must be positive"),
        ({"product": "BO"}, "product: 'BO'"),
    ],
)
def test_a_change_that_must_not_be_sent_names_the_field(wrong: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        change_parameters(change(**wrong))


def test_a_conversion_names_both_products_in_the_brokers_words() -> None:
    assert conversion_parameters(conversion()) == {
        "exchange": "NSE",
        "symboltoken": "3045",
        "tradingsymbol": "SBIN-EQ",
        "oldproducttype": "INTRADAY",
        "newproducttype": "DELIVERY",
        "transactiontype": "BUY",
        "quantity": "3",
        "type": "DAY",
    }


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"from_product": "BO"}, "from_product: 'BO'"),
        ({"to_product": "X"}, "to_product: 'X'"),
        ({"to_product": "MIS"}, "to_product: the position is MIS already"),
        ({"side": ""}, "side: ''"),
        ({"quantity": 0}, "quantity: must be positive"),
    ],
)
def test_a_conversion_that_must_not_be_sent_names_the_field(wrong: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        conversion_parameters(conversion(**wrong))


def test_margins_are_asked_for_together_with_numbers_for_quantities() -> None:
    asked = margin_parameters([ticket("A", quantity=5, price=Decimal("612.40")), ticket("", side="SELL")])
    assert asked["positions"][0] == {
        "exchange": "NSE",
        "qty": 5,
        "price": 612.4,
        "productType": "INTRADAY",
        "token": "3045",
        "tradeType": "BUY",
        "orderType": "LIMIT",
    }
    assert asked["positions"][1]["tradeType"] == "SELL"


@pytest.mark.parametrize("count", [0, MAX_MARGIN_TICKETS + 1])
def test_more_margins_than_a_batch_takes_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match="tickets: 1 to"):
        margin_parameters([ticket("A")] * count)
