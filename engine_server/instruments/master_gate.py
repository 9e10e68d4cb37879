"""Whether the day's scrip master is in. Without it nothing new is configured and no entry is sent: yesterday's tokens, lots, ticks
and freeze quantities may be wrong today.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final, Protocol

from tradewinds.clock import MarketClock, ist
from tradewinds.errors import PreconditionError

REASON: Final = "SCRIP_MASTER_NOT_IN"
IN_HOUR: Final = 8
IN_MINUTE: Final = 30  # market time, India: the day's file is there, the market is not open yet
_LONGEST_PAUSE_DAYS: Final = 15

TradingDay = Callable[[date], bool]


class PublishedMaster(Protocol):
    """What is known of the scrip master in force (`InstrumentCatalog`)."""

    @property
    def ready(self) -> bool:
        """Whether there is one."""
        ...

    @property
    def trade_day(self) -> date | None:
        """The market day that it was fetched for; None when that is not known."""
        ...


def master_day(market_time: datetime) -> date:
    """The day that a file fetched at this market time is for: from 08:30 on today, before it yesterday."""
    local = ist(market_time)
    before = (local.hour, local.minute) < (IN_HOUR, IN_MINUTE)
    return local.date() - timedelta(days=1 if before else 0)


def needed_day(market_time: datetime, may_trade: TradingDay) -> date:
    """The oldest scrip master that serves at this market time: the last trading day's up to now; weekends and holidays need no newer
    one. `may_trade` is False only for a day that is known to be off."""
    day = latest = master_day(market_time)
    for _ in range(_LONGEST_PAUSE_DAYS):
        if may_trade(day):
            return day
        day -= timedelta(days=1)
    return latest


def not_in_because(ready: bool, trade_day: date | None, market_time: datetime, may_trade: TradingDay) -> str:
    """Why the day's scrip master is not in, for a person; empty when it is."""
    if not ready:
        return "no scrip master has been loaded yet; the feed fetches it, see GET /v1/feed"
    needed = needed_day(market_time, may_trade)
    if trade_day is None or trade_day < needed:
        return (
            f"the scrip master in force is of {trade_day or 'an unknown day'}, {needed}'s is not in yet; "
            "the feed goes on trying, see GET /v1/feed"
        )
    if trade_day > master_day(market_time):  # a replay has set the market's clock back
        return f"the scrip master in force is of {trade_day}, the market's day is {master_day(market_time)}"
    return ""


class MasterGate:
    """The rule over what is in force now. `may_trade(day)`: False only where the calendar knows that nothing trades."""

    def __init__(self, master: PublishedMaster, market_clock: MarketClock, may_trade: TradingDay) -> None:
        self._master = master
        self._market_clock = market_clock
        self._may_trade = may_trade

    def problem(self) -> str:
        """Why it is not in, for a person; empty when it is."""
        return not_in_because(self._master.ready, self._master.trade_day, self._market_clock.now(), self._may_trade)

    def check(self) -> None:
        """Raise `PreconditionError` (SCRIP_MASTER_NOT_IN) with the reason unless it is in."""
        if problem := self.problem():
            raise PreconditionError(f"not before today's scrip master is in: {problem}", reason=REASON)
