"""The calendar in memory: read once, then what was edited, as soon as it was committed."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Final

from engine_server.calendar.domain.calendar import Calendar
from engine_server.calendar.domain.seed import seeded_days
from engine_server.calendar.store import CHANNEL, CalendarStore
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.session import Database
from tradewinds.telemetry import get_logger

log = get_logger("calendar")

_POLL_SECONDS: Final = 5.0  # the safety net below LISTEN


class TradingCalendar:
    """`current` is the state in force, empty (every day unknown) until the first load. Run `follow` as a watched task."""

    def __init__(self, store: CalendarStore) -> None:
        self._store = store
        self._loading = asyncio.Lock()
        self.current = Calendar()

    async def start(self) -> None:
        """What an engine does first: seed what is missing, then load. Raises asyncpg's errors, OSError, TimeoutError."""
        written = await self._store.seed(tuple(seeded_days()))
        if written:
            log.info("seeded", days=written)
        await self.load()

    def may_trade(self, day: date) -> bool:
        """False only where every segment is known not to trade on a day."""
        return self.current.may_trade(day)

    async def load(self) -> bool:
        """Take what was written since the last load; whether anything was. Raises asyncpg's errors, OSError, TimeoutError."""
        async with self._loading:
            version, known = await self._store.version(), self.current
            if version == known.version:
                return False
            if version < known.version:  # the database was put back to an earlier state
                known = Calendar()
            days = await self._store.read_after(known.version)
            self.current = known.with_days(days)
            log.info("loaded", version=self.current.version, days=len(days))
            return True

    async def follow(self, database: Database) -> None:
        """Load now and at every edit, for ever. A database that is away changes nothing: the last state goes on."""
        await database.act_on(CHANNEL, self._load_or_keep, poll_seconds=_POLL_SECONDS)

    async def _load_or_keep(self) -> None:
        try:
            await self.load()
        except PASSING_FAULTS as e:
            log.warning_throttled("unreadable", error=repr(e))
