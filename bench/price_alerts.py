"""A million price alerts: how fast they are there again, what they weigh, how many ticks one core holds against them, and how long it
takes from a tick to the notification of who waits for it, through a real notifier.

Nearly all ticks pass between the levels, as they do; a hundred a second reach one.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from decimal import Decimal
from typing import Any, Final

import asyncpg
import httpx
import msgspec
import numpy as np
import psutil
from redis.asyncio import Redis

from bench import alert_market
from bench.result import Result, percentile
from bench.stores import Stores, running_stores
from notifier.alerts.book import AlertBook
from notifier.alerts.evaluation_store import EvaluationStore
from notifier.alerts.firing import STORM_BUDGET
from tests.support.service_process import ServiceProcess
from tests.support.signing import Signing
from tests.support.waiting import eventually
from tradewinds import auth, redis_keys
from tradewinds.grpc_server import open_channel
from tradewinds.instruments import Instrument
from tradewinds.v1.notifier_pb2 import WatchNotificationsRequest
from tradewinds.v1.notifier_pb2_grpc import NotifierStub

_ALERTS: Final = 1_000_000
_RATE: Final = 50_000
_WATCHERS: Final = 40
_FIRES_PER_SECOND: Final = 100
_BATCHES: Final = 2_000
_LOAD_SECONDS: Final = 120.0

# Levels from 1 % to 10 % away, on both sides, a third each for once, every time and once a day; every fiftieth trails.
_INSERT: Final = """
INSERT INTO price_alerts (alert_id, user_id, instrument, condition, lower, upper, distance, hysteresis, frequency,
    cooldown_seconds, arms, mark)
SELECT 'alr-' || n, 'user-' || n / 500, 'NSE:I' || n % $2::int || '-EQ',
    CASE n / $2 % 50 WHEN 7 THEN 'FALLS_FROM_HIGH' ELSE (ARRAY['ABOVE', 'BELOW', 'CROSSES_UP', 'CROSSES_DOWN'])[1 + n / $2 % 4] END,
    9900000 - n / $2 * 1800, 10100000 + n / $2 * 1800, CASE n / $2 % 50 WHEN 7 THEN 500000 ELSE 0 END, 5000,
    (ARRAY['ONCE', 'EVERY_TIME', 'ONCE_A_DAY'])[1 + n % 3], CASE n % 3 WHEN 1 THEN 60 ELSE 0 END,
    CASE WHEN n / $2 % 50 = 7 THEN 0 WHEN n / $2 % 2 = 1 THEN 2 ELSE 1 END, CASE n / $2 % 50 WHEN 7 THEN 10020000 ELSE 0 END
FROM generate_series($3::int, $1::int) AS n
"""
_INSERTED_AT_ONCE: Final = 50_000
# Half a percent up, nearer than all others: what the ticks that count reach.
_INSERT_NEAR: Final = """
INSERT INTO price_alerts (alert_id, user_id, instrument, condition, lower, upper, arms)
SELECT 'near-' || n, 'watcher-' || n % $2::int, 'NSE:I' || n || '-EQ', 'CROSSES_UP', 10050000, 10050000, 1
FROM generate_series(0, $1::int - 1) AS n
"""


async def run() -> list[Result]:
    """The judging alone, then everything."""
    async with running_stores() as stores:
        near = _WATCHERS * STORM_BUDGET
        connection = await asyncpg.connect(stores.database_url)  # without the short timeouts of services
        for start in range(0, _ALERTS - near, _INSERTED_AT_ONCE):
            end = min(start + _INSERTED_AT_ONCE, _ALERTS - near)
            await connection.execute(_INSERT, end - 1, alert_market.INSTRUMENTS, start)
        await connection.execute(_INSERT_NEAR, near, _WATCHERS)
        await connection.execute("VACUUM ANALYZE price_alerts")
        await connection.close()
        await _list_instruments(stores.redis)
        return [*await _in_memory(stores), *await _through_a_notifier(stores, near)]


async def _in_memory(stores: Stores) -> list[Result]:
    store = EvaluationStore(stores.database)
    before, started = psutil.Process().memory_info().rss, time.perf_counter()
    keys = await store.instruments()
    rows = await store.load(keys)
    read = time.perf_counter() - started
    tokens = [(1, _token(key)) for key in keys]
    book = AlertBook(tokens, rows, 1)
    built = time.perf_counter() - started
    weight = psutil.Process().memory_info().rss - before
    rate, floor = _judging_rate(book, tokens)
    return [
        Result("price_alerts.rebuilt", built, "s", target="< 10", ceiling=read),
        Result("price_alerts.memory", weight / 2**20, "MiB"),
        Result("price_alerts.judged", rate, "ticks/s", target=f">= {_RATE}", ceiling=floor),
    ]


def _judging_rate(book: AlertBook, tokens: list[tuple[int, int]]) -> tuple[float, float]:
    """Ticks a second of one core in batches as the feed writes them; beside it the two comparisons alone."""
    draw = np.random.default_rng(7)
    batches = [alert_market.quiet_ticks(draw) for _ in range(_BATCHES)]
    entries = np.arange(1, alert_market.ENTRY_TICKS + 1)
    started = time.perf_counter()
    for batch in batches:
        book.judge(batch, entries, 1)
    judging = time.perf_counter() - started
    up, down = np.full(len(tokens), alert_market.PRICE_E4 * 2), np.zeros(len(tokens), np.int64)
    slots = [draw.integers(0, len(tokens), alert_market.ENTRY_TICKS) for _ in batches]
    started = time.perf_counter()
    for batch, slot in zip(batches, slots, strict=True):
        ((batch["last_price_e4"] >= up[slot]) | (batch["last_price_e4"] <= down[slot])).any()
    comparing = time.perf_counter() - started
    ticks = _BATCHES * alert_market.ENTRY_TICKS
    return ticks / judging, ticks / comparing


async def _through_a_notifier(stores: Stores, near: int) -> list[Result]:
    signing = Signing(stores.folder)
    environment = {
        "DATABASE_URL": stores.database_url,
        "REDIS_URL": stores.redis_url,
        "JWKS_FILE": str(signing.jwks_file),
    }
    notifier = ServiceProcess("notifier", environment, stores.folder)
    started = time.perf_counter()
    async with notifier:
        await _has_loaded(notifier.facts["metrics"])
        loaded = time.perf_counter() - started
        process = psutil.Process(notifier.facts["pid"])
        latencies: list[float] = []
        channel = open_channel(notifier.facts["grpc"])
        following = [
            asyncio.create_task(_follow(channel, signing.token(f"watcher-{n}", auth.TRADER), latencies))
            for n in range(_WATCHERS)
        ]
        await asyncio.sleep(1.0)
        cpu, began = sum(process.cpu_times()[:2]), time.monotonic()
        sent, elapsed = await _publish(stores, near)
        busy = (sum(process.cpu_times()[:2]) - cpu) / (time.monotonic() - began)
        await eventually(lambda: len(latencies) >= near, timeout=30)
        for task in following:
            task.cancel()
        await channel.close()
        memory = process.memory_info().rss
    return [
        Result("price_alerts.notifier_judges_after", loaded, "s", target="< 10"),
        Result("price_alerts.notifier_memory", memory / 2**20, "MiB"),
        Result("price_alerts.ticks", sent / elapsed, "ticks/s", target=f">= {_RATE * 0.97:.0f}"),
        Result("price_alerts.notifier_cpu", busy, "cores", target="<= 1"),
        Result("price_alerts.tick_to_notification_p50", percentile(latencies, 50), "ms"),
        Result("price_alerts.tick_to_notification_p99", percentile(latencies, 99), "ms", target="< 10"),
    ]


async def _has_loaded(metrics: str) -> None:
    async with httpx.AsyncClient() as client:

        async def is_there() -> bool:
            page = (await client.get(f"http://{metrics}/metrics")).text
            values = [line for line in page.splitlines() if line.startswith("tradewinds_price_alerts_active ")]
            return bool(values) and float(values[0].split()[1]) >= _ALERTS

        await eventually(is_there, timeout=_LOAD_SECONDS, interval=0.1)


async def _follow(channel: Any, token: str, latencies: list[float]) -> None:
    stream = NotifierStub(channel).WatchNotifications(WatchNotificationsRequest(), metadata=auth.bearer(token))
    async for response in stream:
        now_us = time.time_ns() / 1000
        latencies += [(now_us - n.data["market"]["received_us"]) / 1000 for n in response.notifications]


async def _publish(stores: Stores, near: int) -> tuple[int, float]:
    """Ticks written by a process of their own, and in how many seconds."""
    arguments = (stores.redis_url, _RATE, _FIRES_PER_SECOND, near)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.alert_market", *map(str, arguments), stdout=asyncio.subprocess.PIPE
    )
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    facts = json.loads(said)
    return facts["ticks"], facts["seconds"]


def _token(key: str) -> int:
    return alert_market.FIRST_TOKEN + int(key.removeprefix("NSE:I").removesuffix("-EQ"))


async def _list_instruments(redis: Redis) -> None:
    def instrument(number: int) -> Instrument:
        key = f"NSE:I{number}-EQ"
        return Instrument(
            key=key,
            exchange="NSE",
            symbol=f"I{number}-EQ",
            token=str(_token(key)),
            name=key,
            kind="EQ",
            lot_size=1,
            tick_size=Decimal("0.05"),
        )

    rows: dict[Any, Any] = {i.key: msgspec.msgpack.encode(i) for i in map(instrument, range(alert_market.INSTRUMENTS))}
    await redis.hset(redis_keys.INSTRUMENTS, mapping=rows)
    await redis.set(redis_keys.INSTRUMENTS_VERSION, "bench")
