"""C2, C3: how large one order may be."""

from __future__ import annotations

from engine_server.oms.domain.commands import Denial, PlaceOrder
from engine_server.oms.domain.risk.exposure import order_value
from engine_server.oms.domain.risk.limits import LimitName
from engine_server.oms.domain.risk.view import RiskView
from tradewinds.money import format_rupees


def within_quantity(order: PlaceOrder, view: RiskView) -> Denial | None:
    """Units of one order."""
    limit, quantity = view.limits.of_order(LimitName.MAX_ORDER_QUANTITY), order.request.quantity
    if limit is None or quantity <= limit:
        return None
    return Denial("RISK_ORDER_QUANTITY", f"{quantity} units are more than max_order_quantity, {limit.normalize():f}")


def within_value(order: PlaceOrder, view: RiskView) -> Denial | None:
    """Rupees of one order."""
    limit, value = view.limits.of_order(LimitName.MAX_ORDER_VALUE), order_value(order)
    if limit is None or value <= limit:
        return None
    return Denial(
        "RISK_ORDER_VALUE", f"{format_rupees(value)} rupees are more than max_order_value, {format_rupees(limit)}"
    )
