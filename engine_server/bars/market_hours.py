"""When an instrument trades, from the calendar: the sessions that its bars are anchored in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

from engine_server.bars.domain.sessions import Session, Sessions, day_start_ms, ist_day
from engine_server.calendar.domain.calendar import Calendar
from engine_server.calendar.domain.days import Phase
from engine_server.calendar.domain.segments import class_of, segment_of
from tradewinds.instruments import Instrument

Market = tuple[str, str]  # segment, instrument class
_TRADING: Final = (Phase.CONTINUOUS, Phase.CLOSING_AUCTION)
_EPOCH: Final = date(1970, 1, 1)
# An index is calculated while its derivatives trade.
_OF_INDEX: Final = {"NSE": "NSE_FO", "BSE": "BSE_FO"}


def market_of(instrument: Instrument) -> Market:
    """Whose hours it keeps."""
    if instrument.kind == "INDEX" and instrument.exchange in _OF_INDEX:
        return _OF_INDEX[instrument.exchange], ""
    return segment_of(instrument), class_of(instrument)


class MarketHours:
    """Sessions of any stretch of days. A day that the calendar does not know has none: no bars are made of it."""

    def __init__(self, calendar: Callable[[], Calendar]) -> None:
        self._calendar = calendar
        self._version = -1
        self._days = lru_cache(maxsize=20_000)(self._of_day)

    @property
    def version(self) -> int:
        """Changes with every edit of the calendar."""
        return self._calendar().version

    def sessions(self, market: Market, from_ms: int, until_ms: int) -> Sessions:
        """All sessions of the days from that of `from_ms` to that of `until_ms`, whole days."""
        if self._version != self.version:
            self._version = self.version
            self._days.cache_clear()
        days = range(ist_day(from_ms), ist_day(until_ms) + 1)
        return Sessions(tuple(session for day in days for session in self._days(market, day)))

    def minutes(self, market: Market, from_ms: int, until_ms: int) -> int:
        """Minutes of trading in [from, until)."""
        return self.sessions(market, from_ms, until_ms).minutes_between(from_ms, until_ms)

    def is_over(self, market: Market, day: int, now_ms: int) -> bool:
        """Whether a day (as `ist_day` counts it) has had its last session by now."""
        sessions = self.sessions(market, day_start_ms(day), day_start_ms(day)).all
        return now_ms >= (sessions[-1].end_ms if sessions else day_start_ms(day + 1))

    def _of_day(self, market: Market, day: int) -> tuple[Session, ...]:
        intervals = self._calendar().intervals(*market, _EPOCH + timedelta(days=day), _TRADING)
        return tuple(Session(_ms(i.start.timestamp()), _ms(i.end.timestamp())) for i in intervals)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
