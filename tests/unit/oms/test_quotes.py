"""What orders go on in is kept in memory, never longer than it may be believed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import numpy as np
import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from engine_server.oms import quotes
from engine_server.oms.quotes import QuoteReader
from tests.support.waiting import eventually
from tradewinds.clock import SystemClock
from tradewinds.ticks import TICK_DTYPE

SBIN, NOBODYS = "NSE:SBIN-EQ", "NSE:TCS-EQ"


def packed(rupees: int, age_seconds: float = 0.0) -> bytes:
    record = np.zeros(1, TICK_DTYPE)
    record["last_price_e4"] = rupees * 10_000
    record["received_ns"] = int((SystemClock().now().timestamp() - age_seconds) * 1e9)
    return record.tobytes()


class Hash:
    """`md:quotes`, and how often it was asked."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.reads: list[list[str]] = []
        self.is_away = False

    async def hmget(self, _key: str, fields: list[str]) -> list[bytes | None]:
        self.reads.append(fields)
        if self.is_away:
            raise RedisConnectionError("away")
        return [self.values.get(field) for field in fields]


@asynccontextmanager
async def running(stored: Hash) -> AsyncIterator[QuoteReader]:
    reader = QuoteReader(cast("Redis", stored), SystemClock())
    task = asyncio.create_task(reader.run())
    try:
        yield reader
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def last(reader: QuoteReader, instrument: str = SBIN) -> Any:
    quote = await reader.quote(instrument)
    return None if quote is None else int(quote.last)


async def test_the_second_order_in_an_instrument_does_not_wait_for_redis() -> None:
    stored = Hash()
    stored.values[SBIN] = packed(940)
    async with running(stored) as reader:
        assert await last(reader) == 940
        await eventually(lambda: len(stored.reads) >= 2, what="it is followed")
        before = len(stored.reads)
        assert [await last(reader) for _ in range(50)] == [940] * 50
        assert len(stored.reads) <= before + 1
        stored.values[SBIN] = packed(941)

        async def moved() -> bool:
            return bool(await last(reader) == 941)

        await eventually(moved, what="the next one is seen")


async def test_what_is_old_or_not_there_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotes, "_LOOK_SECONDS", 60.0)  # nothing refreshes it within this test
    stored = Hash()
    stored.values[SBIN] = packed(940, age_seconds=20)
    async with running(stored) as reader:
        assert await last(reader) == 940
        assert await last(reader, NOBODYS) is None
        await eventually(lambda: len(stored.reads) == 3, what="it is followed")
        stored.values[SBIN] = packed(950)
        assert await last(reader) == 950, "an old one is not taken from memory"


async def test_without_redis_nothing_kept_is_believed_for_long() -> None:
    stored = Hash()
    stored.values[SBIN] = packed(940)
    async with running(stored) as reader:
        assert await last(reader) == 940
        stored.is_away = True

        async def gone() -> bool:
            return await last(reader) is None

        await eventually(gone, what="there is no quote")
