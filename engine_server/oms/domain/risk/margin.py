"""Whether the account can carry the order, by the broker's own margin figures."""

from __future__ import annotations

from engine_server.oms.domain.commands import Denial, PlaceOrder
from engine_server.oms.domain.risk.view import RiskView
from tradewinds.money import format_rupees


def has_margin(order: PlaceOrder, view: RiskView) -> Denial | None:
    """What the broker would block against what it has left; where a figure is not known the broker itself is the judge."""
    if view.unit_margin is None or view.available_margin is None:
        return None
    needed = view.unit_margin * order.request.quantity
    if needed <= view.available_margin:
        return None
    return Denial(
        "INSUFFICIENT_MARGIN",
        f"the broker would block {format_rupees(needed)} rupees, {format_rupees(view.available_margin)} are left",
    )
