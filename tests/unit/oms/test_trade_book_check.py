"""The broker's trade book against what our orders have filled."""

from __future__ import annotations

from decimal import Decimal

from engine_server.broker.port import TradeReport
from engine_server.oms.trade_book_check import FillDifference, differences
from tests.unit.oms.orders import NOON, order_record
from tradewinds.clock import day_key

DAY = day_key(NOON)
ORDER = order_record(broker_order_id="b1", filled_quantity=10, submitted_at=NOON)


def fill(quantity: int, fill_id: str = "f1", broker_order_id: str = "b1") -> TradeReport:
    return TradeReport(broker_order_id, fill_id, "NSE", "RELIANCE-EQ", "BUY", "MIS", quantity, Decimal(1400), None)


def test_fills_of_one_order_are_added_up_and_each_counts_once() -> None:
    assert differences([ORDER], [fill(4), fill(6, "f2"), fill(6, "f2")], DAY) == []


def test_more_and_fewer_are_told() -> None:
    assert differences([ORDER], [fill(12)], DAY) == [FillDifference(ORDER.order_id, 10, 12)]
    assert differences([ORDER], [], DAY) == [FillDifference(ORDER.order_id, 10, 0)]


def test_orders_of_another_day_and_trades_of_nobody_say_nothing() -> None:
    assert differences([ORDER], [], "2020-01-01") == []
    assert differences([order_record(broker_order_id=None)], [fill(3, broker_order_id="other")], DAY) == []
