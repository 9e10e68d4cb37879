"""C12: too much that is open or unknown holds every entry (what is held by instrument is in `holds.py`)."""

from __future__ import annotations

from collections.abc import Callable

from engine_server.oms.domain.commands import Denial, PlaceOrder
from engine_server.oms.domain.risk.limits import LimitName
from engine_server.oms.domain.risk.view import RiskView
from engine_server.oms.domain.working_orders import WorkingOrders

_Count = Callable[[WorkingOrders], int]


def within_unknown_budget(order: PlaceOrder, view: RiskView) -> Denial | None:
    """Orders whose fate is not known."""
    name = LimitName.MAX_UNKNOWN_ORDERS
    return _within_count(order, view, name, "UNKNOWN_BUDGET", _unknown)


def within_open_orders(order: PlaceOrder, view: RiskView) -> Denial | None:
    """Orders that have not ended; more could not be cancelled in time."""
    return _within_count(order, view, LimitName.MAX_OPEN_ORDERS, "RISK_OPEN_ORDERS", len)


def _unknown(working: WorkingOrders) -> int:
    return len(working.unknown)


def _within_count(order: PlaceOrder, view: RiskView, name: LimitName, reason: str, count: _Count) -> Denial | None:
    scopes = [("account", view.limits.of_account(name), view.account)]
    if order.request.config_id is not None:
        scopes.insert(0, ("strategy", view.limits.of_strategy(name), view.book))
    for whose, limit, exposure in scopes:
        if limit is None:
            continue
        if (found := count(exposure.working)) >= limit:
            return Denial(reason, f"the {whose} has {found}, {name} is {limit.normalize():f}")
    return None
