"""The broker's front desk: what it refuses at once, with a code and without an order row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.body_fields import paise_of, side_of, text_of, whole_of
from sandbox.errors import RefusedError
from sandbox.orders import Order, PendingChange, Side
from sandbox.universe import Instrument, Universe

MAX_TAG_LENGTH = 20
NOT_FOR_ALGOS = "AB4038"
"""No captured answer says which code the broker uses for MARKET and IOC orders of algos: this one is the sandbox's own."""
PRICE_PROTECTION = "AB4037"
"""The texts of limit price protection are captured, their code is not: this one is the sandbox's own."""
_PRODUCTS = frozenset({"DELIVERY", "CARRYFORWARD", "MARGIN", "INTRADAY"})
_ORDER_TYPE_OF_VARIETY: Mapping[str, str] = {"NORMAL": "LIMIT", "STOPLOSS": "STOPLOSS_LIMIT"}


@dataclass(frozen=True, slots=True)
class NewOrder:
    """A placement that passed the front desk. Prices in paise."""

    instrument: Instrument
    variety: str
    order_type: str
    product: str
    side: Side
    price: int
    trigger_price: int
    quantity: int
    disclosed_quantity: int
    tag: str


def read_new_order(body: dict[str, Any], universe: Universe) -> NewOrder:
    """The placement in a request body. Raises RefusedError with the broker's code."""
    variety = _variety(text_of(body, "variety"))
    instrument = _instrument(body, universe)
    product = text_of(body, "producttype")
    if product not in _PRODUCTS:
        raise RefusedError("AB1012", "Invalid Product Type")
    order_type = _order_type(body, variety)
    if instrument.is_cautionary and text_of(body, "scripconsent").lower() != "yes":
        raise RefusedError(
            "AB4036",
            "The order cannot be processed as the token is categorised under cautionary listings by the exchange.",
        )
    tag = text_of(body, "ordertag")
    if len(tag) > MAX_TAG_LENGTH:
        raise RefusedError("AB4008", f"Ordertag length should not exceed {MAX_TAG_LENGTH} characters")
    return NewOrder(
        instrument=instrument,
        variety=variety,
        order_type=order_type,
        product=product,
        side=side_of(body, "transactiontype"),
        price=paise_of(body, "price"),
        trigger_price=paise_of(body, "triggerprice") if order_type == "STOPLOSS_LIMIT" else 0,
        quantity=whole_of(body, "quantity"),
        disclosed_quantity=whole_of(body, "disclosedquantity", at_least=0),
        tag=tag,
    )


def read_modification(body: dict[str, Any], order: Order) -> PendingChange:
    """What a modify request wants of a known order. Raises RefusedError with the broker's code."""
    check_change_allowed(order, text_of(body, "variety"))
    order_type = text_of(body, "ordertype") or order.order_type
    _check_allowed_for_algos(order_type, text_of(body, "duration"))
    if order_type not in ("LIMIT", order.order_type):
        raise RefusedError("AB1007", f"A {order.order_type} order cannot become {order_type}")
    quantity = whole_of(body, "quantity")
    if quantity <= order.filled:
        raise RefusedError("AB1007", f"Quantity {quantity} is not above the {order.filled} already traded")
    trigger = paise_of(body, "triggerprice") if order_type == "STOPLOSS_LIMIT" else 0
    return PendingChange("modify", order_type, paise_of(body, "price"), trigger, quantity)


def check_change_allowed(order: Order, variety: str) -> None:
    """Whether the order may still be changed under this variety. Raises RefusedError."""
    if variety != order.variety:
        raise RefusedError("AB1008", f"Invalid Order Variety: the order is {order.variety}")
    if order.state.is_terminal:
        raise RefusedError("AB1013", f"Order not found: it is {order.state.value} and no longer open")


def _variety(variety: str) -> str:
    if variety == "ROBO":
        raise RefusedError("AB2002", "ROBO order is block")
    if variety == "AMO":
        raise RefusedError("AB1007", "AMO is withdrawn: send variety NORMAL")
    if variety not in _ORDER_TYPE_OF_VARIETY:
        raise RefusedError("AB1008", "Invalid Order Variety")
    return variety


def _instrument(body: dict[str, Any], universe: Universe) -> Instrument:
    instrument = universe.find(text_of(body, "exchange"), text_of(body, "symboltoken"))
    if instrument is None:
        raise RefusedError("AB4006", "Invalid symboltoken")
    if instrument.symbol != text_of(body, "tradingsymbol"):
        raise RefusedError("AB1009", "Symbol Not Found")
    return instrument


def _order_type(body: dict[str, Any], variety: str) -> str:
    order_type = text_of(body, "ordertype")
    _check_allowed_for_algos(order_type, text_of(body, "duration"))
    if order_type != _ORDER_TYPE_OF_VARIETY[variety]:
        raise RefusedError(
            "AB1008", f"Invalid Order Variety: {variety} goes with ordertype {_ORDER_TYPE_OF_VARIETY[variety]}"
        )
    return order_type


def _check_allowed_for_algos(order_type: str, duration: str) -> None:
    if order_type in ("MARKET", "STOPLOSS_MARKET"):
        raise RefusedError(
            NOT_FOR_ALGOS, f"{order_type} orders are not allowed for algo trading: send LIMIT or STOPLOSS_LIMIT"
        )
    if duration not in ("", "DAY"):
        raise RefusedError(NOT_FOR_ALGOS, f"{duration} orders are not allowed for algo trading: send duration DAY")
