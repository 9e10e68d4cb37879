"""Every process follows the market clock that the feed writes to Redis (`md:clock`)."""

from __future__ import annotations

import asyncio

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tradewinds import redis_keys
from tradewinds.clock import ClockReading, MarketClock
from tradewinds.telemetry import get_logger

log = get_logger("market_clock")

_POLL_SECONDS = 1.0
# Until there is a first reading this process lives by the real clock, which may be years off.
_FIRST_POLL_SECONDS = 0.1


class _PublishedClock(msgspec.Struct, frozen=True):
    """The JSON in `md:clock`: at real time `real_ms` it was `market_ms` at the broker; both are epoch milliseconds."""

    market_ms: int
    real_ms: int
    rate: float


async def follow_market_clock(redis: Redis, market_clock: MarketClock) -> None:
    """Set `market_clock` from `md:clock` now and every second, for ever: run it as a watched task.

    Without Redis, or when nothing is there, the last reading runs on (the real clock before the first).
    """
    is_known = False
    while True:
        try:
            is_known = await read_market_clock(redis, market_clock) or is_known
        except (RedisError, OSError, TimeoutError) as e:
            log.warning_throttled("unreachable", error=repr(e))
        except msgspec.DecodeError as e:
            log.warning_throttled("unreadable", key=redis_keys.MARKET_CLOCK, error=str(e))
        await asyncio.sleep(_POLL_SECONDS if is_known else _FIRST_POLL_SECONDS)


async def read_market_clock(redis: Redis, market_clock: MarketClock) -> bool:
    """Set `market_clock` from what is published; False where nothing is. Raises redis' errors and `msgspec.DecodeError`."""
    published = await redis.get(redis_keys.MARKET_CLOCK)
    if published is None:
        return False
    clock = msgspec.json.decode(published, type=_PublishedClock)
    market_clock.set(ClockReading(clock.market_ms, clock.real_ms, clock.rate))
    return True
