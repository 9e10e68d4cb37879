"""Writes ticks to Valkey as the feed does."""

from __future__ import annotations

import time

import numpy as np
from redis.asyncio import Redis

from tradewinds import redis_keys
from tradewinds.ticks import TICK_DTYPE

RELIANCE_TOKEN, TCS_TOKEN = 2885, 11536


def packed(price: float, token: int = RELIANCE_TOKEN, count: int = 1) -> bytes:
    """`count` records of one price of an NSE instrument, received now."""
    records = np.zeros(count, dtype=TICK_DTYPE)
    records["exchange_type"], records["token"] = 1, token
    records["last_price_e4"] = round(price * 10_000)
    records["bid_price_e4"] = round(price * 10_000) - 500
    records["ask_price_e4"] = round(price * 10_000) + 500
    records["exchange_ms"] = time.time_ns() // 1_000_000
    records["received_ns"] = time.time_ns()
    return records.tobytes()


async def publish(redis: Redis, price: float, token: int = RELIANCE_TOKEN) -> None:
    """One tick."""
    await redis.xadd(redis_keys.TICKS, {"t": packed(price, token)}, maxlen=5_000)
