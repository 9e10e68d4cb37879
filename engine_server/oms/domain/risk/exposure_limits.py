"""C3: how much may be at stake, of a strategy and of its account; what a strategy was given as capital."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from engine_server.oms.domain.commands import Denial, PlaceOrder
from engine_server.oms.domain.risk.exposure import (
    Exposure,
    gross_exposure,
    net_exposure,
    open_order_value,
    order_value,
)
from engine_server.oms.domain.risk.limits import LimitName
from engine_server.oms.domain.risk.view import RiskView
from tradewinds.money import format_rupees

_Measure = Callable[[Exposure, PlaceOrder | None], Decimal]


def within_capital(order: PlaceOrder, view: RiskView) -> Denial | None:
    """Gross exposure of book, working orders and this order stays within the strategy's `capital_allocated`."""
    if order.capital is None:
        return None
    wanted = gross_exposure(view.book, order)
    if wanted <= order.capital:
        return None
    return Denial(
        "RISK_CAPITAL",
        f"the strategy's exposure would be {format_rupees(wanted)} rupees, its capital_allocated is "
        f"{format_rupees(order.capital)}; it is {format_rupees(gross_exposure(view.book))} now",
    )


def within_open_order_value(order: PlaceOrder, view: RiskView) -> Denial | None:
    """Rupees of everything that may still be filled."""
    return _within(order, view, LimitName.MAX_OPEN_ORDER_VALUE, "RISK_OPEN_ORDER_VALUE", _open_value)


def within_gross_exposure(order: PlaceOrder, view: RiskView) -> Denial | None:
    """Rupees at stake, long and short added."""
    return _within(order, view, LimitName.MAX_GROSS_EXPOSURE, "RISK_GROSS_EXPOSURE", gross_exposure)


def within_net_exposure(order: PlaceOrder, view: RiskView) -> Denial | None:
    """Rupees at stake in one direction."""
    return _within(order, view, LimitName.MAX_NET_EXPOSURE, "RISK_NET_EXPOSURE", net_exposure)


def _open_value(exposure: Exposure, order: PlaceOrder | None) -> Decimal:
    return open_order_value(exposure) + (order_value(order) if order is not None else 0)


def _within(order: PlaceOrder, view: RiskView, name: LimitName, reason: str, measure: _Measure) -> Denial | None:
    scopes = [("account", view.limits.of_account(name), view.account)]
    if order.request.config_id is not None:
        scopes.insert(0, ("strategy", view.limits.of_strategy(name), view.book))
    for whose, limit, exposure in scopes:
        if limit is not None and (wanted := measure(exposure, order)) > limit:
            now = format_rupees(measure(exposure, None))
            return Denial(
                reason,
                f"it would be {format_rupees(wanted)} rupees, the {whose}'s {name} is {format_rupees(limit)}; "
                f"it is {now} now",
            )
    return None
