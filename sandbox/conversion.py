"""Conversion of a position: part of today's leg moves under another product, at its average (smartapi_protocol 3.8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.body_fields import side_of, text_of, whole_of
from sandbox.errors import RefusedError
from sandbox.ledger import Conversion
from sandbox.orders import Side
from sandbox.positions import Position, PositionKey
from sandbox.risk import CASH_PRODUCTS, MARGIN_PERCENT, Funds
from sandbox.universe import Universe

_FAILED = "AB1017"


def read_conversion(
    body: Mapping[str, Any], universe: Universe, positions: Mapping[PositionKey, Position], funds: Funds, at_ms: int
) -> Conversion:
    """The conversion in a request body. Raises RefusedError AB1017 with what is wrong: the broker's own words are not known."""
    exchange, token = text_of(body, "exchange"), text_of(body, "symboltoken")
    old, new = (text_of(body, name).upper() for name in ("oldproducttype", "newproducttype"))
    side, quantity = side_of(body, "transactiontype", _FAILED), whole_of(body, "quantity", _FAILED)
    instrument, position = universe.find(exchange, token), positions.get((exchange, token, old))
    if instrument is None or position is None:
        raise RefusedError(_FAILED, f"Position conversion failed: no {old} position in {exchange} {token}")
    if new == old or new not in MARGIN_PERCENT or (instrument.is_derivative and new in CASH_PRODUCTS):
        raise RefusedError(_FAILED, f"Position conversion failed: {old} cannot become {new}")
    leg = position.buys if side is Side.BUY else position.sells
    if quantity > min(leg.quantity, side.sign * position.net):
        raise RefusedError(_FAILED, f"Position conversion failed: {quantity} is more than is open today")
    extra = leg.value * quantity // leg.quantity * (MARGIN_PERCENT[new] - MARGIN_PERCENT[old]) // 100
    if extra > funds.available:
        raise RefusedError(_FAILED, "Position conversion failed: RMS:Insufficient funds")
    return Conversion(exchange, token, old, new, side, quantity, at_ms)
