"""When intraday positions are taken out by us: before the broker does it at its own prices, and charges for it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

from engine_server.calendar.domain.calendar import Calendar
from engine_server.calendar.domain.days import CLOSING_AUCTION_CLASS, GENERAL, moment
from engine_server.calendar.domain.segments import class_of, segment_of
from tradewinds.clock import ist
from tradewinds.instruments import Instrument

# Angel One squares the intraday positions of shares and their derivatives off at 15:15; five minutes before its continuous trading ends
# what ends by then already, in a closing auction; a quarter of an hour before the end everywhere else.
_USUAL_MINUTE: Final = 15 * 60 + 15
_BEFORE_AUCTION: Final = timedelta(minutes=5)
_BEFORE_END: Final = timedelta(minutes=15)
_BY_THE_END: Final = frozenset({"MCX", "CDS", "NCDEX"})


def broker_cut_off(calendar: Calendar, instrument: Instrument, market_time: datetime) -> datetime | None:
    """When the broker begins; None on a day without continuous trading, or an unknown one."""
    return _cut_off(calendar, segment_of(instrument), class_of(instrument), ist(market_time).date())


def segment_cut_off(calendar: Calendar, segment: str, market_time: datetime) -> datetime | None:
    """When the broker begins with the first of a segment's instruments: those that close in an auction. None as above."""
    day = ist(market_time).date()
    ends = [_cut_off(calendar, segment, name, day) for name in (GENERAL, CLOSING_AUCTION_CLASS)]
    return min((end for end in ends if end is not None), default=None)


@lru_cache(256)  # every order asks
def _cut_off(calendar: Calendar, segment: str, instrument_class: str, day: date) -> datetime | None:
    continuous = calendar.intervals(segment, instrument_class, day)
    if not continuous:
        return None
    end, usual = continuous[-1].end, moment(day, _USUAL_MINUTE)
    if segment in _BY_THE_END or not continuous[0].start < usual <= end:
        return end - _BEFORE_END
    return min(usual, end - _BEFORE_AUCTION)


def square_off_at(
    calendar: Calendar, instrument: Instrument, market_time: datetime, lead_minutes: float
) -> datetime | None:
    """When we begin, `lead_minutes` before the broker; None as above."""
    cut_off = broker_cut_off(calendar, instrument, market_time)
    return cut_off - timedelta(minutes=lead_minutes) if cut_off is not None else None


def squared_off_since(
    calendar: Calendar, instrument: Instrument, market_time: datetime, lead_minutes: float
) -> datetime | None:
    """The moment above from then on until continuous trading ends: what is open after it nobody can close that day. None outside."""
    at = square_off_at(calendar, instrument, market_time, lead_minutes)
    if at is None or market_time < at:
        return None
    continuous = calendar.intervals(segment_of(instrument), class_of(instrument), ist(market_time).date())
    return at if market_time < continuous[-1].end else None
