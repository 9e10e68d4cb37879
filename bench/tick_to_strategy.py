"""A tick's whole way: broker's frame → TLS socket → feed → Redis → runner → pipe → `on_tick` of a strategy in a process of its own.

The stack is a whole one, at a broker that it takes for a real one: the sandbox, but with `bench.frame_source` for its market socket,
which does not compete for the machine. One strategy follows every instrument. It measures in its own process, from the instant at
which the frame was sent, and tells the result as metrics, as any strategy would. Beside it the ceiling: one XADD of the same payload on
an idle connection of the same Valkey to a reader that waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from bench.ceilings import xadd_to_reader
from bench.feed_rig import frame_source
from bench.result import Result, percentile
from tests.support.datastores import temporary_state_dir
from tests.support.sandbox_process import SandboxProcess
from tests.support.stack import UpProcess
from tests.support.waiting import eventually
from tradewinds import redis_keys
from tradewinds.ticks import TICK_DTYPE

_RATES = (5_000, 1_000)
_INSTRUMENTS = 1_000
_CEILING_ROUNDS = 1_000
_CONFIG = "latency"

_STRATEGY = '''
import time

from tradewinds.sdk import BaseStrategy, Params, Tick

WARM_SECONDS, SECONDS = 4.0, 8.0


class LatencyParams(Params):
    symbols: list[str]


class LatencyStrategy(BaseStrategy):
    """Measures how old a tick is when it comes: its volume says when it was sent."""

    Params = LatencyParams

    def on_start(self):
        self.began = time.monotonic()
        self.whole, self.inside, self.told = [], [], False

    def on_tick(self, tick: Tick) -> None:
        now_ns, elapsed = time.time_ns(), time.monotonic() - self.began
        if elapsed < WARM_SECONDS or self.told:
            return
        self.whole.append(now_ns / 1e6 - tick.volume / 1e3)
        self.inside.append((now_ns - tick.received_ns) / 1e6)
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
    """Latencies in real milliseconds, from when the frame was sent, and from when the feed had it."""
    results: list[Result] = []
    with temporary_state_dir() as folder:
        strategies = folder / "bench_strategies"
        strategies.mkdir()
        (strategies / "latency.py").write_text(_STRATEGY)
        # Of the sandbox the scrip master, the clock and the login are wanted: its own market hardly moves.
        async with SandboxProcess(arguments=("--scrip-size", "full", "--ticks-per-second", "1")) as sandbox:
            for rate in _RATES:
                results += await _at(rate, sandbox, folder)
    return results


async def _at(rate: int, sandbox: SandboxProcess, folder: Path) -> list[Result]:
    options = ("--no-demo", "--strategies", str(folder / "bench_strategies"))
    async with frame_source(folder, sandbox, rate) as url:
        environment = {**sandbox.as_real_broker(), "BROKER_MARKET_STREAM_URL": url, "BAR_BACKFILL_DAYS": "0"}
        async with UpProcess(folder / f"state-{rate}", *options, environment=environment) as stack:
            async with Redis.from_url(stack.facts["redis_url"]) as redis:
                floor = await xadd_to_reader(redis, bytes(TICK_DTYPE.itemsize), _CEILING_ROUNDS)
                symbols = await eventually(lambda: _listed(redis), timeout=60, what="the scrip master")
            return _results(rate, await _measured(stack, symbols), floor)


async def _listed(redis: Any) -> list[str]:
    keys = sorted(key.decode() for key in await redis.hkeys(redis_keys.INSTRUMENTS))
    return [key for key in keys if key.startswith("NSE:") and key.endswith("-EQ")][:_INSTRUMENTS]


def _results(rate: int, metrics: dict[str, float], floor: Sequence[float]) -> list[Result]:
    name = f"tick_to_strategy.{rate}_per_second"
    p50, p99 = percentile(floor, 50), percentile(floor, 99)
    return [
        Result(f"{name}.delivered", metrics["ticks_per_second"], "ticks/s", f">= {rate * 0.97:.0f}"),
        Result(f"{name}.sent_to_on_tick_p50", metrics["whole_p50"], "ms", "< 2", p50),
        Result(f"{name}.sent_to_on_tick_p99", metrics["whole_p99"], "ms", "< 10", p99),
        Result(f"{name}.feed_to_on_tick_p50", metrics["inside_p50"], "ms", None, p50),
        Result(f"{name}.feed_to_on_tick_p99", metrics["inside_p99"], "ms", None, p99),
    ]


async def _measured(stack: UpProcess, symbols: list[str]) -> dict[str, float]:
    """Run the strategy until it has told; its metrics."""
    body = {
        "config_id": _CONFIG,
        "module_path": "bench_strategies.latency",
        "class_name": "LatencyStrategy",
        "config": {"symbols": symbols},
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
