"""Whether a segment takes an entry at this moment. Exits are not asked: a rule meant for entries never blocks one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine_server.calendar.domain.calendar import Calendar
from engine_server.calendar.domain.days import Phase
from engine_server.calendar.domain.segments import class_of, segment_of
from tradewinds.clock import ist
from tradewinds.instruments import Instrument

MARKET_CLOSED: Final = "MARKET_CLOSED"
CALENDAR_DAY_UNKNOWN: Final = "CALENDAR_DAY_UNKNOWN"
_AUCTIONS: Final = (Phase.PRE_OPEN, Phase.CLOSING_AUCTION)


@dataclass(frozen=True)
class EntryRefusal:
    """A stable reason, and the same for a person."""

    reason: str
    message: str


def entry_refusal(
    calendar: Calendar, instrument: Instrument, *, order_type: str, product: str, market_time: datetime
) -> EntryRefusal | None:
    """Why an entry cannot be placed now; None when it can.

    CONTINUOUS takes everything. The auctions take no SL (the exchanges refuse stop-loss orders in them), the closing one no MIS: the
    broker squares intraday positions off before it. POST_CLOSE trades at the closing price, for delivery: CNC alone.
    """
    segment, instrument_class = segment_of(instrument), class_of(instrument)
    phase = calendar.phase_at(segment, instrument_class, market_time)
    if phase is Phase.UNKNOWN:
        day = ist(market_time).date()
        return EntryRefusal(
            CALENDAR_DAY_UNKNOWN,
            f"the trading calendar does not have {day} for {segment}; an operator writes it (tradewinds calendar set)",
        )
    problem = _problem(phase, order_type, product)
    if problem is None:
        return None
    return EntryRefusal(
        MARKET_CLOSED,
        f"{segment} is {phase} at {ist(market_time):%Y-%m-%d %H:%M:%S} in India{problem}"
        f"{_opens(calendar, segment, instrument_class, market_time)}",
    )


def _problem(phase: Phase, order_type: str, product: str) -> str | None:
    if phase is Phase.CLOSED:
        return ""
    if phase in _AUCTIONS and order_type == "SL":
        return ": an auction takes no SL orders"
    if phase is Phase.CLOSING_AUCTION and product == "MIS":
        return ": intraday (MIS) positions are squared off before it, only NRML and CNC enter in it"
    if phase is Phase.POST_CLOSE and product != "CNC":
        return f": it trades for delivery (CNC) at the closing price, not {product}"
    return None


def _opens(calendar: Calendar, segment: str, instrument_class: str, market_time: datetime) -> str:
    change = calendar.next_phase(segment, instrument_class, market_time)
    while change is not None and change.phase is not Phase.CONTINUOUS:
        change = calendar.next_phase(segment, instrument_class, change.at)
    return f"; continuous trading begins {change.at:%Y-%m-%d %H:%M}" if change is not None else ""
