"""The market clock from the broker through Redis to whoever follows it."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator

import msgspec
import pytest
from aiohttp import web

from engine_server.feed.clock_poller import ClockPoller
from tests.support.feed_process import Valkey
from tests.support.waiting import eventually
from tradewinds import redis_keys
from tradewinds.clock import MarketClock, SystemClock
from tradewinds.market_clock_reader import follow_market_clock, read_market_clock

TLS = ssl.create_default_context()
MORNING_MS = 1_622_432_700_000  # 2021-05-31 09:15 IST


class BrokerWithClock:
    """Publishes a clock that a test sets."""

    def __init__(self) -> None:
        self.url = ""
        self.market_ms, self.rate, self.jump = MORNING_MS, 60.0, 0
        self.asked = 0

    async def serve(self, request: web.Request) -> web.Response:
        self.asked += 1
        real_ms = time.time_ns() // 1_000_000
        body = {
            "market_ms": self.market_ms,
            "real_ms": real_ms,
            "rate": self.rate,
            "jump": self.jump,
            "market_time": "",
        }
        return web.json_response(body)


@pytest.fixture
async def broker() -> AsyncIterator[BrokerWithClock]:
    broker = BrokerWithClock()
    application = web.Application()
    application.router.add_get("/sandbox/clock", broker.serve)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    broker.url = f"http://127.0.0.1:{runner.addresses[0][1]}/sandbox/clock"
    yield broker
    await runner.cleanup()


async def test_a_clock_at_sixty_times_reaches_a_follower_and_so_does_its_jump(
    broker: BrokerWithClock, valkey: Valkey
) -> None:
    polled, followed = MarketClock(), MarketClock()
    poller = ClockPoller(broker.url, TLS, valkey, polled, SystemClock())
    tasks = [asyncio.create_task(poller.run()), asyncio.create_task(follow_market_clock(valkey, followed))]
    try:
        await eventually(lambda: followed.rate == 60.0)
        assert 0 <= followed.now_ms() - MORNING_MS < 60 * 5_000
        broker.market_ms, broker.jump = MORNING_MS + 86_400_000, 1
        await eventually(lambda: polled.now_ms() >= broker.market_ms, timeout=1)
        await eventually(lambda: followed.now_ms() >= broker.market_ms, timeout=3)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def test_without_an_address_the_real_clock_is_the_markets(valkey: Valkey) -> None:
    task = asyncio.create_task(ClockPoller("", TLS, valkey, MarketClock(), SystemClock()).run())
    try:
        published = await eventually(lambda: valkey.get(redis_keys.MARKET_CLOCK))
    finally:
        task.cancel()
        await asyncio.wait([task])
    reading = json.loads(published)
    assert reading["market_ms"] == reading["real_ms"]
    assert abs(reading["real_ms"] - time.time() * 1000) < 5_000
    assert reading["rate"] == 1.0


async def test_a_broker_that_does_not_answer_leaves_the_last_reading_running(
    broker: BrokerWithClock, valkey: Valkey
) -> None:
    market_clock = MarketClock()
    poller = ClockPoller(broker.url, TLS, valkey, market_clock, SystemClock())
    task = asyncio.create_task(poller.run())
    try:
        await eventually(lambda: market_clock.rate == 60.0)
        broker.rate = float("nan")  # no JSON that we take
        before, asked = market_clock.now_ms(), broker.asked
        await eventually(lambda: broker.asked >= asked + 2)
        assert market_clock.rate == 60.0
        assert market_clock.now_ms() > before
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_what_is_not_there_or_not_readable_leaves_the_clock_alone(valkey: Valkey) -> None:
    market_clock = MarketClock()
    assert not await read_market_clock(valkey, market_clock)
    await valkey.set(redis_keys.MARKET_CLOCK, "garbage")
    with pytest.raises(msgspec.DecodeError):
        await read_market_clock(valkey, market_clock)
    assert market_clock.rate == 1.0


async def test_a_follower_outlives_garbage(valkey: Valkey) -> None:
    market_clock = MarketClock()
    await valkey.set(redis_keys.MARKET_CLOCK, "garbage")
    task = asyncio.create_task(follow_market_clock(valkey, market_clock))
    try:
        await valkey.set(redis_keys.MARKET_CLOCK, '{"market_ms": 1, "real_ms": 1, "rate": 2.0}')
        await eventually(lambda: market_clock.rate == 2.0)
    finally:
        task.cancel()
        await asyncio.wait([task])
