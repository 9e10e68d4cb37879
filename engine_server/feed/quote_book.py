"""The last quote of everything that is wanted, in memory and in `md:quotes`, which holds nothing else.

A quote that is no longer wanted grows old without anybody noticing: it is taken out. One that a feed before us wrote stays, with
its own time, until a newer one comes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from redis.asyncio import Redis

from engine_server.feed.tick_routes import NO_ROUTES, BoolArray, Int64Array, TickRoutes
from tradewinds import redis_keys
from tradewinds.ticks import TICK_DTYPE, TickArray, instrument_codes, opaque, unpack

# What a quote says of the market, beside when it was heard of.
_SAID: Final = ("last_price_e4", "bid_price_e4", "ask_price_e4", "volume", "open_interest", "exchange_ms")


class QuoteBook:
    """One packed tick record a wanted instrument. Methods that read or write Redis raise redis' errors."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._routes = NO_ROUTES
        self._records = np.zeros(0, TICK_DTYPE)
        self._unwritten = np.zeros(0, np.bool_)
        self._in_doubt = True

    def want(self, routes: TickRoutes) -> None:
        """Keep quotes of these instruments only; Redis follows at the next `mend`."""
        before = self._routes.slots(routes.codes)
        known = before >= 0
        records, unwritten = np.zeros(len(before), TICK_DTYPE), np.zeros(len(before), np.bool_)
        records[known], unwritten[known] = self._records[before[known]], self._unwritten[before[known]]
        self._routes, self._records, self._unwritten = routes, records, unwritten
        self._in_doubt = True

    def take(self, ticks: TickArray, slots: Int64Array) -> None:
        """New quotes in order of arrival, each of its slot, to be written with the next ticks."""
        opaque(self._records)[slots] = opaque(ticks)  # of several of one instrument numpy keeps the last
        self._unwritten[slots] = True

    def differ(self, ticks: TickArray) -> BoolArray:
        """Which of these say something else than the quote that is kept; all of them are wanted, one an instrument."""
        kept = self._records[self._routes.slots(instrument_codes(ticks))]
        differs = np.zeros(len(ticks), np.bool_)
        for name in _SAID:
            differs |= kept[name] != ticks[name]
        return differs

    def unwritten(self) -> list[bytes]:
        """Key, record, key, record…: what Redis does not have yet; now it is on its way there."""
        slots = np.flatnonzero(self._unwritten)
        if not len(slots):
            return []
        self._unwritten[slots] = False
        keys, payload, size = self._routes.keys, opaque(self._records)[slots].tobytes(), TICK_DTYPE.itemsize
        items: list[bytes] = []
        for position, slot in enumerate(slots.tolist()):
            items += (keys[slot], payload[position * size : (position + 1) * size])
        return items

    def doubt(self) -> None:
        """A write failed: Redis may have anything."""
        self._unwritten = self._records["token"] != 0
        self._in_doubt = True

    async def published(self) -> TickArray:
        """What is in Redis, by whomever it was written; unreadable entries are left out."""
        packed: Iterable[Any] = (await self._redis.hgetall(redis_keys.QUOTES)).values()
        return unpack(b"".join(one for one in packed if len(one) == TICK_DTYPE.itemsize))

    def adopt(self, ticks: TickArray) -> None:
        """Take what a feed before us published, for instruments that we know nothing newer of."""
        slots = self._routes.slots(instrument_codes(ticks))
        unknown = slots >= 0
        unknown[unknown] = self._records["exchange_ms"][slots[unknown]] < ticks["exchange_ms"][unknown]
        self._records[slots[unknown]] = ticks[unknown]

    async def mend(self) -> None:
        """Make Redis agree where it may not: after a failed write, a change of wishes, or when it lost everything."""
        is_empty = not self._records["token"].any()
        if not self._in_doubt and (is_empty or await self._redis.exists(redis_keys.QUOTES)):
            return
        self._in_doubt = False
        try:
            await self._rewrite()
        except BaseException:
            self._in_doubt = True
            raise

    async def _rewrite(self) -> None:
        there, wanted = await self._redis.hkeys(redis_keys.QUOTES), set(self._routes.keys)
        self._unwritten = self._records["token"] != 0
        async with self._redis.pipeline(transaction=False) as pipeline:
            if leftovers := [key for key in there if key not in wanted]:
                pipeline.hdel(redis_keys.QUOTES, *leftovers)
            if items := self.unwritten():
                pipeline.hset(redis_keys.QUOTES, items=items)
            await pipeline.execute()
