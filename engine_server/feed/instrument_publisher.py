"""The instruments in Redis: swapped whole, so that a reader sees one scrip master or the other, never a mixture."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

from redis.asyncio import Redis

from engine_server.feed.listing import Listing
from engine_server.instruments.packed import head_of, pack, unpack
from engine_server.instruments.table import InstrumentTable
from tradewinds import redis_keys
from tradewinds.database.redis_exchange import Exchange

_TEMPORARY_TTL_SECONDS = 300  # a publisher that dies half-way leaves nothing for ever


class InstrumentPublisher:
    """Writes `md:instruments` by row and by column, their version and day, and the word that they changed. All methods raise redis'
    errors."""

    def __init__(self, redis: Redis, instance_id: str) -> None:
        self._redis = redis
        self._temporary = f"{redis_keys.INSTRUMENTS}:next:{instance_id}"

    async def publish(self, listing: Listing) -> None:
        """Write a copy beside the one in force, then swap them in one transaction."""
        await self._write_rows(listing.instruments)
        packed = await asyncio.to_thread(_packed, listing)
        async with self._redis.pipeline(transaction=True) as transaction:
            transaction.rename(self._temporary, redis_keys.INSTRUMENTS)
            transaction.persist(redis_keys.INSTRUMENTS)
            transaction.set(redis_keys.INSTRUMENT_TABLE, packed)
            transaction.set(redis_keys.INSTRUMENTS_VERSION, listing.version)
            transaction.set(redis_keys.INSTRUMENTS_DAY, _day(listing))
            transaction.publish(redis_keys.INSTRUMENTS_CHANGED, listing.version)
            await transaction.execute()

    async def published(self) -> Listing | None:
        """What is in force there; None where nothing is. Raises msgspec's `DecodeError` too, for rows of another program's form."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.mget(redis_keys.INSTRUMENTS_VERSION, redis_keys.INSTRUMENTS_DAY)
            pipeline.get(redis_keys.INSTRUMENT_TABLE)
            (version, day), packed = await pipeline.execute()
        if version is None or packed is None:
            return None
        _, instruments = await asyncio.to_thread(unpack, packed)
        return Listing(version.decode(), instruments, date.fromisoformat(day.decode()) if day else None)

    async def publish_day(self, listing: Listing) -> None:
        """The same content is in force for another day."""
        async with self._redis.pipeline(transaction=True) as transaction:
            transaction.set(redis_keys.INSTRUMENTS_DAY, _day(listing))
            transaction.publish(redis_keys.INSTRUMENTS_CHANGED, listing.version)
            await transaction.execute()

    async def is_published(self, listing: Listing) -> bool:
        """Whether Redis holds this content; False after it lost its data."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.get(redis_keys.INSTRUMENTS_VERSION)
            pipeline.exists(redis_keys.INSTRUMENTS, redis_keys.INSTRUMENT_TABLE)
            version, there = await pipeline.execute()
        return bool(there == 2 and version == listing.version.encode())

    async def is_day_published(self, listing: Listing) -> bool:
        """Whether Redis says the listing's day."""
        day: Any = await self._redis.get(redis_keys.INSTRUMENTS_DAY)
        return bool(day == _day(listing).encode())

    async def _write_rows(self, instruments: InstrumentTable) -> None:
        exchange = Exchange(self._redis)
        try:
            await exchange.ask([("DEL", self._temporary)])
            for rows in instruments.packed_rows():
                fields: list[str | bytes] = [part for row in rows for part in row]
                await exchange.ask([("HSET", self._temporary, *fields)])
            await exchange.ask([("EXPIRE", self._temporary, _TEMPORARY_TTL_SECONDS)])
        finally:
            await exchange.close()


def _packed(listing: Listing) -> bytes:
    return pack(head_of(listing.version, listing.instruments, {}), listing.instruments)


def _day(listing: Listing) -> str:
    return listing.trade_day.isoformat() if listing.trade_day else ""
