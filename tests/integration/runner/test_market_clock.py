"""The market clock as strategies live by it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from tests.integration.runner.published_clock import publish_clock
from tests.integration.runner.scripted_engine import ScriptedEngine
from tests.integration.runner.test_lives import running
from tests.support.service_process import ServiceProcess
from tests.support.waiting import eventually
from tradewinds.clock import IST
from tradewinds.database.redis_connection import RedisConnection

REPLAYED_MS = int(datetime(2021, 5, 31, 9, 15, tzinfo=IST).timestamp() * 1000)
REPLAYED = "2021-05-31"


async def test_timers_go_on_when_the_clock_turns_out_to_be_years_back(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection
) -> None:
    await running(engine, "one", "Ticking")
    await publish_clock(redis, REPLAYED_MS, 60.0)
    await eventually(lambda: engine.said("one").count(REPLAYED) >= 3)


async def test_a_strategy_begins_when_the_market_clock_is_known(
    engine: ScriptedEngine, runner_without_clock: ServiceProcess, redis: RedisConnection
) -> None:
    engine.start("one", "Ticking")
    await asyncio.sleep(0.5)  # long enough for one that does not wait
    await publish_clock(redis, REPLAYED_MS, 60.0)
    await eventually(lambda: len(engine.said("one")) >= 3)
    assert set(engine.said("one")) == {REPLAYED}


async def test_without_a_market_clock_a_strategy_begins_on_the_real_one(
    engine: ScriptedEngine, runner_without_clock: ServiceProcess
) -> None:
    engine.start("one", "Ticking")
    await eventually(lambda: engine.said("one"), timeout=8)
    assert engine.said("one")[0] == f"{datetime.now(UTC).astimezone(IST):%Y-%m-%d}"
    assert '"action": "strategy.market_clock.unknown"' in runner_without_clock.log()


async def test_one_that_waits_for_the_market_clock_is_stopped_in_order(
    engine: ScriptedEngine, runner_without_clock: ServiceProcess
) -> None:
    engine.start("one", "Ticking")
    engine.stop("one")
    await eventually(lambda: engine.life("one") == ["STOPPED"], timeout=8)
    assert engine.said("one") == []
