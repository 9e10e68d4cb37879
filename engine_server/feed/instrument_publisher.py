"""The instruments in Redis: swapped whole, so that a reader sees one scrip master or the other, never a mixture."""

from __future__ import annotations

from itertools import islice

import msgspec
from redis.asyncio import Redis

from engine_server.feed.listing import Listing
from tradewinds import redis_keys

_ROWS_PER_COMMAND = 2_000
_TEMPORARY_TTL_SECONDS = 300  # a publisher that dies half-way leaves nothing for ever


class InstrumentPublisher:
    """Writes `md:instruments`, its version, and the word that they changed. All methods raise redis' errors."""

    def __init__(self, redis: Redis, instance_id: str) -> None:
        self._redis = redis
        self._temporary = f"{redis_keys.INSTRUMENTS}:next:{instance_id}"

    async def publish(self, listing: Listing) -> None:
        """Write a copy beside the one in force, then swap them in one transaction."""
        await self._redis.delete(self._temporary)
        rows = iter(listing.instruments.values())
        while chunk := list(islice(rows, _ROWS_PER_COMMAND)):
            fields = [part for i in chunk for part in (i.key, msgspec.msgpack.encode(i))]
            await self._redis.hset(self._temporary, items=fields)
        await self._redis.expire(self._temporary, _TEMPORARY_TTL_SECONDS)
        async with self._redis.pipeline(transaction=True) as transaction:
            transaction.rename(self._temporary, redis_keys.INSTRUMENTS)
            transaction.persist(redis_keys.INSTRUMENTS)
            transaction.set(redis_keys.INSTRUMENTS_VERSION, listing.version)
            transaction.publish(redis_keys.INSTRUMENTS_CHANGED, listing.version)
            await transaction.execute()

    async def is_published(self, listing: Listing) -> bool:
        """Whether Redis holds this listing; False after it lost its data."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.get(redis_keys.INSTRUMENTS_VERSION)
            pipeline.exists(redis_keys.INSTRUMENTS)
            version, there = await pipeline.execute()
        return bool(there) and version == listing.version.encode()
