"""The market clock as strategies live by it."""

from __future__ import annotations

import json
import time
from datetime import datetime

from tests.integration.runner.scripted_engine import ScriptedEngine
from tests.integration.runner.test_lives import running
from tests.support.service_process import ServiceProcess
from tests.support.waiting import eventually
from tradewinds import redis_keys
from tradewinds.clock import IST
from tradewinds.database.redis_connection import RedisConnection

REPLAYED = datetime(2021, 5, 31, 9, 15, tzinfo=IST)


async def publish_clock(redis: RedisConnection, market_ms: int, rate: float) -> None:
    """As the feed does."""
    reading = {"market_ms": market_ms, "real_ms": time.time_ns() // 1_000_000, "rate": rate}
    await redis.client.set(redis_keys.MARKET_CLOCK, json.dumps(reading))


async def test_timers_go_on_when_the_clock_turns_out_to_be_years_back(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection
) -> None:
    await publish_clock(redis, time.time_ns() // 1_000_000, 1.0)
    await running(engine, "one", "Ticking")
    await eventually(lambda: engine.said("one"))
    await publish_clock(redis, int(REPLAYED.timestamp() * 1000), 60.0)
    await eventually(lambda: engine.said("one").count("2021-05-31") >= 3)
