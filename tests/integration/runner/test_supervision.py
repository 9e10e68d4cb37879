"""Strategies that spin, sleep, wait, freeze or grow: seen, ended and started again, while their neighbour trades on."""

from __future__ import annotations

import os
import signal
from functools import partial

import pytest

from tests.integration.runner.published_ticks import publish
from tests.integration.runner.scripted_engine import ScriptedEngine
from tests.integration.runner.test_lives import running
from tests.support.service_process import ServiceProcess
from tests.support.waiting import eventually
from tradewinds.database.redis_connection import RedisConnection
from tradewinds.v1 import strategy_runner_pb2

PATIENCE = 20.0


@pytest.fixture
def runner_settings() -> dict[str, str]:
    return {"STRATEGY_SILENCE_SECONDS": "2,3,4,6", "STRATEGY_MEMORY_PERCENT": "40,50,60,0"}


def health(engine: ScriptedEngine, config_id: str) -> list[str]:
    """Every level that the heartbeats have told of, in order, once each."""
    told = [v.health for beat in engine.of_kind("heartbeat") for v in beat.strategies if v.config_id == config_id]
    names = [strategy_runner_pb2.StrategyHealth.Name(h).removeprefix("STRATEGY_HEALTH_") for h in told]
    return [name for number, name in enumerate(names) if names[number - 1 : number] != [name]]


async def crash_of(engine: ScriptedEngine, config_id: str) -> str:
    await eventually(lambda: "CRASHED" in engine.life(config_id), timeout=PATIENCE)
    reports = engine.of_kind("strategy_report", config_id)
    return str(reports[engine.life(config_id).index("CRASHED")].detail)


def runs_again(engine: ScriptedEngine, config_id: str) -> bool:
    return engine.life(config_id).count("RUNNING") == 2


BLOCKED = {"Looping": "while True", "Sleeping": "time.sleep(600)", "Waiting": "await asyncio.Event().wait()"}


async def test_what_blocks_freezes_or_grows_is_ended_and_started_again_and_its_neighbour_feels_nothing(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection
) -> None:
    await running(engine, "healthy")
    for class_name in (*BLOCKED, "Growing"):
        await running(engine, class_name, class_name)
    pid = await running(engine, "frozen")
    await publish(redis.client, 1400.0)
    os.kill(pid, signal.SIGSTOP)
    for class_name, line in BLOCKED.items():
        detail = await crash_of(engine, class_name)
        assert detail.startswith("blocked: its loop has not gone round for"), detail
        assert "on_tick: Traceback" in detail
        assert line in detail
        assert health(engine, class_name)[:3] == ["HEALTHY", "WARNED", "ENTRIES_DENIED"]
        assert "The strategy is unwell" in engine.said(class_name)
    assert (await crash_of(engine, "Growing")).startswith("fat: it holds ")
    frozen = await crash_of(engine, "frozen")
    assert frozen.startswith("frozen: somebody has stopped its process (SIGSTOP)")
    assert frozen.endswith("killed by SIGKILL")
    for config_id in (*BLOCKED, "Growing", "frozen"):
        await eventually(partial(runs_again, engine, config_id))
    assert health(engine, "healthy") == ["HEALTHY"]
    assert engine.life("healthy") == ["STARTING", "RUNNING"]
    assert engine.state("healthy")["ticks"] == 1


async def test_a_short_sleep_is_warned_of_and_forgiven(engine: ScriptedEngine, runner: ServiceProcess) -> None:
    pid = await running(engine, "frozen")
    os.kill(pid, signal.SIGSTOP)
    await eventually(lambda: "WARNED" in health(engine, "frozen"), timeout=PATIENCE)
    os.kill(pid, signal.SIGCONT)
    await eventually(lambda: health(engine, "frozen")[-1] == "HEALTHY", timeout=PATIENCE)
    assert engine.life("frozen") == ["STARTING", "RUNNING"]
