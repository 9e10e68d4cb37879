"""Knows whose prices are missing: by what the feed says of its instruments, and by its silence."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from strategy_runner.ticks import TickReader
from tradewinds import redis_keys
from tradewinds.clock import Clock
from tradewinds.telemetry import get_logger

log = get_logger("feed_watch")

_LOOK_SECONDS: Final = 0.5
_REDIS_SECONDS: Final = 5.0  # a Redis that restarts is no reason to tell anybody
_FEED_SECONDS: Final = 10.0  # it writes every second


class FeedWatch:
    """Run `run` as a watched task. The hash `md:stale` is whole, so a look tells everything; the events are for logs and people."""

    def __init__(self, redis: Redis, ticks: TickReader, clock: Clock) -> None:
        self._redis = redis
        self._ticks = ticks
        self._clock = clock
        self._silent_since = clock.monotonic()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                async with asyncio.timeout(_REDIS_SECONDS):
                    stale, updated_ms = await self._read()
            except (RedisError, OSError, TimeoutError) as e:
                log.warning_throttled("unreachable", error=repr(e))
                if self._clock.monotonic() - self._silent_since >= _REDIS_SECONDS:
                    self._ticks.all_stale()
                continue
            self._silent_since = self._clock.monotonic()
            if updated_ms is not None and self._clock.now().timestamp() - updated_ms / 1000 > _FEED_SECONDS:
                self._ticks.all_stale()
            else:
                self._ticks.set_stale(stale)

    async def _read(self) -> tuple[frozenset[str], int | None]:
        """What is stale, and when the feed last said anything; None where none ever has."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.hkeys(redis_keys.STALE)
        pipeline.hget(redis_keys.FEED_STATE, "updated_ms")
        answers: list[Any] = await pipeline.execute()
        return frozenset(key.decode() for key in answers[0]), int(answers[1]) if answers[1] else None
