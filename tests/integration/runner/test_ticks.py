"""Prices from Valkey to on_tick."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal

import msgspec
import numpy as np

from tests.integration.runner.published_ticks import TCS_TOKEN, packed, publish
from tests.integration.runner.scripted_engine import ScriptedEngine
from tests.integration.runner.test_lives import running
from tests.support.service_process import ServiceProcess
from tests.support.waiting import eventually
from tradewinds import redis_keys
from tradewinds.database.redis_connection import RedisConnection
from tradewinds.instruments import Instrument
from tradewinds.telemetry import get_logger
from tradewinds.ticks import TICK_DTYPE

TCS = Instrument(
    key="NSE:TCS-EQ",
    exchange="NSE",
    symbol="TCS-EQ",
    token=str(TCS_TOKEN),
    name="TCS",
    kind="EQ",
    lot_size=1,
    tick_size=Decimal("0.05"),
)


async def test_a_late_strategy_first_gets_the_last_known_price(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection
) -> None:
    await redis.client.hset(redis_keys.QUOTES, "NSE:RELIANCE-EQ", packed(1234.5))
    await running(engine, "one")
    await eventually(lambda: engine.state("one").get("last") == "1234.50")
    await publish(redis.client, 1235.0)
    await eventually(lambda: engine.state("one") == {"starts": 1, "ticks": 2, "last": "1235.00"})


async def test_only_what_is_subscribed_arrives_and_subscribing_finds_more(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection
) -> None:
    await redis.client.hset(redis_keys.INSTRUMENTS, TCS.key, msgspec.msgpack.encode(TCS))
    await running(engine, "narrow")
    await running(engine, "curious", "Curious")
    await eventually(lambda: engine.of_kind("subscriptions", "curious")[-1].instruments == [RELIANCE_KEY, TCS.key])
    await eventually(lambda: "NOSUCHTHING is not followed" in engine.said("curious"))
    await publish(redis.client, 3900.0, TCS_TOKEN)
    await publish(redis.client, 1400.0)
    await eventually(lambda: {"tick NSE:TCS-EQ", "tick NSE:RELIANCE-EQ"} <= set(engine.said("curious")))
    await eventually(lambda: engine.state("narrow").get("ticks") == 1)
    assert engine.of_kind("subscriptions", "narrow")[-1].instruments == [RELIANCE_KEY]


RELIANCE_KEY = "NSE:RELIANCE-EQ"


async def test_what_the_feed_calls_stale_is_told_and_so_is_its_end(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection
) -> None:
    await running(engine, "one")
    await redis.client.hset(redis_keys.STALE, TCS.key, "1")  # it does not follow that one
    await publish(redis.client, 1400.0)
    await eventually(lambda: engine.state("one").get("ticks") == 1)
    await redis.client.hset(redis_keys.STALE, RELIANCE_KEY, "1")
    await eventually(lambda: engine.said("one") == ["started", "stale"])
    await redis.client.delete(redis_keys.STALE)
    await eventually(lambda: engine.said("one") == ["started", "stale", "resumed"])


async def test_a_feed_that_has_died_is_stale_whatever_it_said_last(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection
) -> None:
    await redis.client.hset(redis_keys.FEED_STATE, "updated_ms", str(time.time_ns() // 1_000_000))
    await running(engine, "one")
    await redis.client.hset(redis_keys.FEED_STATE, "updated_ms", str(time.time_ns() // 1_000_000 - 11_000))
    await eventually(lambda: engine.said("one") == ["started", "stale"])


async def test_reading_goes_on_when_every_connection_is_cut_and_rubbish_is_stepped_over(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection
) -> None:
    await running(engine, "one")
    await publish(redis.client, 1400.0)
    await eventually(lambda: engine.state("one").get("ticks") == 1)
    await redis.client.client_kill_filter(_type="normal", skipme=True)
    await redis.client.xadd(redis_keys.TICKS, {"t": b"not a tick"})
    await publish(redis.client, 1401.0)
    await eventually(lambda: engine.state("one").get("last") == "1401.00")
    await redis.client.flushall()
    await publish(redis.client, 1402.0)
    await eventually(lambda: engine.state("one").get("last") == "1402.00")


async def test_a_thousand_ticks_a_second_arrive_within_milliseconds(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection
) -> None:
    seconds, per_second, per_flush = 3, 1_000, 2
    engine.start("latency", "Latency", {"expected": seconds * per_second * 9 // 10})
    await eventually(lambda: engine.life("latency")[-1:] == ["RUNNING"])
    await publish(redis.client, 1400.0)
    records = np.frombuffer(packed(1400.0, count=per_flush), dtype=TICK_DTYPE).copy()
    began = time.perf_counter()
    for flush in range(seconds * per_second // per_flush):
        records["received_ns"] = time.time_ns()
        await redis.client.xadd(redis_keys.TICKS, {"t": records.tobytes()}, maxlen=5_000)
        await asyncio.sleep(max(0.0, began + (flush + 1) * per_flush / per_second - time.perf_counter()))
    await eventually(lambda: len(engine.of_kind("metrics")) > 0)
    measured = {m.name: m.value for batch in engine.of_kind("metrics") for m in batch.metrics}
    get_logger("latency").info("measured", **measured)  # shown with `pytest -rP`
    assert measured["p50_us"] < 20_000  # far above what is measured on an idle machine: tests share two cores
