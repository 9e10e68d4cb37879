"""Conversion of a position: part of today's leg moves under another product, at its average (smartapi_protocol 3.8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    exchange, token = str(body.get("exchange") or ""), str(body.get("symboltoken") or "")
    old, new = (str(body.get(name) or "").upper() for name in ("oldproducttype", "newproducttype"))
    side, quantity = _side(body), _quantity(body)
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


def _side(body: Mapping[str, Any]) -> Side:
    try:
        return Side(str(body.get("transactiontype") or "").upper())
    except ValueError:
        raise RefusedError(_FAILED, "Position conversion failed: transactiontype is not BUY or SELL") from None


def _quantity(body: Mapping[str, Any]) -> int:
    text = str(body.get("quantity") or "")
    if not text.isdigit() or not int(text):
        raise RefusedError(_FAILED, f"Position conversion failed: quantity {text!r}")
    return int(text)
