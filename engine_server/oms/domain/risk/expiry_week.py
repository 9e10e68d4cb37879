"""What is settled by delivery takes no entries in its last days: whoever is still in it must pay for, or deliver, the shares."""

from __future__ import annotations

from typing import Final

from engine_server.oms.domain.commands import Denial, PlaceOrder
from engine_server.oms.domain.risk.limits import LimitName
from engine_server.oms.domain.risk.view import RiskView
from tradewinds.clock import ist

# The broker's types of futures and options on shares and on commodities that are delivered.
DELIVERED: Final = frozenset({"FUTSTK", "OPTSTK", "FUTCOM"})


def not_near_delivery(order: PlaceOrder, view: RiskView) -> Denial | None:
    """Days are counted on the calendar, the day of expiry is 0."""
    instrument, days = order.instrument, view.limits.of_order(LimitName.EXPIRY_DAYS)
    if days is None or instrument.expiry is None or instrument.instrument_type not in DELIVERED:
        return None
    left = (instrument.expiry - ist(view.market_now).date()).days
    if left >= days:
        return None
    return Denial(
        "EXPIRY_WEEK",
        f"{instrument.key} is settled by delivery and expires on {instrument.expiry} in {left} days; "
        f"entries end {days:f} days before (expiry_days)",
    )
