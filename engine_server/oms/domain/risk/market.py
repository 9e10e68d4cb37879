"""C10: whether the market takes the order now, and whether it has a price at all."""

from __future__ import annotations

from engine_server.oms.domain.commands import Denial, PlaceOrder
from engine_server.oms.domain.risk.view import RiskView


def priced(order: PlaceOrder, _view: RiskView) -> Denial | None:
    """A MARKET order needs a fresh price to be protected by."""
    return Denial("QUOTE_NOT_FRESH", order.unpriced_because) if order.price is None else None


def market_takes_it(order: PlaceOrder, _view: RiskView) -> Denial | None:
    """Entries wait for an open market, a known calendar, the day's scrip master, and a strategy that is not paused; an exit goes to the
    broker, which queues it."""
    return order.no_entry
