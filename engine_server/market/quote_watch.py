"""Quotes as they change, for any number of watchers: one reader of Redis for all of them, the newest for each.

A watcher that is slow misses the quotes between, never the last one; what waits for it is one quote an instrument.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tradewinds import redis_keys
from tradewinds.errors import UnavailableError
from tradewinds.instruments import InstrumentKey
from tradewinds.telemetry import get_logger

log = get_logger("market.watch")

# A person sees no difference below; Redis sees one HMGET instead of one a watcher.
_LOOK_SECONDS: Final = 0.05
_MAX_WATCHERS: Final = 1_000
_RENEW_SECONDS: Final = 240.0  # a following lasts ten minutes
_HEARTBEAT_SECONDS: Final = 15.0


@dataclass(frozen=True)
class WatchedQuote:
    """A packed tick record (empty before the first one), and whether its ticks are known to be missing."""

    record: bytes = b""
    stale: bool = False


@dataclass(eq=False)
class _Watcher:
    keys: frozenset[InstrumentKey]
    changed: set[InstrumentKey] = field(default_factory=set)
    wake: asyncio.Event = field(default_factory=asyncio.Event)


class QuoteWatch:
    """`run` is a watched task; `follow` is one watcher's stream.

    `keep_following(keys)` has the feed stream these instruments; it is asked at the beginning and every four minutes. `stopping` is
    set when the process is about to stop: the streams end by themselves then.
    """

    def __init__(
        self,
        redis: Redis,
        keep_following: Callable[[Sequence[InstrumentKey]], Awaitable[None]],
        stopping: asyncio.Event,
        heartbeat_seconds: float = _HEARTBEAT_SECONDS,
    ) -> None:
        self._redis = redis
        self._stopping = stopping
        self._heartbeat_seconds = heartbeat_seconds
        self._keep_following = keep_following
        self._watchers: set[_Watcher] = set()
        self._wanted: Counter[InstrumentKey] = Counter()
        self._latest: dict[InstrumentKey, WatchedQuote] = {}
        self._anybody = asyncio.Event()

    async def run(self) -> None:
        """Read what is watched, for ever; without Redis the watchers wait."""
        while True:
            await self._anybody.wait()
            try:
                self._take(await self._read(list(self._wanted)))
            except (RedisError, OSError, TimeoutError) as e:
                log.warning_throttled("unreachable", error=repr(e))
            await asyncio.sleep(_LOOK_SECONDS)

    async def follow(
        self, keys: Sequence[InstrumentKey], interval_seconds: float
    ) -> AsyncIterator[Mapping[InstrumentKey, WatchedQuote]]:
        """First one quote of each, then those that have changed, at most once in `interval_seconds`, nothing as a beat; until the
        process stops.

        Raises `UnavailableError` for one watcher too many, and redis' and asyncpg's errors at the beginning.
        """
        if len(self._watchers) >= _MAX_WATCHERS:
            raise UnavailableError(f"{_MAX_WATCHERS} streams of quotes are open here already; close one, or try again")
        await self._keep_following(keys)
        watcher = _Watcher(frozenset(keys))
        self._enter(watcher)
        renewing = asyncio.create_task(self._renew(keys), name="quote watch renewal")
        try:
            self._take(await self._read(list(watcher.keys)))
            watcher.changed.clear()
            yield {key: self._latest.get(key, WatchedQuote()) for key in keys}
            while not self._stopping.is_set():
                await asyncio.sleep(interval_seconds)
                await self._woken(watcher)
                changed, watcher.changed = watcher.changed, set()
                watcher.wake.clear()
                yield {key: self._latest[key] for key in keys if key in changed}
        finally:
            renewing.cancel()
            self._leave(watcher)

    async def _woken(self, watcher: _Watcher) -> None:
        """Something changed, or it is time for a beat, or to stop."""
        waiting = [asyncio.ensure_future(watcher.wake.wait()), asyncio.ensure_future(self._stopping.wait())]
        try:
            await asyncio.wait(waiting, timeout=self._heartbeat_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()

    def _enter(self, watcher: _Watcher) -> None:
        self._watchers.add(watcher)
        self._wanted.update(watcher.keys)
        self._anybody.set()

    def _leave(self, watcher: _Watcher) -> None:
        self._watchers.discard(watcher)
        self._wanted.subtract(watcher.keys)
        for key in [key for key in watcher.keys if not self._wanted[key]]:
            del self._wanted[key]
            self._latest.pop(key, None)
        if not self._watchers:
            self._anybody.clear()

    async def _read(self, keys: list[InstrumentKey]) -> dict[InstrumentKey, WatchedQuote]:
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.hmget(redis_keys.QUOTES, keys)
        pipeline.hmget(redis_keys.STALE, keys)
        records, stale = await pipeline.execute()
        return {
            key: WatchedQuote(record or b"", since is not None)
            for key, record, since in zip(keys, records, stale, strict=True)
        }

    def _take(self, quotes: Mapping[InstrumentKey, WatchedQuote]) -> None:
        changed = {key for key, quote in quotes.items() if self._latest.get(key) != quote and key in self._wanted}
        self._latest.update((key, quotes[key]) for key in changed)
        for watcher in self._watchers:
            if ours := changed & watcher.keys:
                watcher.changed |= ours
                watcher.wake.set()

    async def _renew(self, keys: Sequence[InstrumentKey]) -> None:
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            try:
                await self._keep_following(keys)
            except Exception as e:
                # Whatever the store says: it is asked again long before it matters.
                log.warning_throttled("not_renewed", error=repr(e))
