"""Bars, history, phases and selections, from Valkey and the engine to a strategy's process."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp

from tests.integration.runner.published_clock import publish_clock
from tests.integration.runner.published_ticks import packed, publish
from tests.integration.runner.scripted_engine import ScriptedEngine
from tests.integration.runner.test_lives import running
from tests.support.service_process import ServiceProcess
from tests.support.waiting import eventually
from tradewinds import redis_keys
from tradewinds.bars import Bar
from tradewinds.clock import IST
from tradewinds.database.redis_connection import RedisConnection
from tradewinds.instruments import Instrument
from tradewinds.v1 import market_data_pb2

RELIANCE = "NSE:RELIANCE-EQ"
CALL = Instrument(
    key="NFO:NIFTY24NOV2624600CE", exchange="NFO", symbol="NIFTY24NOV2624600CE", token="77", name="NIFTY", kind="OPT",
    lot_size=75, tick_size=Decimal("0.05"), expiry=date(2026, 11, 24), strike=Decimal(24600), option_type="CE",
)  # fmt: skip


def past(minute: int, close: str) -> market_data_pb2.Bar:
    return market_data_pb2.Bar(
        start_time=Timestamp(seconds=minute * 60), open_price=close, high_price=close, low_price=close, close_price=close,
        volume=5, closed=True, source="STREAM",
    )  # fmt: skip


async def close_bar(redis: RedisConnection, minute: int, close: float, key: str = RELIANCE) -> None:
    price = round(close * 10_000)
    bar = Bar(key, "1m", minute * 60_000, price, price, price, price, 10)
    longer = Bar(key, "5m", minute * 60_000, price, price, price, price, 10)
    await redis.client.xadd(redis_keys.BARS, {"b": msgspec.msgpack.encode([longer, bar])})


async def test_history_is_there_before_on_start_and_live_bars_follow_without_repetition(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection
) -> None:
    engine.past_bars = [past(100, "1399.00"), past(101, "1400.50")]
    await running(engine, "bars", "BarReader")
    assert engine.asked_bars == [(RELIANCE, "1m", 10)]
    await eventually(lambda: "history [1399.0, 1400.5]" in engine.said("bars"))
    await close_bar(redis, 101, 1400.5)  # it came with the history
    await close_bar(redis, 102, 3000.0, key="NSE:TCS-EQ")
    await close_bar(redis, 102, 1401.05)
    await eventually(lambda: f"bar {RELIANCE} 1401.05 3" in engine.said("bars"))
    assert len([title for title in engine.said("bars") if title.startswith("bar ")]) == 1


async def test_a_selection_is_found_and_followed_or_told_to_be_missing(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection
) -> None:
    rows = [
        market_data_pb2.OptionChainRow(
            strike=strike, call=market_data_pb2.Quote(instrument=f"NFO:NIFTY24NOV26{strike}CE")
        )
        for strike in ("24400", "24500", "24600", "24700")
    ]
    engine.chain = market_data_pb2.OptionChain(underlying_price="24511.35", rows=rows)
    await running(engine, "early", "BarReader")
    await eventually(lambda: "not selected" in engine.said("early"))  # not in today's scrip master
    await redis.client.hset(redis_keys.INSTRUMENTS, CALL.key, msgspec.msgpack.encode(CALL))
    await running(engine, "call", "BarReader")
    await eventually(lambda: f"selected {CALL.key}" in engine.said("call"))
    await eventually(lambda: CALL.key in engine.of_kind("subscriptions", "call")[-1].instruments)
    await publish_tick_of_the_call(redis)
    await eventually(lambda: f"{CALL.key} UNKNOWN" in engine.said("call"))


async def publish_tick_of_the_call(redis: RedisConnection) -> None:
    record = bytearray(packed(120.0, token=77))
    record[0] = 2  # NFO
    await redis.client.xadd(redis_keys.TICKS, {"t": bytes(record)})


async def test_phases_come_from_the_calendar_and_change_with_the_market_clock(
    engine: ScriptedEngine, runner_without_clock: ServiceProcess, redis: RedisConnection
) -> None:
    phases = [
        market_data_pb2.CalendarPhase(phase="PRE_OPEN", start="09:00", end="09:15"),
        market_data_pb2.CalendarPhase(phase="CONTINUOUS", start="09:15", end="15:30"),
    ]
    engine.calendar = [market_data_pb2.CalendarDay(day="2026-11-20", segment="NSE_CM", phases=phases, known=True)]
    before = datetime(2026, 11, 20, 9, 14, 50, tzinfo=IST)
    await publish_clock(redis, int(before.timestamp() * 1000), 5.0)
    await running(engine, "bars", "BarReader")
    await eventually(lambda: "phase NSE_CM CONTINUOUS" in engine.said("bars"), timeout=20)
    await publish(redis.client, 1400.0)
    await eventually(lambda: f"{RELIANCE} CONTINUOUS" in engine.said("bars"))
