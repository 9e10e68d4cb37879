"""Tells runners that an account's books have been set right by the broker's: after a start, a new session, a stream that was away.

With it goes how far each strategy's events had come: whoever is told has had those. It is news, not truth: a Redis that is away loses it.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tradewinds import redis_keys
from tradewinds.clock import Clock
from tradewinds.telemetry import get_logger

log = get_logger("oms.reconciled")


class ReconciledNews:
    """One per engine."""

    def __init__(self, redis: Redis, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock

    async def tell(self, account_id: str, sequences: Mapping[str, int]) -> None:
        """Never raises for a Redis that is away."""
        at_ms = int(self._clock.now().timestamp() * 1000)
        news = msgspec.json.encode({"at_ms": at_ms, "sequences": dict(sequences)})
        try:
            await self._redis.hset(redis_keys.RECONCILED, account_id, news)
        except (RedisError, OSError, TimeoutError) as e:
            log.warning("untold", account_id=account_id, error=repr(e))
