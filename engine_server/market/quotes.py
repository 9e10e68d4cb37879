"""Last quotes for people: read from Redis; what nobody follows is followed for ten minutes, and waited for a moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from redis.asyncio import Redis

from tradewinds import redis_keys
from tradewinds.database.session import Database
from tradewinds.instruments import InstrumentKey
from tradewinds.ticks import TickArray, unpack

_FIRST_TICK_SECONDS = 1.0
_LOOK_AGAIN_SECONDS = 0.02
_DATABASE_SECONDS = 2.0
# Strategies (priority 0) go first where not everything fits on a socket.
_FOLLOW = """
INSERT INTO market_subscriptions (subscriber, instrument, mode, priority, expires_at)
SELECT $1, instrument, 'SNAP_QUOTE', -1, now() + interval '10 minutes' FROM unnest($2::text[]) AS instrument
ON CONFLICT (subscriber, instrument) DO UPDATE SET expires_at = excluded.expires_at
"""


class QuoteService:
    """Raises redis' errors, and asyncpg's where somebody must be subscribed."""

    def __init__(self, redis: Redis, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._database = database
        self._monotonic = monotonic

    async def quotes(self, keys: Sequence[InstrumentKey], subject: str) -> Mapping[InstrumentKey, TickArray]:
        """One tick record by canonical key; those that did not come within a second are missing."""
        found = await self._read(keys)
        missing = [key for key in keys if key not in found]
        if not missing:
            return found
        await self.follow(missing, subject)
        deadline = self._monotonic() + _FIRST_TICK_SECONDS
        while missing and self._monotonic() < deadline:
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            found |= await self._read(missing)
            missing = [key for key in missing if key not in found]
        return found

    async def follow(self, keys: Sequence[InstrumentKey], subject: str) -> None:
        """Have the feed bring these for ten minutes from now on."""
        async with self._database.pool.acquire(timeout=_DATABASE_SECONDS) as connection:
            await connection.execute(_FOLLOW, f"quotes:{subject}", sorted(set(keys)))

    async def stale(self, keys: Sequence[InstrumentKey]) -> frozenset[InstrumentKey]:
        """Those whose ticks are known to be missing now."""
        since = await self._redis.hmget(redis_keys.STALE, list(keys)) if keys else []
        return frozenset(key for key, one in zip(keys, since, strict=True) if one is not None)

    async def _read(self, keys: Sequence[InstrumentKey]) -> dict[InstrumentKey, TickArray]:
        records: list[bytes | None] = await self._redis.hmget(redis_keys.QUOTES, list(keys))  # type: ignore[assignment]
        return {key: unpack(record) for key, record in zip(keys, records, strict=True) if record}
