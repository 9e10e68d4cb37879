"""Instruments as messages."""

from __future__ import annotations

from tradewinds.instruments import Instrument
from tradewinds.money import format_rupees
from tradewinds.v1 import market_data_pb2


def instrument_message(instrument: Instrument) -> market_data_pb2.Instrument:
    """An instrument on the wire; prices in rupees."""
    return market_data_pb2.Instrument(
        instrument=instrument.key,
        kind=instrument.kind,
        name=instrument.name,
        token=instrument.token,
        lot_size=instrument.lot_size,
        tick_size=format_rupees(instrument.tick_size),
        exchange=instrument.exchange,
        symbol=instrument.symbol,
        expiry=instrument.expiry.isoformat() if instrument.expiry else "",
        strike=format_rupees(instrument.strike) if instrument.strike is not None else "",
        option_type=instrument.option_type,
        freeze_quantity=instrument.freeze_quantity,
        instrument_type=instrument.instrument_type,
    )
