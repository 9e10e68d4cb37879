"""Which market day a scrip master is of: a file is not today's because it is there today.

The broker makes the file anew for every trading day, and leaves the old one in its place where that fails or is late. Yesterday's file
has yesterday's contracts, lots and freeze quantities, so content that was in force on an earlier day is still that day's: unless the
server says that it was made after that day's market had closed (`Last-Modified`), when nothing has changed. On weekends and holidays
no newer one is needed, and none need be made (`instruments.master_gate`).
"""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Final

from engine_server.instruments.master_gate import TradingDay, master_day, needed_day
from tradewinds.clock import IST

_CLOSED_AT: Final = time(16, 0, tzinfo=IST)


def day_of(known_of: date | None, last_modified: datetime | None, fetched_at: datetime) -> date:
    """The day that a file fetched at this market time is of. `known_of`: the day under which the same content is on record."""
    today = master_day(fetched_at)
    if known_of is None or known_of >= today:  # later ones are of another life of the market's clock
        return today
    if last_modified is not None and last_modified >= datetime.combine(known_of, _CLOSED_AT):
        return today
    return known_of


def outdated(day: date, fetched_at: datetime, may_trade: TradingDay) -> str:
    """Why a file of `day` does not serve at this market time, for a person; empty when it does."""
    needed = needed_day(fetched_at, may_trade)
    if day >= needed:
        return ""
    return (
        f"the broker still serves that of {day}, unchanged; {needed}'s is not there yet (where the broker makes no other, set "
        "SCRIP_MASTER_MAY_REPEAT)"
    )
