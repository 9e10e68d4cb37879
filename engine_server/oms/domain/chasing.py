"""The bounded chase of a MARKET order: it was sent as a LIMIT with a protection price, and the market may have left that."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from engine_server.oms.domain.protection import NoFreshQuoteError, Quote, protection_price
from engine_server.oms.domain.states import OrderState
from engine_server.oms.records import OrderRecord
from tradewinds.instruments import Instrument

CHASE_SECONDS = 2.0
MAXIMUM_CHASES = 5


@dataclass(frozen=True)
class Chase:
    """How often a MARKET order was priced anew, and when it was last (monotonic)."""

    times: int
    at: float


def next_price(
    order: OrderRecord, chase: Chase, instrument: Instrument, quote: Quote | None, now: float
) -> Decimal | None:
    """The price to change it to; None where it may rest. An entry is not chased beyond the bound, and an exit neither: it rests there,
    and its owner sees it."""
    if not is_chased(order) or chase.times >= MAXIMUM_CHASES or now - chase.at < CHASE_SECONDS:
        return None
    try:
        price = protection_price(instrument, order.side, quote)
    except NoFreshQuoteError:
        return None
    if order.price is None:
        return None
    left_behind = price > order.price if order.side == "BUY" else price < order.price
    return price if left_behind else None


def is_chased(order: OrderRecord) -> bool:
    """Whether the order is one to be chased now."""
    return (
        order.order_type == "MARKET"
        and order.origin == "CALLER"
        and order.state in (OrderState.OPEN, OrderState.PARTIALLY_FILLED)
        and not order.cancel_requested
        and not order.modify_requested
    )
