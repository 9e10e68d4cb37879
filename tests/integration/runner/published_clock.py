"""Writes the market clock to Valkey as the feed does."""

from __future__ import annotations

import json
import time

from tradewinds import redis_keys
from tradewinds.database.redis_connection import RedisConnection


async def publish_clock(redis: RedisConnection, market_ms: int, rate: float) -> None:
    """It is `market_ms` at the broker now, and goes on at `rate`."""
    reading = {"market_ms": market_ms, "real_ms": time.time_ns() // 1_000_000, "rate": rate}
    await redis.client.set(redis_keys.MARKET_CLOCK, json.dumps(reading))
