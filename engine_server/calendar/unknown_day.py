"""The alarm of a day that the calendar does not have: on it no entry is let through, and somebody must write it."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Final

from engine_server import outbox
from engine_server.calendar.domain.calendar import Calendar
from engine_server.calendar.domain.days import SEGMENTS
from engine_server.calendar.trading_calendar import TradingCalendar
from tradewinds.clock import MarketClock, ist
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.session import Database
from tradewinds.telemetry import get_logger

log = get_logger("calendar")

NOTIFICATION_TYPE: Final = "CALENDAR_DAY_UNKNOWN"
_CHECK_SECONDS: Final = 5.0


def unknown_segments(calendar: Calendar, day: date) -> tuple[str, ...]:
    """The segments of which the calendar does not have the day."""
    return tuple(segment for segment in SEGMENTS if not calendar.day(segment, day).known)


class UnknownDayAlarm:
    """Looks at the market's day every few seconds. Run it as a watched task, after the calendar was loaded once."""

    def __init__(self, database: Database, calendar: TradingCalendar, market_clock: MarketClock) -> None:
        self._database = database
        self._calendar = calendar
        self._market_clock = market_clock
        self._told: tuple[date, tuple[str, ...]] | None = None

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            try:
                await self.check()
            except PASSING_FAULTS as e:
                log.warning_throttled("unknown_day.untold", error=repr(e))
            await asyncio.sleep(_CHECK_SECONDS)

    async def check(self) -> bool:
        """Whether today is known everywhere; tells the owners of accounts when it is not. Raises asyncpg's errors."""
        today = ist(self._market_clock.now()).date()
        missing = unknown_segments(self._calendar.current, today)
        if missing and self._told != (today, missing):
            log.error("unknown_day", day=str(today), segments=missing, remedy="write the day: tradewinds calendar set")
            await self._tell(today, missing)
            self._told = (today, missing)
        return not missing

    async def _tell(self, day: date, segments: tuple[str, ...]) -> None:
        await outbox.tell_owners(
            self._database,
            type_=NOTIFICATION_TYPE,
            title=f"The trading calendar does not have {day}",
            message=f"No entries today on {', '.join(segments)}: write the day into the calendar, or close it there",
            dedupe_key=f"{NOTIFICATION_TYPE.lower()}:{day}",
            data={"day": str(day), "segments": list(segments)},
        )
