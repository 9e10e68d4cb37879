"""The last quotes that the feed published, for the protection price of MARKET orders and for valuing positions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
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
# What orders go on in is read again so often, and believed so long.
_LOOK_SECONDS = 0.05
_KEPT_SECONDS = 0.2
_KEEP_SECONDS = 60.0
_KEPT = 100


class QuoteReader:
    """Reads `md:quotes`; `run` is a watched task. A Redis that is away means that there is no quote, never an error."""

    def __init__(self, redis: Redis, clock: Clock, follow: Callable[[str], Awaitable[object]] | None = None) -> None:
        """`follow` has an instrument followed that nobody follows yet, and waits a moment for its first quote."""
        self._redis = redis
        self._clock = clock
        self._follow = follow
        self._asked_at: dict[str, float] = {}
        self._wanted_at: dict[str, float] = {}
        self._woken = asyncio.Event()
        self._kept: Mapping[str, bytes] = {}
        self._kept_at = 0.0

    async def run(self) -> None:
        """Keep in memory what orders were lately placed in, so that the next one does not wait for Redis; for ever."""
        while True:
            await self._woken.wait()
            now = self._clock.monotonic()
            self._wanted_at = {key: at for key, at in self._wanted_at.items() if now - at < _KEEP_SECONDS}
            wanted = sorted(self._wanted_at, key=self._wanted_at.__getitem__)[-_KEPT:]
            if not wanted:
                self._woken.clear()
                continue
            packed = await self._read(wanted)
            self._kept = {key: one for key, one in zip(wanted, packed, strict=True) if one}
            self._kept_at = now
            await asyncio.sleep(_LOOK_SECONDS)

    async def quote(self, instrument: str) -> Quote | None:
        """The last quote of one instrument, with its real age; a person's first MARKET order must not fail for want of one."""
        self._wanted_at[instrument] = self._clock.monotonic()
        if (kept := self._kept_quote(instrument)) is not None:
            return kept
        self._woken.set()
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
        return [self._quote(one) for one in await self._read(instruments)]

    async def _read(self, instruments: Sequence[str]) -> Sequence[bytes | None]:
        if not instruments:
            return []
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await self._redis.hmget(redis_keys.QUOTES, list(instruments))  # type: ignore[return-value] # bytes: it decodes nothing
        except (RedisError, OSError, TimeoutError) as e:
            log.warning_throttled("unreachable", error=repr(e))
            return [None] * len(instruments)

    def _kept_quote(self, instrument: str) -> Quote | None:
        """What was read moments ago, if it is fresh enough for everybody; its age is its real one."""
        if self._clock.monotonic() - self._kept_at > _KEPT_SECONDS:
            return None
        quote = self._quote(self._kept.get(instrument))
        return quote if quote is not None and quote.age_seconds <= MAXIMUM_QUOTE_AGE_SECONDS else None

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
