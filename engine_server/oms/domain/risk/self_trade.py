"""C8: an order that would trade with our own resting one."""

from __future__ import annotations

from decimal import Decimal

from engine_server.oms.domain.commands import Denial, PlaceOrder
from engine_server.oms.domain.risk.view import RiskView
from engine_server.oms.records import OrderRecord
from tradewinds.money import format_rupees


def no_self_trade(order: PlaceOrder, view: RiskView) -> Denial | None:
    """Opposite orders of anybody on the account at a price that crosses. An SL rests only once it is triggered, and counts."""
    price = order.price
    if price is None:
        return None
    opposite = "SELL" if order.request.side == "BUY" else "BUY"
    for other in view.account.working.on(order.instrument.key, opposite):
        if _crosses(order, price, other):
            return Denial(
                "SELF_TRADE",
                f"{other.side} {other.remaining} at {format_rupees(other.price or price)} ({other.order_id}) works on the "
                "same account and would trade with it; cancel that one first",
            )
    return None


def _crosses(order: PlaceOrder, price: Decimal, other: OrderRecord) -> bool:
    if other.price is None:
        return True
    return price >= other.price if order.request.side == "BUY" else price <= other.price
