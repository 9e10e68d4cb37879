"""A tick's way: sandbox frame → TLS socket → feed → Redis → a blocking reader, through real processes.

Beside it the ceiling: one XADD of the same payload on an idle connection of the same Valkey to a reader that waits for it.
"""

from __future__ import annotations

import asyncio
import time

import numpy as np
import psutil
from redis.asyncio import Redis

from bench.ceilings import xadd_to_reader
from bench.result import Result, percentile
from bench.stores import Stores, running_stores
from sandbox.universe import DEFAULT_UNIVERSE
from tests.support.feed_process import FeedProcess, TickReader, is_state, log_in, wish, write_session
from tests.support.sandbox_process import SandboxProcess
from tradewinds.ticks import TICK_DTYPE

_RATES = (1_000, 5_000)
_WARM_SECONDS, _SECONDS = 2.0, 6.0
_CEILING_ROUNDS = 2_000


async def run() -> list[Result]:
    """Latency at each rate, real milliseconds."""
    results: list[Result] = []
    async with running_stores() as stores:
        floor = await xadd_to_reader(stores.redis, bytes(TICK_DTYPE.itemsize), _CEILING_ROUNDS)
        for rate in _RATES:
            results += await _at(rate, stores, floor)
    return results


async def _at(rate: int, stores: Stores, floor: list[float]) -> list[Result]:
    await stores.redis.flushall()
    await stores.database.pool.execute("DELETE FROM market_subscriptions")
    async with SandboxProcess(arguments=("--ticks-per-second", str(rate))) as sandbox:
        feed = FeedProcess(stores.database_url, stores.redis_url, sandbox, stores.folder)
        await write_session(stores.database, feed.seal_key, await log_in(sandbox))
        await wish(stores.database, *(f"{i.exchange}:{i.symbol.upper()}" for i in DEFAULT_UNIVERSE))
        async with feed:
            await is_state(stores.redis, "LIVE")
            await asyncio.sleep(_WARM_SECONDS)
            return await _measure(rate, stores.redis, sandbox, feed, floor)


async def _measure(
    rate: int, redis: Redis, sandbox: SandboxProcess, feed: FeedProcess, floor: list[float]
) -> list[Result]:
    clock = await sandbox.get("/sandbox/clock")
    process, reader = psutil.Process(feed.pid), TickReader(redis)
    cpu, started = sum(process.cpu_times()[:2]), time.monotonic()
    psutil.cpu_percent()  # from here on
    feed_ms, total_ms, ticks, entries = [], [], 0, 0
    while time.monotonic() - started < _SECONDS:
        for records in await reader.read():
            now_ms = time.time_ns() / 1e6
            # Due at the sandbox, in real time: exchange times are whole milliseconds of its clock.
            due_ms = records["exchange_ms"].astype(np.float64) - clock["market_ms"] + clock["real_ms"]
            feed_ms += (now_ms - records["received_ns"] / 1e6).tolist()
            total_ms += (now_ms - due_ms).tolist()
            ticks += len(records)
            entries += 1
    elapsed = time.monotonic() - started
    machine = psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1)
    busy = (sum(process.cpu_times()[:2]) - cpu) / elapsed
    name = f"tick_path.{rate}_per_second"
    return [
        Result(f"{name}.delivered", ticks / elapsed, "ticks/s", target=f">= {rate * 0.97:.0f}"),
        Result(f"{name}.ticks_per_entry", ticks / max(1, entries), "ticks"),
        Result(f"{name}.feed_cpu", busy, "cores"),
        # Near the ceiling the latencies below say how processes queue for the machine, not how fast the path is.
        Result(f"{name}.machine_cpu", machine, "cores", ceiling=float(psutil.cpu_count() or 1)),
        Result(f"{name}.socket_to_reader_p50", percentile(feed_ms, 50), "ms", ceiling=percentile(floor, 50)),
        Result(f"{name}.socket_to_reader_p99", percentile(feed_ms, 99), "ms", ceiling=percentile(floor, 99)),
        Result(f"{name}.sandbox_to_reader_p50", percentile(total_ms, 50), "ms", target="< 2"),
        Result(f"{name}.sandbox_to_reader_p99", percentile(total_ms, 99), "ms", target="< 10"),
    ]
