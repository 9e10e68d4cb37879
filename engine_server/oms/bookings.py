"""Changes of the books that no order of the broker's stands behind: openings, settlements, conversions, and what people adjust.
Each is a filled order of origin BOOKING with an id that follows from what it books, so that it is booked once."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from engine_server.oms.domain.states import OrderState
from engine_server.oms.draft import AuditRow, Draft
from engine_server.oms.excess_exits import books_changed, books_leave_the_broker
from engine_server.oms.records import ZERO, OrderRecord, TradeRecord


@dataclass(frozen=True, kw_only=True)
class Booking:
    """What shall be booked. `key` names it for ever; `price` is in rupees; `ours_only` where nothing moves at the broker with it."""

    key: str
    user_id: str
    config_id: str | None
    instrument: str
    product: str
    side: str
    quantity: int
    price: Decimal
    reason: str
    message: str
    ours_only: bool = False


def book(draft: Draft, booking: Booking, audit: AuditRow | None = None) -> OrderRecord:
    """Book it; the same key books once."""
    request_key = f"booking/{draft.state.account_id}/{booking.key}"
    known = draft.find(request_key=request_key)
    if known is not None:
        return known
    order = _order(draft, booking, request_key)
    trade = TradeRecord(
        trade_id=f"{order.order_id}-{booking.quantity}",
        order_id=order.order_id,
        account_id=order.account_id,
        config_id=order.config_id,
        instrument=order.instrument,
        product=order.product,
        side=order.side,
        quantity=order.quantity,
        price=booking.price,
        traded_at=draft.market_now,
    )
    booked = draft.book_trade(order, trade, audit)
    if booking.ours_only:
        change = order.quantity if order.side == "BUY" else -order.quantity
        books_leave_the_broker(draft, order.instrument, order.product, change)
    books_changed(draft, order.instrument, order.product)
    return booked


def _order(draft: Draft, booking: Booking, request_key: str) -> OrderRecord:
    order_id = f"book-{draft.state.account_id}-{booking.key}"
    return OrderRecord(
        order_id=order_id,
        account_id=draft.state.account_id,
        user_id=booking.user_id,
        config_id=booking.config_id,
        epoch=None,
        request_key=request_key,
        request_id=f"booking-{booking.key}",
        body_sha256="",
        instrument=booking.instrument,
        side=booking.side,
        quantity=booking.quantity,
        order_type="LIMIT",
        product=booking.product,
        price=booking.price if booking.price > ZERO else None,
        trigger_price=None,
        state=OrderState.FILLED,
        tag=f"book:{booking.key}",
        created_at=draft.now,
        updated_at=draft.now,
        filled_quantity=booking.quantity,
        average_price=booking.price,
        reason=booking.reason,
        message=booking.message,
        submitted_at=draft.market_now,
        origin="BOOKING",
        intent_id=order_id,
    )
