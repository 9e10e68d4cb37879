"""The alarm of a scrip master that does not come in: no entry is sent without it, and somebody must know why."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from typing import Final

from engine_server import outbox
from engine_server.feed.database_errors import DATABASE_ERRORS
from engine_server.feed.listing import Listing
from engine_server.instruments.master_gate import REASON
from tradewinds.database.reconnecting import describe
from tradewinds.database.session import Database
from tradewinds.telemetry import get_logger

log = get_logger("feed.instruments")

PATIENCE_SECONDS: Final = 30.0  # a site that is slow for a moment alarms nobody


class MasterAlarm:
    """Tells the owners of accounts, once a market day. `not_in_because(listing)` is the rule of `master_gate`, `today` the market's."""

    def __init__(
        self,
        database: Database,
        not_in_because: Callable[[Listing], str],
        today: Callable[[], date],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._not_in_because = not_in_because
        self._today = today
        self._monotonic = monotonic
        self._since: float | None = None
        self._told: date | None = None

    def accepted(self) -> None:
        """A scrip master came in."""
        self._since = None

    async def refused(self, listing: Listing, why: str) -> None:
        """Another attempt failed because of `why`; `listing` is in force meanwhile. Tells when that has lasted and matters."""
        now, today = self._monotonic(), self._today()
        self._since = now if self._since is None else self._since
        problem = self._not_in_because(listing)
        if not problem or self._told == today or now - self._since < PATIENCE_SECONDS:
            return
        try:
            await self._tell(listing, today, problem, why)
        except DATABASE_ERRORS as e:
            log.warning_throttled("untold", error=describe(e))
        else:
            self._told = today

    async def _tell(self, listing: Listing, today: date, problem: str, why: str) -> None:
        of = f"that of {listing.trade_day} is in force" if listing.version else "there is none"
        await outbox.tell_owners(
            self._database,
            type_=REASON,
            title=f"The scrip master of {today} is not in: no entries",
            message=f"The broker's file was refused: {why}. {problem}. Exits and cancels go on",
            dedupe_key=f"{REASON.lower()}:{today}",
            data={"day": str(today), "in_force": of, "why": why},
        )
