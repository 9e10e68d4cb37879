"""Instruments for tests."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from tradewinds.instruments import Instrument

EXPIRY = date(2026, 7, 28)


def instrument(key: str, token: str, *, kind: str = "EQ", name: str = "", tick: str = "0.05") -> Instrument:
    """An instrument by its key; the name defaults to the symbol without its series."""
    exchange, _, symbol = key.partition(":")
    return Instrument(
        key=key,
        exchange=exchange,
        symbol=symbol,
        token=token,
        name=name or symbol.removesuffix("-EQ"),
        kind=kind,
        lot_size=1,
        tick_size=Decimal(0 if kind == "INDEX" else tick),
        expiry=EXPIRY if kind in ("FUT", "OPT") else None,
    )
