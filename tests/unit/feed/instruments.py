"""Instruments for tests."""

from __future__ import annotations

from decimal import Decimal

from tradewinds.instruments import Instrument


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
    )
