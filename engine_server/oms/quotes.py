"""The last quotes that the feed published, for the protection price of MARKET orders and for valuing positions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from engine_server.oms.domain.protection import MAXIMUM_QUOTE_AGE_SECONDS, Quote
from tradewinds import redis_keys
from tradewinds.clock import Clock
from tradewinds.money import from_e4
from tradewinds.telemetry import get_logger
from tradewinds.ticks import unpack

log = get_logger("oms.quotes")

_ANSWER_SECONDS = 0.5
_FOLLOW_AGAIN_SECONDS = 10.0
_REMEMBERED = 1_000


class QuoteReader:
    """Reads `md:quotes`. A Redis that is away means that there is no quote, never an error."""

    def __init__(self, redis: Redis, clock: Clock, follow: Callable[[str], Awaitable[object]] | None = None) -> None:
        """`follow` has an instrument followed that nobody follows yet, and waits a moment for its first quote."""
        self._redis = redis
        self._clock = clock
        self._follow = follow
        self._asked_at: dict[str, float] = {}

    async def quote(self, instrument: str) -> Quote | None:
        """The last quote of one instrument, with its real age; a person's first MARKET order must not fail for want of one."""
        found = (await self.quotes([instrument]))[0]
        is_fresh = found is not None and found.age_seconds <= MAXIMUM_QUOTE_AGE_SECONDS
        if is_fresh or self._follow is None or not self._is_due(instrument):
            return found
        try:
            await self._follow(instrument)
        except (RedisError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as e:
            log.warning_throttled("unfollowed", instrument=instrument, error=repr(e))
            return found
        return (await self.quotes([instrument]))[0]

    def _is_due(self, instrument: str) -> bool:
        """A follower's wish lapses; a quote that is old, or none, is asked for again, not more often than every ten seconds."""
        now = self._clock.monotonic()
        if now - self._asked_at.get(instrument, -_FOLLOW_AGAIN_SECONDS) < _FOLLOW_AGAIN_SECONDS:
            return False
        if len(self._asked_at) >= _REMEMBERED:
            self._asked_at.clear()
        self._asked_at[instrument] = now
        return True

    async def quotes(self, instruments: Sequence[str]) -> list[Quote | None]:
        """The last quotes, in the order asked for."""
        if not instruments:
            return []
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                packed = await self._redis.hmget(redis_keys.QUOTES, list(instruments))
        except (RedisError, OSError, TimeoutError) as e:
            log.warning_throttled("unreachable", error=repr(e))
            return [None] * len(instruments)
        return [self._quote(one) for one in packed]  # type: ignore[arg-type] # bytes: the connection decodes nothing

    def _quote(self, packed: bytes | None) -> Quote | None:
        if not packed:
            return None
        record = unpack(packed)[-1]
        age_seconds = self._clock.now().timestamp() - int(record["received_ns"]) / 1e9
        return Quote(
            last=_rupees(record["last_price_e4"]),
            bid=_rupees(record["bid_price_e4"]),
            ask=_rupees(record["ask_price_e4"]),
            age_seconds=max(0.0, age_seconds),
        )


def _rupees(value_e4: int) -> Decimal:
    return from_e4(int(value_e4))
