"""Which calendar an instrument follows."""

from __future__ import annotations

from typing import Final

from engine_server.calendar.domain.days import CLOSING_AUCTION_CLASS, GENERAL
from tradewinds.instruments import Instrument

_SEGMENT_OF: Final = {"NSE": "NSE_CM", "NFO": "NSE_FO", "BSE": "BSE_CM", "BFO": "BSE_FO"}


def segment_of(instrument: Instrument) -> str:
    """Its segment. An exchange without a calendar (NCDEX) is its own, and every day of it is unknown."""
    return _SEGMENT_OF.get(instrument.exchange, instrument.exchange)


def class_of(instrument: Instrument) -> str:
    """`CAS` for what closes in an auction, else the segment in general."""
    return CLOSING_AUCTION_CLASS if instrument.has_closing_auction else GENERAL
