"""A tick's whole way: sandbox → TLS socket → feed → Redis → runner → pipe → `on_tick` of a strategy in a process of its own.

The strategy measures in its own process and tells the result as metrics, as any strategy would. Beside it the ceiling: one
XADD of the same payload on an idle connection of the same Valkey to a reader that waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
from redis.asyncio import Redis

from bench.ceilings import xadd_to_reader
from bench.result import Result, percentile
from sandbox.universe import DEFAULT_UNIVERSE
from tests.support.datastores import temporary_state_dir
from tests.support.stack import UpProcess
from tests.support.waiting import eventually
from tradewinds.ticks import TICK_DTYPE

_RATE = 1_000
_TICKS_PER_MARKET_SECOND = 3.5 * len(DEFAULT_UNIVERSE)  # what the sandbox generates unless told otherwise
_CEILING_ROUNDS = 1_000
_CLOCK_READINGS = 50
_CONFIG = "latency"

_STRATEGY = '''
import time

from tradewinds.sdk import BaseStrategy, Params, Tick

WARM_SECONDS, SECONDS = 3.0, 8.0


class LatencyParams(Params):
    symbols: list[str]
    real_minus_market_ms: float
    market_rate: float


class LatencyStrategy(BaseStrategy):
    """Measures how old a tick is when it comes."""

    Params = LatencyParams

    def on_start(self):
        self.began = time.monotonic()
        self.whole, self.inside, self.told = [], [], False

    def on_tick(self, tick: Tick) -> None:
        now_ms, elapsed = time.time_ns() / 1e6, time.monotonic() - self.began
        if elapsed < WARM_SECONDS or self.told:
            return
        market_ms = tick.exchange_time.timestamp() * 1000
        self.whole.append(now_ms - market_ms / self.params.market_rate - self.params.real_minus_market_ms)
        self.inside.append(now_ms - tick.received_ns / 1e6)
        if elapsed > WARM_SECONDS + SECONDS:
            self.told = True
            self.tell()

    def tell(self):
        for name, values in (("whole", self.whole), ("inside", self.inside)):
            values.sort()
            for percent in (50, 99):
                self.metric(f"{name}_p{percent}", values[len(values) * percent // 100])
        self.metric("ticks_per_second", len(self.whole) / SECONDS)
'''


async def run() -> list[Result]:
    """Latencies in real milliseconds, from when the tick was due at the sandbox, and from when the feed had it."""
    with temporary_state_dir() as folder:
        strategies = folder / "bench_strategies"
        strategies.mkdir()
        (strategies / "latency.py").write_text(_STRATEGY)
        # The sandbox's market is as busy as asked for when its time runs faster.
        rate = _RATE / _TICKS_PER_MARKET_SECOND
        options = ("--no-demo", "--strategies", str(strategies), "--speed", str(rate))
        async with UpProcess(folder / "state", *options, whole_master=True) as stack:
            floor = await _ceiling(stack.facts["redis_url"])
            metrics = await _measured(stack, rate)
    return _results(metrics, floor)


def _results(metrics: dict[str, float], floor: Sequence[float]) -> list[Result]:
    name = f"tick_to_strategy.{_RATE}_per_second"
    p50, p99 = percentile(floor, 50), percentile(floor, 99)
    return [
        Result(f"{name}.delivered", metrics["ticks_per_second"], "ticks/s", f">= {_RATE * 0.97:.0f}"),
        Result(f"{name}.sandbox_to_on_tick_p50", metrics["whole_p50"], "ms", "< 5", p50),
        Result(f"{name}.sandbox_to_on_tick_p99", metrics["whole_p99"], "ms", None, p99),
        Result(f"{name}.feed_to_on_tick_p50", metrics["inside_p50"], "ms", None, p50),
        Result(f"{name}.feed_to_on_tick_p99", metrics["inside_p99"], "ms", None, p99),
    ]


async def _ceiling(redis_url: str) -> list[float]:
    async with Redis.from_url(redis_url) as redis:
        return await xadd_to_reader(redis, bytes(TICK_DTYPE.itemsize), _CEILING_ROUNDS)


async def _measured(stack: UpProcess, rate: float) -> dict[str, float]:
    """Run the strategy until it has told; its metrics."""
    body = {
        "config_id": _CONFIG,
        "module_path": "bench_strategies.latency",
        "class_name": "LatencyStrategy",
        "config": {
            "symbols": [f"{i.exchange}:{i.symbol.upper()}" for i in DEFAULT_UNIVERSE],
            "real_minus_market_ms": await _offset_ms(stack.facts["sandbox"], rate),
            "market_rate": rate,
        },
    }
    await eventually(lambda: _posted(stack, "/v1/strategy-configs", body), timeout=30, interval=0.2)
    await _posted(stack, f"/v1/strategy-configs/{_CONFIG}:start", {})

    async def told() -> dict[str, float]:
        metrics: dict[str, float] = (await stack.get(f"/v1/strategy-configs/{_CONFIG}"))["metrics"]
        return metrics if "ticks_per_second" in metrics else {}

    return await eventually(told, timeout=40, interval=0.5, what="the strategy's metrics")


async def _posted(stack: UpProcess, path: str, body: dict[str, Any]) -> bool:
    response = await stack.rest.post(path, json=body)
    assert response.status_code == 200, response.text
    return True


async def _offset_ms(sandbox: str, rate: float) -> float:
    """Real time at market time 0, were it always as fast. Both times of a reading are cut to whole milliseconds, the real one
    by up to a whole one: the largest of many offsets is right to a millisecond of market time."""
    offsets: list[float] = []
    async with httpx.AsyncClient(base_url=sandbox, trust_env=False) as client:
        for _ in range(_CLOCK_READINGS):
            clock = (await client.get("/sandbox/clock")).json()
            offsets.append(clock["real_ms"] - clock["market_ms"] / rate)
            await asyncio.sleep(0.0037)
    return max(offsets)
