"""A bad field is named, with what to do about it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine_server.oms.domain.validation import check_order
from tests.unit.oms.orders import NIFTY, NIFTY_FUTURE, RELIANCE, order_request
from tradewinds.errors import InvalidArgumentError
from tradewinds.instruments import Instrument


@pytest.mark.parametrize(
    ("changes", "instrument", "field", "says"),
    [
        ({"request_id": ""}, RELIANCE, "request_id", "required"),
        ({"request_id": "x" * 129}, RELIANCE, "request_id", "at most 128"),
        ({"request_id": "a\x00b"}, RELIANCE, "request_id", "printable"),
        ({}, NIFTY, "instrument", "index"),
        ({"quantity": 0}, RELIANCE, "quantity", "positive"),
        ({"quantity": -5}, RELIANCE, "quantity", "was -5"),
        ({"quantity": 100}, NIFTY_FUTURE, "quantity", "use 65 or 130"),
        ({"quantity": 10}, NIFTY_FUTURE, "quantity", "lot of 65; use 65"),
        ({"quantity": 10**9}, RELIANCE, "quantity", "more than"),
        ({"price": None}, RELIANCE, "price", "required for LIMIT"),
        ({"price": Decimal("1400.03")}, RELIANCE, "price", "1400.00 or 1400.05"),
        ({"price": Decimal(0)}, RELIANCE, "price", "positive"),
        ({"price": Decimal("0.03")}, RELIANCE, "price", "nearest prices are 0.05"),
        ({"order_type": "MARKET"}, RELIANCE, "price", "use LIMIT"),
        ({"trigger_price": Decimal(1400)}, RELIANCE, "trigger_price", "use SL"),
        ({"order_type": "SL"}, RELIANCE, "trigger_price", "required for SL"),
        ({"order_type": "SL", "trigger_price": Decimal("1399.99")}, RELIANCE, "trigger_price", "1399.95 or 1400.00"),
        ({"order_type": "SL", "trigger_price": Decimal(1401)}, RELIANCE, "trigger_price", "not be above"),
        ({"order_type": "SL", "side": "SELL", "trigger_price": Decimal(1399)}, RELIANCE, "trigger_price", "below"),
        ({"product": "NRML"}, RELIANCE, "product", "CNC"),
        ({"product": "CNC", "quantity": 65}, NIFTY_FUTURE, "product", "NRML"),
    ],
)
def test_a_bad_field_is_refused_by_name(changes: dict[str, Any], instrument: Instrument, field: str, says: str) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        check_order(order_request(**changes), instrument)
    assert any(v.field == field and says in v.description for v in refused.value.violations), refused.value


def test_every_bad_field_is_named_at_once() -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        check_order(order_request(quantity=0, price=Decimal("1400.03")), RELIANCE)
    assert [violation.field for violation in refused.value.violations] == ["quantity", "price"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"order_type": "MARKET", "price": None},
        {"order_type": "SL", "trigger_price": Decimal(1399)},
        {"order_type": "SL", "side": "SELL", "trigger_price": Decimal(1401)},
        {"product": "CNC"},
    ],
)
def test_good_orders_pass(changes: dict[str, Any]) -> None:
    check_order(order_request(**changes), RELIANCE)
