"""What an order's owner is told, and that it reads like something for a person."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine_server.oms.domain.states import OrderState
from engine_server.oms.events import EventKind
from engine_server.oms.notices import notice_of
from engine_server.oms.records import TradeRecord
from notifier.types import TYPES
from tests.support.readable import unreadable
from tests.unit.oms.orders import NOON, order_record

TRADE = TradeRecord(
    trade_id="t-1",
    order_id="ord-1",
    account_id="ACC1",
    config_id=None,
    instrument="NSE:RELIANCE-EQ",
    product="MIS",
    side="BUY",
    quantity=4,
    price=Decimal("123456.05"),
    traded_at=NOON,
)


@pytest.mark.parametrize(
    ("kind", "state", "trade", "type_", "title"),
    [
        (EventKind.DENIED, "DENIED", None, "ORDER_DENIED", "denied"),
        (EventKind.REJECTED, "REJECTED", None, "ORDER_REJECTED", "rejected"),
        (EventKind.REPORTED, "REJECTED", None, "ORDER_REJECTED", "rejected"),
        (EventKind.NOT_SENT, "NOT_PLACED", None, "ORDER_NOT_PLACED", "not placed"),
        (EventKind.NOT_FOUND, "NOT_PLACED", None, "ORDER_NOT_PLACED", "not placed"),
        (EventKind.HANDED_BACK, "NOT_PLACED", None, "ORDER_NOT_PLACED", "not placed"),
        (EventKind.REPORTED, "CANCELLED", None, "ORDER_CANCELLED", "cancelled"),
        (EventKind.WITHDRAWN, "CANCELLED", None, "ORDER_CANCELLED", "cancelled"),
        (EventKind.DAY_ENDED, "EXPIRED", None, "ORDER_CANCELLED", "cancelled"),
        (EventKind.FILLED, "OPEN", TRADE, "ORDER_PARTIALLY_FILLED", "partially filled"),
        (EventKind.FILLED, "FILLED", TRADE, "ORDER_EXECUTED", "executed"),
        (EventKind.LATE_FILL, "CANCELLED", TRADE, "ORDER_CANCELLED", "cancelled"),
        (EventKind.OVERFILLED, "FILLED", TRADE, "ORDER_OVERFILLED", "overfilled"),
        (EventKind.STILL_UNKNOWN, "UNKNOWN", None, "ORDER_UNKNOWN", "fate unknown"),
        (EventKind.RESURFACED, "OPEN", None, "ORDER_UNKNOWN", "fate unknown"),
    ],
)
def test_how_an_order_went_is_told(
    kind: EventKind, state: str, trade: TradeRecord | None, type_: str, title: str
) -> None:
    order = order_record(state=OrderState[state], filled_quantity=4 if trade else 0)
    notice = notice_of(kind, order, trade)
    assert notice is not None
    assert (notice.type, notice.title) == (type_, f"BUY {order.quantity} NSE:RELIANCE-EQ: {title}")
    assert unreadable(notice.title) + unreadable(notice.message) == []
    assert trade is None or "bought 4 at ₹1,23,456.05" in notice.message
    payload = notice.payload(order)
    assert payload["type"] in TYPES
    assert payload["user_id"] == order.user_id
    # The same fact again is the same key; the next one is not.
    again = order_record(state=OrderState[state], filled_quantity=order.filled_quantity)
    later = order_record(state=OrderState[state], filled_quantity=9)
    keys = [one.dedupe_key for one in (notice_of(kind, again, trade), notice_of(kind, later, trade)) if one is not None]
    assert [key == notice.dedupe_key for key in keys] == [True, False]


@pytest.mark.parametrize(
    "kind", [EventKind.PLACED, EventKind.SUBMITTED, EventKind.ACCEPTED, EventKind.UNCLEAR, EventKind.CANCEL_REQUESTED]
)
def test_what_is_only_flow_is_not_told(kind: EventKind) -> None:
    assert notice_of(kind, order_record(state=OrderState.OPEN), None) is None


def test_a_booking_is_nobodys_order() -> None:
    assert notice_of(EventKind.FILLED, order_record(origin="BOOKING"), TRADE) is None
