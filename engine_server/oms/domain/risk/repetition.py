"""C5, C6, C7, C12: too many orders, the same order again, entries that go on and on, orders that never trade."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from engine_server.oms.domain.commands import Denial, PlaceOrder
from engine_server.oms.domain.risk.activity import REMEMBERED, Intent
from engine_server.oms.domain.risk.limits import LimitName
from engine_server.oms.domain.risk.view import RiskView

# Below it the ratio says nothing: an order that has not traded yet is no habit.
_ORDERS_BEFORE_RATIO = 100
RUNAWAY: Final = "REPEAT_THROTTLE"


def within_rate(order: PlaceOrder, view: RiskView) -> Denial | None:
    """A strategy's share of the broker's rate."""
    config_id, limit = order.request.config_id, view.limits.of_strategy(LimitName.MAX_ORDERS_PER_MINUTE)
    if config_id is None or limit is None:
        return None
    count = sum(1 for intent in view.intents.within(60, view.now) if intent.config_id == config_id)
    if count < limit:
        return None
    return Denial(
        "RISK_ORDER_RATE",
        f"the strategy placed {count} orders in the last minute, max_orders_per_minute is {limit.normalize():f}",
    )


def not_duplicate(order: PlaceOrder, view: RiskView) -> Denial | None:
    """The same order of the same owner twice within moments, under two request ids."""
    window = view.limits.of_order(LimitName.DUPLICATE_WINDOW_SECONDS)
    if not window:
        return None
    for intent in view.intents.within(float(window), view.now):
        if _is_same(intent, order):
            return Denial(
                "DUPLICATE_ORDER",
                f"the same order ({intent.order_id}) was placed less than {window.normalize():f} s before; "
                "wait, change it, or set duplicate_window_seconds to 0",
            )
    return None


def not_runaway(order: PlaceOrder, view: RiskView) -> Denial | None:
    """A strategy that enters an instrument in one direction again and again, and never gets out: what turns over is no runaway."""
    config_id, limit = order.request.config_id, view.limits.of_strategy(LimitName.MAX_REPEATED_ENTRIES)
    if config_id is None or limit is None:
        return None
    own = (i for i in view.intents.within(REMEMBERED.total_seconds(), view.now) if i.config_id == config_id)
    count = entries_without_exit(own).get((order.instrument.key, order.request.side), 0)
    if count < limit:
        return None
    return Denial(
        RUNAWAY,
        f"the strategy entered {order.request.side} {order.instrument.key} {count} times in ten minutes without an exit, "
        f"max_repeated_entries is {limit.normalize():f}; look at it before it goes on",
    )


def entries_without_exit(intents: Iterable[Intent]) -> Mapping[tuple[str, str], int]:
    """By instrument and side, of one strategy; `intents` come newest first."""
    counts: dict[tuple[str, str], int] = {}
    left: set[str] = set()
    for intent in intents:
        if intent.is_exit:
            left.add(intent.instrument)
        elif intent.instrument not in left:
            counts[intent.instrument, intent.side] = counts.get((intent.instrument, intent.side), 0) + 1
    return counts


def within_order_to_trade_ratio(order: PlaceOrder, view: RiskView) -> Denial | None:
    """Orders of the day for each trade."""
    limit = view.limits.of_order(LimitName.MAX_ORDERS_PER_TRADE)
    if limit is None or view.orders_today < _ORDERS_BEFORE_RATIO:
        return None
    if view.orders_today < limit * max(view.trades_today, 1):
        return None
    return Denial(
        "RISK_ORDER_TO_TRADE",
        f"{view.orders_today} orders and {view.trades_today} trades today, max_orders_per_trade is {limit.normalize():f}",
    )


def _is_same(intent: Intent, order: PlaceOrder) -> bool:
    request = order.request
    wanted = (request.config_id, order.instrument.key, request.side, request.quantity, request.product, order.price)
    return wanted == (
        intent.config_id,
        intent.instrument,
        intent.side,
        intent.quantity,
        intent.product,
        intent.price,
    )
