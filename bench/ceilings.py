"""The best that this machine does, measured in the run of what it is held against."""

from __future__ import annotations

import asyncio
import time

from redis.asyncio import Redis

_KEY = "bench"


async def xadd_to_reader(redis: Redis, payload: bytes, rounds: int) -> list[float]:
    """Milliseconds from XADD to a reader that waits for it, one after the other."""
    taken = []

    async def read() -> None:
        await redis.xread({_KEY: "$"}, block=1000)

    for _ in range(rounds):
        reader = asyncio.create_task(read())
        await asyncio.sleep(0.0005)  # the reader is blocked by now
        started = time.perf_counter_ns()
        await redis.xadd(_KEY, {"t": payload}, maxlen=100)
        await reader
        taken.append((time.perf_counter_ns() - started) / 1e6)
    await redis.delete(_KEY)
    return taken
