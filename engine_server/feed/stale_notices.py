"""Who trades is told when ticks stay away, and when they come again: one message for a silence, however many instruments it takes in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from tradewinds.clock import Clock
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.reconnecting import describe
from tradewinds.database.session import Database
from tradewinds.instruments import InstrumentKey
from tradewinds.telemetry import get_logger

log = get_logger("feed.stale")

# A silence that a new connection mends is nobody's business.
TELL_AFTER_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 1.0
_ACQUIRE_SECONDS: Final = 5.0
_SHOWN: Final = 5
_TELL: Final = """
INSERT INTO outbox (topic, dedupe_key, payload)
SELECT $1, $2, $3::jsonb || jsonb_build_object('user_id', owner.user_id)
FROM (SELECT DISTINCT user_id FROM broker_accounts WHERE enabled) AS owner
"""


class StaleNotices:
    """Run it as a watched task. `stale` are the instruments without ticks, and since when (epoch ms); `is_active` whether this process is
    the one that streams.
    """

    def __init__(
        self,
        database: Database,
        stale: Callable[[], Mapping[InstrumentKey, int]],
        clock: Clock,
        is_active: Callable[[], bool],
    ) -> None:
        self._database = database
        self._stale = stale
        self._clock = clock
        self._is_active = is_active
        # Since when the silence lasts that was told; None: none was.
        self._told_since: int | None = None

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            try:
                await self.look()
            except PASSING_FAULTS as e:
                log.warning_throttled("untold", error=describe(e))
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Tell what is news. Raises asyncpg's errors; then it is told at the next look."""
        stale = self._stale() if self._is_active() else {}
        if self._told_since is None and stale:
            since = min(stale.values())
            if self._clock.now().timestamp() * 1_000 - since >= TELL_AFTER_SECONDS * 1_000:
                await self._tell(
                    "FEED_STALE", since, f"No ticks of {_names(stale)}", "entries that need their price are denied"
                )
                self._told_since = since
        elif self._told_since is not None and not stale:
            if self._is_active():
                await self._tell("FEED_RESUMED", self._told_since, "Ticks come again", "prices are fresh")
            self._told_since = None

    async def _tell(self, type_: str, since: int, title: str, message: str) -> None:
        payload: dict[str, Any] = {"type": type_, "title": title, "message": message, "data": {"since_ms": since}}
        async with self._database.pool.acquire(timeout=_ACQUIRE_SECONDS) as connection:
            await connection.execute(_TELL, type_, f"{type_.lower()}:{since}", payload)


def _names(stale: Collection[InstrumentKey]) -> str:
    shown = ", ".join(sorted(str(key) for key in stale)[:_SHOWN])
    return shown if len(stale) <= _SHOWN else f"{shown} and {len(stale) - _SHOWN} more"
