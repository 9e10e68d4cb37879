"""Our order in the broker's words (protocol §3.1). LIMIT and STOPLOSS_LIMIT for the day, nothing else: the broker allows
algos neither MARKET nor IOC.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from engine_server.broker.port import OrderChange, OrderTicket, PositionConversion
from tradewinds.instruments import Instrument
from tradewinds.money import format_rupees

PRODUCT_TYPES: Final = {"MIS": "INTRADAY", "NRML": "CARRYFORWARD", "CNC": "DELIVERY"}
_ORDER_TYPES: Final = {"LIMIT": "LIMIT", "SL": "STOPLOSS_LIMIT"}
_VARIETIES: Final = {"LIMIT": "NORMAL", "MARKET": "NORMAL", "SL": "STOPLOSS"}

# AB4008 says 20, the documentation "less than 20" (protocol §11.2).
MAX_TAG_CHARACTERS = 19

# What the broker's documentation allows in one batch.
MAX_MARGIN_TICKETS = 50


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


def change_parameters(change: OrderChange) -> dict[str, str]:
    """The body of modifyOrder: everything is said again, the trigger of an SL order included (without it the broker
    takes the order for another one). Raises `ValueError` for a change that must not be sent.
    """
    _check_terms(change.order_type, change.product, change.quantity, change.price, change.trigger_price)
    if not change.broker_order_id:
        raise ValueError("broker_order_id: is empty; an order that the broker has not named cannot be changed")
    parameters = {
        "variety": variety_of(change.order_type),
        "orderid": change.broker_order_id,
        "ordertype": _ORDER_TYPES[change.order_type],
        "producttype": PRODUCT_TYPES[change.product],
        "duration": "DAY",
        "price": format_rupees(change.price),
        "quantity": str(change.quantity),
        **_identity(change.instrument),
    }
    if change.trigger_price is not None:
        parameters["triggerprice"] = format_rupees(change.trigger_price)
    return parameters


def conversion_parameters(conversion: PositionConversion) -> dict[str, str]:
    """The body of convertPosition. Raises `ValueError` for a conversion that must not be sent."""
    for name, product in (("from_product", conversion.from_product), ("to_product", conversion.to_product)):
        if product not in PRODUCT_TYPES:
            raise ValueError(f"{name}: {product!r} is not one of {', '.join(PRODUCT_TYPES)}")
    if conversion.from_product == conversion.to_product:
        raise ValueError(f"to_product: the position is {conversion.to_product} already")
    if conversion.side not in ("BUY", "SELL"):
        raise ValueError(f"side: {conversion.side!r} is not BUY or SELL")
    if conversion.quantity <= 0:
        raise ValueError(f"quantity: must be positive, it is {conversion.quantity}")
    return {
        **_identity(conversion.instrument),
        "oldproducttype": PRODUCT_TYPES[conversion.from_product],
        "newproducttype": PRODUCT_TYPES[conversion.to_product],
        "transactiontype": conversion.side,
        "quantity": str(conversion.quantity),
        "type": "DAY",
    }


def margin_parameters(tickets: Sequence[OrderTicket]) -> dict[str, Any]:
    """The body of the margin batch; unlike elsewhere the quantity is a number. Raises `ValueError`."""
    if not 0 < len(tickets) <= MAX_MARGIN_TICKETS:
        raise ValueError(f"tickets: 1 to {MAX_MARGIN_TICKETS} can be asked about at once, not {len(tickets)}")
    for ticket in tickets:
        _check_terms(ticket.order_type, ticket.product, ticket.quantity, ticket.price, ticket.trigger_price)
    return {"positions": [_margin_line(ticket) for ticket in tickets]}


def _margin_line(ticket: OrderTicket) -> dict[str, Any]:
    return {
        "exchange": ticket.instrument.exchange,
        "qty": ticket.quantity,
        "price": float(ticket.price),
        "productType": PRODUCT_TYPES[ticket.product],
        "token": ticket.instrument.token,
        "tradeType": ticket.side,
        "orderType": _ORDER_TYPES[ticket.order_type],
    }


def charges_parameters(tickets: Sequence[OrderTicket]) -> dict[str, Any]:
    """The body of the estimate of charges. Raises `ValueError`."""
    if not 0 < len(tickets) <= MAX_MARGIN_TICKETS:
        raise ValueError(f"tickets: 1 to {MAX_MARGIN_TICKETS} can be asked about at once, not {len(tickets)}")
    return {
        "orders": [
            {
                "product_type": PRODUCT_TYPES[ticket.product],
                "transaction_type": ticket.side,
                "quantity": str(ticket.quantity),
                "price": str(ticket.price),
                "exchange": ticket.instrument.exchange,
                "symbol_name": ticket.instrument.symbol,
                "token": ticket.instrument.token,
            }
            for ticket in tickets
        ]
    }


def _identity(instrument: Instrument) -> dict[str, str]:
    return {
        "exchange": instrument.exchange,
        "symboltoken": instrument.token,
        "tradingsymbol": instrument.symbol,
    }


def variety_of(order_type: str) -> str:
    """The variety that an order of this type has at the broker; a cancel must name the order's own. Our MARKET went out as
    a LIMIT. Raises `ValueError`.
    """
    if order_type not in _VARIETIES:
        raise ValueError(f"order_type: {order_type!r} is not one of {', '.join(_VARIETIES)}")
    return _VARIETIES[order_type]


def _check(ticket: OrderTicket) -> None:
    _check_terms(ticket.order_type, ticket.product, ticket.quantity, ticket.price, ticket.trigger_price)
    if ticket.side not in ("BUY", "SELL"):
        raise ValueError(f"side: {ticket.side!r} is not BUY or SELL")
    if not 0 < len(ticket.tag) <= MAX_TAG_CHARACTERS or not (ticket.tag.isascii() and ticket.tag.isalnum()):
        raise ValueError(f"tag: {ticket.tag!r} is not 1 to {MAX_TAG_CHARACTERS} letters and digits")


def _check_terms(order_type: str, product: str, quantity: int, price: Decimal, trigger: Decimal | None) -> None:
    if order_type not in _ORDER_TYPES:
        raise ValueError(f"order_type: {order_type!r} is never sent to the broker, only LIMIT and SL are")
    if product not in PRODUCT_TYPES:
        raise ValueError(f"product: {product!r} is not one of {', '.join(PRODUCT_TYPES)}")
    if quantity <= 0 or price <= Decimal(0):
        raise ValueError(f"quantity and price must be positive, they are {quantity} and {price}")
    if (order_type == "SL") != (trigger is not None):
        raise ValueError("trigger_price: an SL order needs one, a LIMIT order must not have one")
