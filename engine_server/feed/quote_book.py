"""The last quote of everything that is subscribed, in memory and in `md:quotes`, which holds nothing else.

A quote that is no longer subscribed grows old without anybody noticing: it is taken out.
"""

from __future__ import annotations

from collections.abc import Mapping

from redis.asyncio import Redis

from tradewinds import redis_keys


class QuoteBook:
    """Packed tick records by canonical key. Methods that write raise redis' errors."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._quotes: dict[bytes, bytes] = {}
        self._wanted: frozenset[bytes] = frozenset()
        self._in_doubt = True

    def want(self, keys: frozenset[bytes]) -> None:
        """Keep quotes of these instruments only; Redis follows at the next `mend`."""
        self._wanted = keys
        self._quotes = {key: record for key, record in self._quotes.items() if key in keys}
        self._in_doubt = True

    def take(self, latest: Mapping[bytes, bytes]) -> None:
        """New quotes, which the caller writes to Redis together with their ticks."""
        self._quotes.update(latest)

    def doubt(self) -> None:
        """A write failed: Redis may have anything."""
        self._in_doubt = True

    async def mend(self) -> None:
        """Make Redis agree where it may not: after a failed write, a change of wishes, or when it lost everything."""
        if not self._in_doubt and (not self._quotes or await self._redis.exists(redis_keys.QUOTES)):
            return
        self._in_doubt = False
        try:
            await self._rewrite()
        except BaseException:
            self._in_doubt = True
            raise

    async def _rewrite(self) -> None:
        there = await self._redis.hkeys(redis_keys.QUOTES)
        async with self._redis.pipeline(transaction=False) as pipeline:
            if leftovers := [key for key in there if key not in self._wanted]:
                pipeline.hdel(redis_keys.QUOTES, *leftovers)
            if self._quotes:
                pipeline.hset(redis_keys.QUOTES, items=[part for quote in self._quotes.items() for part in quote])
            await pipeline.execute()
