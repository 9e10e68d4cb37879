"""Looks every second at how full Redis is, and has the streams and the dedupe keys keep to what is left."""

from __future__ import annotations

import asyncio
from typing import Final

from prometheus_client import Gauge

from notifier.realtime.room import Reading, room_for
from notifier.realtime.stream_store import STREAM_ERRORS, StreamStore
from tradewinds.database.reconnecting import describe
from tradewinds.redis_keys import DEDUPE_TTL_SECONDS
from tradewinds.telemetry import get_logger

log = get_logger("notifier.room")

_EVERY_SECONDS: Final = 1.0
_REMEMBERED: Final = Gauge("tradewinds_notifier_remembered_seconds", "How long a dedupe key is remembered now")
_HISTORY: Final = Gauge("tradewinds_notifier_history_bytes", "What one shard's stream may hold now")
_FULLNESS: Final = Gauge("tradewinds_notifier_redis_fullness", "Part of Redis' maxmemory that is used; 0 without one")


class RoomKeeper:
    """One per process; `run` is a watched task."""

    def __init__(self, store: StreamStore) -> None:
        self._store = store
        self._before: Reading | None = None

    async def run(self) -> None:
        """Look for ever. While Redis does not answer, what was last known stands."""
        while True:
            try:
                await self.look()
            except STREAM_ERRORS as e:
                log.warning_throttled("unreadable", error=describe(e))
            await asyncio.sleep(_EVERY_SECONDS)

    async def look(self) -> None:
        """Once."""
        now = await self._store.reading()
        room = self._store.room = room_for(self._before or now, now)
        self._before = now
        if now.is_full:
            await self._store.cut()
        _REMEMBERED.set(room.remember_seconds)
        _HISTORY.set(room.stream_bytes)
        _FULLNESS.set(now.fullness)
        if now.is_tight or room.remember_seconds < DEDUPE_TTL_SECONDS:
            log.warning_throttled(
                "redis.tight",
                used=now.used,
                maximum=now.maximum,
                stream_bytes=room.stream_bytes,
                remember_seconds=round(room.remember_seconds, 1),
            )
