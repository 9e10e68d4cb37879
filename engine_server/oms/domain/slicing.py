"""More than the exchange takes in one order goes as several attempts at one intent."""

from __future__ import annotations

from engine_server.oms.domain.commands import Denial
from tradewinds.instruments import Instrument

MAXIMUM_SLICES = 20


def slices(quantity: int, instrument: Instrument) -> list[int]:
    """The quantities of the attempts, the largest first; whole lots, none above the freeze quantity (0: the exchange says none)."""
    most = largest_slice(instrument)
    if most <= 0 or quantity <= most:
        return [quantity]
    whole, rest = divmod(quantity, most)
    return [most] * whole + ([rest] if rest else [])


def largest_slice(instrument: Instrument) -> int:
    """What the exchange takes in one order, in whole lots; 0 or less where it says nothing."""
    return instrument.freeze_quantity - instrument.freeze_quantity % instrument.lot_size


def denial_of_slices(quantity: int, instrument: Instrument) -> Denial | None:
    """Why a quantity is too much even in slices; None when it is not."""
    parts = slices(quantity, instrument)
    if len(parts) <= MAXIMUM_SLICES:
        return None
    return Denial(
        "QUANTITY_TOO_LARGE",
        f"{quantity} {instrument.key} would be {len(parts)} orders of at most {parts[0]} (the exchange's freeze quantity); at most "
        f"{MAXIMUM_SLICES} go at once: place {parts[0] * MAXIMUM_SLICES} or less",
    )
