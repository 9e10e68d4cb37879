"""The instruments in Redis: swapped whole, so that a reader sees one scrip master or the other, never a mixture."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import chain, islice
from typing import Any

from redis.asyncio import Redis

from engine_server.feed.listing import Listing
from engine_server.instruments.packed import PackedInstruments
from tradewinds import redis_keys

_ROWS_PER_COMMAND = 1_000
_TEMPORARY_TTL_SECONDS = 300  # a publisher that dies half-way leaves nothing for ever


class InstrumentPublisher:
    """Writes `md:instruments` and `md:categories`, their version and day, and the word that they changed. All methods raise redis'
    errors."""

    def __init__(self, redis: Redis, instance_id: str) -> None:
        self._redis = redis
        self._temporary = f"{redis_keys.INSTRUMENTS}:next:{instance_id}"
        self._temporary_categories = f"{redis_keys.CATEGORIES}:next:{instance_id}"

    async def publish(self, listing: Listing) -> None:
        """Write a copy beside the one in force, then swap them in one transaction."""
        await self._write(self._temporary, _packed(listing).rows)
        await self._write(self._temporary_categories, listing.categories)
        async with self._redis.pipeline(transaction=True) as transaction:
            _swap(transaction, self._temporary, redis_keys.INSTRUMENTS)
            if listing.categories:
                _swap(transaction, self._temporary_categories, redis_keys.CATEGORIES)
            transaction.set(redis_keys.INSTRUMENTS_VERSION, listing.version)
            transaction.set(redis_keys.INSTRUMENTS_DAY, _day(listing))
            transaction.publish(redis_keys.INSTRUMENTS_CHANGED, listing.version)
            await transaction.execute()

    async def published(self) -> Listing | None:
        """What is in force there; None where nothing is. Raises msgspec's `DecodeError` too, for rows of another program's form."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.mget(redis_keys.INSTRUMENTS_VERSION, redis_keys.INSTRUMENTS_DAY)
            pipeline.hgetall(redis_keys.INSTRUMENTS)
            pipeline.hgetall(redis_keys.CATEGORIES)
            (version, day), rows, counted = await pipeline.execute()
        if version is None or not rows:
            return None
        return await asyncio.to_thread(_read, version, day, rows, counted)

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
            pipeline.exists(redis_keys.INSTRUMENTS)
            version, there = await pipeline.execute()
        return bool(there) and version == listing.version.encode()

    async def is_day_published(self, listing: Listing) -> bool:
        """Whether Redis says the listing's day."""
        day: Any = await self._redis.get(redis_keys.INSTRUMENTS_DAY)
        return bool(day == _day(listing).encode())

    async def _write(self, key: str, fields: Mapping[str, bytes] | Mapping[str, int]) -> None:
        await self._redis.delete(key)
        for items in _commands(fields.items()):
            await self._redis.hset(key, items=items)
        await self._redis.expire(key, _TEMPORARY_TTL_SECONDS)


def _read(version: bytes, day: bytes | None, rows: Mapping[bytes, bytes], counted: Mapping[bytes, bytes]) -> Listing:
    instruments = PackedInstruments({key.decode(): row for key, row in rows.items()})
    for key in instruments:
        instruments[key]  # one that cannot be read is found now, not when somebody wants it
    categories = {name.decode(): int(count) for name, count in counted.items()}
    by_exchange = Counter[str]()
    for name, count in categories.items():
        by_exchange[name.partition("|")[0]] += count
    trade_day = date.fromisoformat(day.decode()) if day else None
    return Listing(version.decode(), instruments, trade_day, by_exchange, categories)


def _swap(transaction: Any, temporary: str, key: str) -> None:
    transaction.rename(temporary, key)
    transaction.persist(key)


def _commands(fields: Iterable[tuple[str, Any]]) -> Iterator[list[Any]]:
    rest = iter(fields)
    while items := list(chain.from_iterable(islice(rest, _ROWS_PER_COMMAND))):
        yield items


def _packed(listing: Listing) -> PackedInstruments:
    instruments = listing.instruments
    return instruments if isinstance(instruments, PackedInstruments) else PackedInstruments.of(instruments)


def _day(listing: Listing) -> str:
    return listing.trade_day.isoformat() if listing.trade_day else ""
