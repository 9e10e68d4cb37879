"""`TradingHours` over the calendar in force, the market clock and the instruments."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from engine_server.calendar.domain.days import Phase
from engine_server.calendar.domain.intraday import segment_cut_off
from engine_server.calendar.domain.segments import class_of, segment_of
from engine_server.calendar.trading_calendar import TradingCalendar
from engine_server.fleet.domain.schedule import Day, Schedule
from engine_server.fleet.ports import Instruments
from tradewinds.clock import MarketClock, ist


class CalendarHours:
    """What the fleet asks of the market."""

    def __init__(
        self,
        calendar: TradingCalendar,
        market_clock: MarketClock,
        instruments: Instruments,
        not_in_because: Callable[[], str],
    ) -> None:
        self._calendar = calendar
        self._market_clock = market_clock
        self._instruments = instruments
        self.not_in_because = not_in_because

    def now(self) -> datetime:
        """See `TradingHours`."""
        return self._market_clock.now()

    def day(self, schedule: Schedule) -> Day:
        """See `TradingHours`."""
        calendar, now = self._calendar.current, self.now()
        day = calendar.day(schedule.segment, ist(now).date())
        running = day.intervals([Phase(name) for name in schedule.phases])
        return Day(day.known, running, segment_cut_off(calendar, schedule.segment, now))

    def is_open(self, instrument: str) -> bool:
        """See `TradingHours`."""
        known = self._instruments.instruments.get(instrument)
        if known is None:
            return False
        phase = self._calendar.current.phase_at(segment_of(known), class_of(known), self.now())
        return phase is Phase.CONTINUOUS
