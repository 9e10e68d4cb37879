"""Our order in the broker's words (protocol §3.1). LIMIT and STOPLOSS_LIMIT for the day, nothing else: the broker allows
algos neither MARKET nor IOC.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from engine_server.broker.port import OrderTicket
from tradewinds.money import format_rupees

PRODUCT_TYPES: Final = {"MIS": "INTRADAY", "NRML": "CARRYFORWARD", "CNC": "DELIVERY"}
_ORDER_TYPES: Final = {"LIMIT": "LIMIT", "SL": "STOPLOSS_LIMIT"}
_VARIETIES: Final = {"LIMIT": "NORMAL", "MARKET": "NORMAL", "SL": "STOPLOSS"}

# AB4008 says 20, the documentation "less than 20" (protocol §11.2).
MAX_TAG_CHARACTERS = 19


def placement_parameters(ticket: OrderTicket) -> dict[str, str]:
    """The body of placeOrder. Raises `ValueError` for a ticket that must not be sent."""
    _check(ticket)
    parameters = {
        "variety": variety_of(ticket.order_type),
        "tradingsymbol": ticket.instrument.symbol,
        "symboltoken": ticket.instrument.token,
        "transactiontype": ticket.side,
        "exchange": ticket.instrument.exchange,
        "ordertype": _ORDER_TYPES[ticket.order_type],
        "producttype": PRODUCT_TYPES[ticket.product],
        "duration": "DAY",
        "price": format_rupees(ticket.price),
        "squareoff": "0",
        "stoploss": "0",
        "quantity": str(ticket.quantity),
        "ordertag": ticket.tag,
    }
    if ticket.trigger_price is not None:
        parameters["triggerprice"] = format_rupees(ticket.trigger_price)
    return parameters


def variety_of(order_type: str) -> str:
    """The variety that an order of this type has at the broker; a cancel must name the order's own. Our MARKET went out as
    a LIMIT. Raises `ValueError`.
    """
    if order_type not in _VARIETIES:
        raise ValueError(f"order_type: {order_type!r} is not one of {', '.join(_VARIETIES)}")
    return _VARIETIES[order_type]


def _check(ticket: OrderTicket) -> None:
    if ticket.order_type not in _ORDER_TYPES:
        raise ValueError(f"order_type: {ticket.order_type!r} is never sent to the broker, only LIMIT and SL are")
    if ticket.side not in ("BUY", "SELL"):
        raise ValueError(f"side: {ticket.side!r} is not BUY or SELL")
    if ticket.product not in PRODUCT_TYPES:
        raise ValueError(f"product: {ticket.product!r} is not one of {', '.join(PRODUCT_TYPES)}")
    if ticket.quantity <= 0 or ticket.price <= Decimal(0):
        raise ValueError(f"quantity and price must be positive, they are {ticket.quantity} and {ticket.price}")
    if (ticket.order_type == "SL") != (ticket.trigger_price is not None):
        raise ValueError("trigger_price: an SL order needs one, a LIMIT order must not have one")
    if not 0 < len(ticket.tag) <= MAX_TAG_CHARACTERS or not (ticket.tag.isascii() and ticket.tag.isalnum()):
        raise ValueError(f"tag: {ticket.tag!r} is not 1 to {MAX_TAG_CHARACTERS} letters and digits")
