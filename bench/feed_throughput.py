"""How many ticks a second one feed process takes from its sockets to Redis, and on how much of a core; its memory.

Frames come from `bench.frame_source`, which costs next to nothing; the feed has the whole scrip master and 2,000 subscriptions on two
sockets. Beside it the ceiling: as many ticks as the same Valkey takes in batches of that size, with nobody else on the machine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import psutil
from redis.asyncio import Redis

from bench.feed_rig import frame_source
from bench.result import Result, percentile
from bench.stores import Stores, running_stores
from engine_server.feed.tick_writer import TickWriter
from tests.support.feed_process import FeedProcess, TickReader, Valkey, is_state, log_in, metric, wish, write_session
from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually
from tradewinds import redis_keys
from tradewinds.ticks import TICK_DTYPE, TickArray

_RATES = (5_000, 50_000)
_INSTRUMENTS = 2_000
_WARM_SECONDS, _SECONDS = 3.0, 6.0
_CEILING_BATCH, _CEILING_SECONDS = 100, 1.0


async def run() -> list[Result]:
    """One line a number, at each rate."""
    results: list[Result] = []
    async with running_stores() as there:
        ceiling = await _ceiling(there.redis)
        # Of the sandbox only the scrip master, the clock and the login are wanted here: its own market hardly moves.
        async with SandboxProcess(arguments=("--scrip-size", "full", "--ticks-per-second", "1")) as sandbox:
            for rate in _RATES:
                async with _feed(there, sandbox, rate) as feed:
                    results += await _measure(rate, there.redis, feed, ceiling)
    return results


@asynccontextmanager
async def _feed(there: Stores, sandbox: SandboxProcess, rate: int) -> AsyncIterator[FeedProcess]:
    """It has everything and gets ticks."""
    async with frame_source(there.folder, sandbox, rate) as url:
        feed = FeedProcess(
            there.database_url,
            there.redis_url,
            sandbox,
            there.folder,
            environment={
                "BROKER_MARKET_STREAM_URL": url,
                "SCRIP_MASTER_MINIMUM_ROWS": "150000",
                "BAR_BACKFILL_DAYS": "0",  # answering it would keep the sandbox, and a core, busy for minutes
            },
        )
        await write_session(there.database, feed.seal_key, await log_in(sandbox))
        async with feed:
            listed = await eventually(lambda: _listed(there.redis), timeout=60, what="the scrip master")
            await there.database.pool.execute("DELETE FROM market_subscriptions")
            await wish(there.database, *listed)
            await is_state(there.redis, "LIVE")
            await asyncio.sleep(_WARM_SECONDS)
            yield feed


async def _listed(redis: Valkey) -> list[str]:
    keys = sorted(key.decode() for key in await redis.hkeys(redis_keys.INSTRUMENTS))
    return [key for key in keys if key.startswith("NSE:") and "-" in key][:_INSTRUMENTS]


async def _measure(rate: int, redis: Redis, feed: FeedProcess, ceiling: float) -> list[Result]:
    process, reader, sample = psutil.Process(feed.pid), TickReader(redis), "tradewinds_feed_ticks_total"
    cpu, written, started = sum(process.cpu_times()[:2]), await metric(feed, sample), time.monotonic()
    psutil.cpu_percent()  # from here on
    whole, inside = [], []
    while time.monotonic() - started < _SECONDS:
        for records in await reader.read():
            now_ms, some = time.time_ns() / 1e6, records[::10]
            whole += (now_ms - some["volume"] / 1e3).tolist()
            inside += (now_ms - some["received_ns"] / 1e6).tolist()
    elapsed = time.monotonic() - started
    machine = psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1)
    name = f"feed_throughput.{rate}_per_second"
    return [
        Result(
            f"{name}.written",
            (await metric(feed, sample) - written) / elapsed,
            "ticks/s",
            target=f">= {rate * 0.97:.0f}",
            ceiling=ceiling,
        ),
        Result(f"{name}.feed_cpu", (sum(process.cpu_times()[:2]) - cpu) / elapsed, "cores", target="<= 1"),
        Result(f"{name}.feed_memory", process.memory_info().rss / 1e6, "MB", target="< 300"),
        # Near the ceiling the latencies below say how processes queue for the machine, not how fast the path is.
        Result(f"{name}.machine_cpu", machine, "cores", ceiling=float(psutil.cpu_count() or 1)),
        Result(f"{name}.socket_to_reader_p50", percentile(inside, 50), "ms"),
        Result(f"{name}.socket_to_reader_p99", percentile(inside, 99), "ms"),
        Result(f"{name}.sent_to_reader_p50", percentile(whole, 50), "ms"),
        Result(f"{name}.sent_to_reader_p99", percentile(whole, 99), "ms"),
    ]


async def _ceiling(redis: Redis) -> float:
    ticks: TickArray = np.zeros(_CEILING_BATCH, TICK_DTYPE)
    ticks["token"] = np.arange(_CEILING_BATCH)
    writer, rounds, started = TickWriter(redis), 0, time.monotonic()
    while time.monotonic() - started < _CEILING_SECONDS:
        await writer.write(ticks, ())
        rounds += 1
    await writer.close()
    await redis.flushall()
    return rounds * _CEILING_BATCH / (time.monotonic() - started)
