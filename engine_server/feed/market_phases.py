"""What the watchdog asks the trading calendar."""

from __future__ import annotations

from datetime import datetime

from engine_server.calendar.domain.days import Phase
from engine_server.calendar.trading_calendar import TradingCalendar


class CalendarPhases:
    """Answers from the calendar in force; on a day that it does not have nothing is continuous, and nothing alarms."""

    def __init__(self, calendar: TradingCalendar) -> None:
        self._calendar = calendar

    def is_continuous(self, segment: str, instrument_class: str, market_time: datetime) -> bool:
        """Whether there is continuous trading."""
        return self._calendar.current.phase_at(segment, instrument_class, market_time) is Phase.CONTINUOUS

    def may_move(self, segment: str, instrument_class: str, market_time: datetime) -> bool:
        """Whether prices may change now: in an auction too, and on a day that nobody knows."""
        phase = self._calendar.current.phase_at(segment, instrument_class, market_time)
        return phase not in (Phase.CLOSED, Phase.POST_CLOSE)
