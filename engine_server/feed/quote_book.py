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
from tradewinds.ticks import FEW_TICKS, TICK_DTYPE, TickArray, instrument_codes, opaque, unpack

_SIZE: Final = TICK_DTYPE.itemsize
# What a quote says of the market, beside when it was heard of.
_SAID: Final = ("last_price_e4", "bid_price_e4", "ask_price_e4", "volume", "open_interest", "exchange_ms")


class QuoteBook:
    """One packed tick record a wanted instrument. Methods that read or write Redis raise redis' errors."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._routes = NO_ROUTES
        self._records = np.zeros(0, TICK_DTYPE)
        self._unwritten = np.zeros(0, np.bool_)
        # What came a few at a time lies over the records, by slot, until somebody asks for these: an assignment by numpy costs more.
        self._over: dict[int, bytes] = {}
        self._unwritten_over: set[int] = set()
        self._has_unwritten = False
        self._in_doubt = True

    def want(self, routes: TickRoutes) -> None:
        """Keep quotes of these instruments only; Redis follows at the next `mend`."""
        self._lay_down()
        before = self._routes.slots(routes.codes)
        known = before >= 0
        records, unwritten = np.zeros(len(before), TICK_DTYPE), np.zeros(len(before), np.bool_)
        records[known], unwritten[known] = self._records[before[known]], self._unwritten[before[known]]
        self._routes, self._records, self._unwritten = routes, records, unwritten
        self._in_doubt = True

    def take(self, ticks: TickArray, slots: Int64Array) -> None:
        """New quotes in order of arrival, each of its slot, to be written with the next ticks."""
        if len(ticks) <= FEW_TICKS:
            payload, places = ticks.tobytes(), slots.tolist()
            for place, slot in enumerate(places):
                self._over[slot] = payload[place * _SIZE : (place + 1) * _SIZE]
            self._unwritten_over.update(places)
            return
        self._lay_down()
        opaque(self._records)[slots] = opaque(ticks)  # of several of one instrument numpy keeps the last
        self._unwritten[slots] = self._has_unwritten = True

    def _lay_down(self) -> None:
        if not self._over:
            return
        slots = list(self._over)
        opaque(self._records)[slots] = opaque(unpack(b"".join(self._over.values())))
        if self._unwritten_over:
            self._unwritten[list(self._unwritten_over)] = self._has_unwritten = True
        self._over, self._unwritten_over = {}, set()

    def differ(self, ticks: TickArray) -> BoolArray:
        """Which of these say something else than the quote that is kept; all of them are wanted, one an instrument."""
        self._lay_down()
        kept = self._records[self._routes.slots(instrument_codes(ticks))]
        differs = np.zeros(len(ticks), np.bool_)
        for name in _SAID:
            differs |= kept[name] != ticks[name]
        return differs

    def unwritten(self) -> list[bytes]:
        """Key, record, key, record…: what Redis does not have yet; now it is on its way there."""
        keys = self._routes.keys
        items: list[bytes] = []
        if not self._has_unwritten:
            for slot in self._unwritten_over:
                items += (keys[slot], self._over[slot])
            self._unwritten_over = set()
            return items
        self._lay_down()
        slots = np.flatnonzero(self._unwritten)
        self._unwritten[slots] = self._has_unwritten = False
        payload = opaque(self._records)[slots].tobytes()
        for position, slot in enumerate(slots.tolist()):
            items += (keys[slot], payload[position * _SIZE : (position + 1) * _SIZE])
        return items

    def doubt(self) -> None:
        """A write failed: Redis may have anything."""
        self._doubt_all()
        self._in_doubt = True

    def _doubt_all(self) -> None:
        self._lay_down()
        self._unwritten, self._has_unwritten = self._records["token"] != 0, True

    async def published(self) -> TickArray:
        """What is in Redis, by whomever it was written; unreadable entries are left out."""
        packed: Iterable[Any] = (await self._redis.hgetall(redis_keys.QUOTES)).values()
        return unpack(b"".join(one for one in packed if len(one) == TICK_DTYPE.itemsize))

    def adopt(self, ticks: TickArray) -> None:
        """Take what a feed before us published, for instruments that we know nothing newer of."""
        self._lay_down()
        slots = self._routes.slots(instrument_codes(ticks))
        unknown = slots >= 0
        unknown[unknown] = self._records["exchange_ms"][slots[unknown]] < ticks["exchange_ms"][unknown]
        self._records[slots[unknown]] = ticks[unknown]

    async def mend(self) -> None:
        """Make Redis agree where it may not: after a failed write, a change of wishes, or when it lost everything."""
        is_empty = not self._over and not self._records["token"].any()
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
        self._doubt_all()
        async with self._redis.pipeline(transaction=False) as pipeline:
            if leftovers := [key for key in there if key not in wanted]:
                pipeline.hdel(redis_keys.QUOTES, *leftovers)
            if items := self.unwritten():
                pipeline.hset(redis_keys.QUOTES, items=items)
            await pipeline.execute()
