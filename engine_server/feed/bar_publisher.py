"""Bars on their way to Redis: what is over to `md:bars`, what is growing to `md:bars:open`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from prometheus_client import Counter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tradewinds import redis_keys
from tradewinds.bars import Bar
from tradewinds.database.reconnecting import describe
from tradewinds.database.redis_exchange import Command, Exchange
from tradewinds.instruments import InstrumentKey
from tradewinds.telemetry import get_logger

log = get_logger("feed.bars")

PUBLISHED = Counter("tradewinds_feed_bars_total", "Bars published, by interval", ["interval"])

_BARS_AN_ENTRY: Final = 500
_MAX_WAITING: Final = 20_000
_DEADLINE_SECONDS: Final = 1.0


class BarPublisher:
    """While Redis is away closed bars wait, 20,000 at most, then the oldest go: whoever reads bars looks a gap up in the
    history. Of growing bars the newest are written when it is back.
    """

    def __init__(self, redis: Redis) -> None:
        self._exchange = Exchange(redis)
        self._closed: deque[Bar] = deque(maxlen=_MAX_WAITING)
        self._growing: dict[InstrumentKey, Bar] = {}
        self._changed: set[InstrumentKey] = set()
        self._gone: set[InstrumentKey] = set()
        self._in_doubt = True

    def begin(self) -> None:
        """This feed publishes from now on: another one has published since whatever waits here."""
        self._closed.clear()
        self._in_doubt = True

    def close(self, bars: Sequence[Bar]) -> None:
        """These are over."""
        if len(self._closed) + len(bars) > _MAX_WAITING:
            log.warning_throttled("publish.overflow", waiting=len(self._closed))
        self._closed.extend(bars)
        for bar in bars:
            PUBLISHED.labels(bar.interval).inc()

    def grow(self, bars: Iterable[Bar]) -> None:
        """These are growing; one-minute bars."""
        for bar in bars:
            self._growing[bar.instrument] = bar
            self._changed.add(bar.instrument)

    def forget(self, keys: Iterable[InstrumentKey]) -> None:
        """Nothing grows of these any more."""
        for key in keys:
            self._changed.discard(key)
            if self._growing.pop(key, None) is not None:
                self._gone.add(key)

    async def flush(self) -> None:
        """Write what waits; what fails is tried at the next call."""
        if not (self._closed or self._changed or self._gone or self._in_doubt):
            return
        closed, written = list(self._closed), set(self._growing) if self._in_doubt else self._changed
        gone, rewrite = self._gone - self._growing.keys(), self._in_doubt
        self._changed, self._gone, self._in_doubt = set(), set(), True
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                await self._write(closed, written, gone, rewrite=rewrite)
        except (RedisError, OSError, TimeoutError) as e:
            log.warning_throttled("publish.failed", error=describe(e), waiting=len(self._closed))
            return
        self._in_doubt = False
        for _ in range(min(len(closed), len(self._closed))):
            self._closed.popleft()

    async def _write(
        self, closed: list[Bar], written: set[InstrumentKey], gone: set[InstrumentKey], *, rewrite: bool
    ) -> None:
        commands: list[Command] = [("DEL", redis_keys.OPEN_BARS)] if rewrite else []
        for first in range(0, len(closed), _BARS_AN_ENTRY):
            payload = msgspec.msgpack.encode(closed[first : first + _BARS_AN_ENTRY])
            trimmed = ("MAXLEN", "~", redis_keys.BAR_STREAM_LENGTH)
            commands.append(("XADD", redis_keys.BARS, *trimmed, "*", "b", payload))
        fields = [
            part
            for key in written
            if (bar := self._growing.get(key)) is not None
            for part in (key, msgspec.msgpack.encode(bar))
        ]
        if fields:
            commands.append(("HSET", redis_keys.OPEN_BARS, *fields))
        if gone and not rewrite:
            commands.append(("HDEL", redis_keys.OPEN_BARS, *gone))
        if rewrite:
            commands = [("MULTI",), *commands, ("EXEC",)]
        if commands:
            await self._exchange.ask(commands)

    async def end(self) -> None:
        """Let the connection to Redis go."""
        await self._exchange.close()
