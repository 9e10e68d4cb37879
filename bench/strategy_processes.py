"""Strategies as processes: what each costs, what one runner delivers to them, and how soon a killed one runs again.

A real runner beside a real Valkey and an engine that does what it is told; ticks are written to Valkey as the feed does. Beside it the
ceilings: packing and unpacking the same rows in one process, and the start of a bare Python interpreter.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import psutil
from redis.asyncio import Redis

from bench.result import Result, percentile
from strategy_runner.protocol import Ticks, frame, runner_messages
from tests.integration.runner.scripted_engine import ScriptedEngine, serving
from tests.support.datastores import temporary_state_dir
from tests.support.service_process import ServiceProcess
from tests.support.signing import Signing
from tests.support.waiting import eventually
from tradewinds import redis_keys
from tradewinds.auth import RUNNER, TokenVerifier
from tradewinds.embedded.valkey import EmbeddedValkey
from tradewinds.ticks import TICK_DTYPE
from tradewinds.v1 import market_data_pb2

_MANY = 200
_FEW, _FEW_INSTRUMENTS = 10, 50
_OFFERED_IN_SUM = 55_000
_SECONDS = 5
_FLUSHES_PER_SECOND = 50
_KILLED = 10

_STRATEGY = '''
from tradewinds.sdk import BaseStrategy, Tick


class Counting(BaseStrategy):
    """Counts its ticks and tells once a second."""

    def on_start(self):
        self.ticks = 0
        self.every("1s", self.tell)

    def on_tick(self, tick: Tick) -> None:
        self.ticks += 1

    def tell(self):
        self.metric("ticks", self.ticks)
'''


async def run() -> list[Result]:
    """Memory, CPU and ticks of many strategies and of few; seconds from SIGKILL to RUNNING."""
    async with _stage() as (engine, runner, redis):
        many = [await _started(engine, f"many-{n}", [_instrument(n)]) for n in range(_MANY)]
        results = await _measure_many(engine, runner, redis, many)
        results += await _measure_restarts(engine, many[:_KILLED])
    async with _stage() as (engine, runner, redis):
        instruments = [_instrument(n) for n in range(_FEW_INSTRUMENTS)]
        for n in range(_FEW):
            await _started(engine, f"few-{n}", instruments)
        return results + await _measure_few(engine, redis)


@asynccontextmanager
async def _stage() -> AsyncIterator[tuple[ScriptedEngine, ServiceProcess, Redis]]:
    with temporary_state_dir() as folder:
        own = folder / "bench_strategies"
        own.mkdir()
        (own / "counting.py").write_text(_STRATEGY)
        signing = Signing(folder)
        async with (
            EmbeddedValkey(folder / "valkey") as valkey,
            serving(ScriptedEngine(ttl_seconds=12), TokenVerifier(signing.jwks_file)) as engine,
        ):
            environment = {
                "INSTANCE_ID": "runner-0",
                "ENGINE_ADDRESS": engine.address,
                "REDIS_URL": valkey.url,
                "SERVICE_TOKEN": signing.token("runner-0", RUNNER),
                "STRATEGY_FOLDERS": str(own),
                "RUNNER_CAPACITY": str(_MANY),
            }
            async with (
                ServiceProcess("strategy_runner", environment, folder) as runner,
                Redis.from_url(valkey.url) as redis,
            ):
                clock = f'{{"market_ms": {time.time_ns() // 10**6}, "real_ms": {time.time_ns() // 10**6}, "rate": 1.0}}'
                await redis.set(redis_keys.MARKET_CLOCK, clock)
                yield engine, runner, redis


def _instrument(number: int) -> market_data_pb2.Instrument:
    return market_data_pb2.Instrument(
        instrument=f"NSE:BENCH{number}-EQ",
        kind="EQ",
        name=f"BENCH{number}",
        token=str(1_000 + number),
        lot_size=1,
        tick_size="0.05",
    )


async def _started(engine: ScriptedEngine, config_id: str, instruments: list[market_data_pb2.Instrument]) -> str:
    engine.start(config_id, "Counting", module_path="bench_strategies.counting", instruments=instruments)
    await eventually(lambda: engine.life(config_id)[-1:] == ["RUNNING"], timeout=30)
    return config_id


async def _measure_many(engine: ScriptedEngine, runner: ServiceProcess, redis: Redis, many: list[str]) -> list[Result]:
    processes = [psutil.Process(int(engine.last_report(config_id).process_id)) for config_id in many]
    everybody = [psutil.Process(runner.facts["pid"]), *processes]
    sent_before, cpu_before, began = _ticks(engine), _cpu(everybody), time.perf_counter()
    sent = await _publish(redis, instruments=_MANY, per_second=500)
    elapsed, cpu = time.perf_counter() - began, _cpu(everybody) - cpu_before
    await asyncio.sleep(1.5)
    delivered = (_ticks(engine) - sent_before) / sent
    memory = [process.memory_full_info().pss / 2**20 for process in processes]
    name = f"strategy_processes.{_MANY}"
    return [
        Result(f"{name}.proportional_memory_each", sum(memory) / len(memory), "MB", "< 12"),
        Result(f"{name}.delivered_of_500_per_second", delivered, "of 1", ">= 0.99"),
        Result(f"{name}.cpu", cpu / elapsed, "cores", "< 2"),
    ]


async def _measure_few(engine: ScriptedEngine, redis: Redis) -> list[Result]:
    before, began = _ticks(engine), time.perf_counter()
    await _publish(redis, instruments=_FEW_INSTRUMENTS, per_second=_OFFERED_IN_SUM // _FEW)
    elapsed = time.perf_counter() - began
    await asyncio.sleep(1.5)  # the last ones on their way, and the strategies' last word
    delivered = (_ticks(engine) - before) / elapsed
    return [Result("strategy_processes.delivered_in_sum", delivered, "ticks/s", ">= 50000", _packed_per_second())]


async def _measure_restarts(engine: ScriptedEngine, victims: list[str]) -> list[Result]:
    seconds = []
    for config_id in victims:
        lives = engine.life(config_id).count("RUNNING")
        began = time.perf_counter()
        os.kill(int(engine.last_report(config_id).process_id), signal.SIGKILL)
        await eventually(lambda c=config_id, n=lives: engine.life(c).count("RUNNING") > n, timeout=20, interval=0.002)  # type: ignore[misc] # bound now
        seconds.append(time.perf_counter() - began)
    bare = _bare_interpreter_seconds()
    return [
        Result("strategy_processes.killed_to_running_p50", percentile(seconds, 50), "s", "< 1", bare),
        Result("strategy_processes.killed_to_running_worst", max(seconds), "s", "< 1", bare),
    ]


async def _publish(redis: Redis, *, instruments: int, per_second: int) -> int:
    """Ticks of all instruments in turn, in flushes, for `_SECONDS`; how many."""
    per_flush, sent, began = max(1, per_second // _FLUSHES_PER_SECOND), 0, time.perf_counter()
    for flush in range(_SECONDS * _FLUSHES_PER_SECOND):
        numbers = (np.arange(per_flush) + sent) % instruments
        records = np.zeros(per_flush, TICK_DTYPE)
        records["exchange_type"], records["token"], records["last_price_e4"] = 1, 1_000 + numbers, 14_000_000 + sent
        records["exchange_ms"], records["received_ns"] = time.time_ns() // 10**6, time.time_ns()
        await redis.xadd(redis_keys.TICKS, {"t": records.tobytes()}, maxlen=5_000)
        sent += per_flush
        await asyncio.sleep(max(0.0, began + (flush + 1) / _FLUSHES_PER_SECOND - time.perf_counter()))
    return sent


def _ticks(engine: ScriptedEngine) -> float:
    newest: dict[str, float] = {m.config_id: m.value for batch in engine.of_kind("metrics") for m in batch.metrics}
    return sum(newest.values())


def _cpu(processes: list[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return sum(t.user + t.system for t in times)


def _packed_per_second() -> float:
    rows = [(f"NSE:BENCH{n}-EQ", 14_000_000, 13_999_500, 14_000_500, 0, 1_700_000_000_000, 1) for n in range(100)]
    rounds, began = 500, time.perf_counter()
    for _ in range(rounds):
        runner_messages.decode(frame(Ticks(rows, ends_group=True))[4:])
    return rounds * len(rows) / (time.perf_counter() - began)


def _bare_interpreter_seconds() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-c", "pass"], check=True, cwd=Path("/"))
    return time.perf_counter() - began
