"""The broker's market clock, read from where a simulated broker publishes it, written to `md:clock` for everybody.

A real broker publishes none: then the real clock is the market's.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Final

import aiohttp
import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tradewinds import redis_keys
from tradewinds.clock import Clock, ClockReading, MarketClock
from tradewinds.database.reconnecting import describe
from tradewinds.telemetry import get_logger

log = get_logger("feed.clock")

_PUBLISH_SECONDS = 1.0
# A replay that jumps over a night must not run a second of yesterday.
_POLL_SECONDS = 0.25
_TIMEOUT: Final = aiohttp.ClientTimeout(total=2.0)


class BrokerClock(msgspec.Struct, frozen=True):
    """The body that a simulated broker publishes; `jump` changes whenever its time did not go on steadily."""

    market_ms: int
    real_ms: int
    rate: float
    jump: int = 0

    def reading(self) -> ClockReading:
        """As the kernel's market clock takes it."""
        return ClockReading(self.market_ms, self.real_ms, self.rate)


class ClockPoller:
    """Sets this process's `MarketClock` and writes `md:clock` every second, and at once after a jump."""

    def __init__(self, url: str, tls: ssl.SSLContext, redis: Redis, market_clock: MarketClock, clock: Clock) -> None:
        self._url = url
        self._tls = tls
        self._redis = redis
        self._market_clock = market_clock
        self._clock = clock
        self._latest: BrokerClock | None = None
        self._first = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None
        self._published_at = float("-inf")

    @property
    def is_known(self) -> bool:
        """Whether the clock has been read once; a real broker publishes none, and ours is as good from the beginning."""
        return self._latest is not None

    async def until_known(self, at_most_seconds: float) -> None:
        """Wait for the first reading, but not for ever: a broker that publishes a clock may be down."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most_seconds):
                await self._first.wait()

    async def look(self) -> None:
        """Take a reading now."""
        if self._session is not None:
            await self.poll(self._session)

    async def run(self) -> None:
        """Poll, for ever. Without an answer the last reading runs on."""
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            self._session = session
            while True:
                jumped = await self.poll(session)
                if jumped or self._clock.monotonic() - self._published_at >= _PUBLISH_SECONDS:
                    await self._publish()
                await asyncio.sleep(_POLL_SECONDS)

    async def poll(self, session: aiohttp.ClientSession) -> bool:
        """Take one reading; whether market time jumped since the last."""
        try:
            reading = await self._read(session)
        except (aiohttp.ClientError, TimeoutError, OSError, msgspec.DecodeError) as e:
            log.warning_throttled("unreachable", url=self._url, error=describe(e))
            return False
        jumped = self._latest is not None and reading.jump != self._latest.jump
        self._latest = reading
        self._first.set()
        self._market_clock.set(reading.reading())
        if jumped:
            log.info("jumped", market_ms=reading.market_ms, rate=reading.rate)
        return jumped

    async def _read(self, session: aiohttp.ClientSession) -> BrokerClock:
        if not self._url:
            now_ms = int(self._clock.now().timestamp() * 1000)
            return BrokerClock(now_ms, now_ms, 1.0)
        async with session.get(self._url, ssl=self._tls) as response:
            response.raise_for_status()
            return msgspec.json.decode(await response.read(), type=BrokerClock)

    async def _publish(self) -> None:
        if self._latest is None:
            return
        try:
            await self._redis.set(redis_keys.MARKET_CLOCK, msgspec.json.encode(self._latest))
        except (RedisError, OSError, TimeoutError) as e:
            log.warning_throttled("publish.failed", error=describe(e))
        else:
            self._published_at = self._clock.monotonic()
