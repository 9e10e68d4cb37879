"""What a strategy's process is refused, and that its neighbours do not feel what it tries."""

from __future__ import annotations

import errno
from pathlib import Path

from tests.integration.runner.published_ticks import publish
from tests.integration.runner.scripted_engine import ScriptedEngine
from tests.integration.runner.test_lives import running
from tests.support.service_process import ServiceProcess
from tests.support.waiting import eventually
from tradewinds.database.redis_connection import RedisConnection


async def test_it_has_no_network_starts_no_process_signals_nobody_and_has_few_and_small_files(
    engine: ScriptedEngine, runner: ServiceProcess, tmp_path: Path
) -> None:
    engine.start("prisoner", "Prisoner", {"file": str(tmp_path / "big")})
    await eventually(lambda: engine.life("prisoner") == ["STARTING", "RUNNING"])
    await eventually(lambda: engine.of_kind("metrics"))
    errors = {m.name: int(m.value) for batch in engine.of_kind("metrics") for m in batch.metrics}
    refused = dict.fromkeys(
        ("socket", "unix_socket", "fork", "exec", "subprocess", "kill_runner", "kill_all"), errno.EPERM
    )
    limits = {"files": errno.EMFILE, "big_file": errno.EFBIG}
    assert errors == {**refused, **limits, "own_signal": 0, "thread": 0}
    assert (tmp_path / "big").stat().st_size == 1 << 20


async def test_one_that_leaks_ends_at_its_own_limit(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection
) -> None:
    await running(engine, "healthy")
    await running(engine, "leaking", "Leaking")
    await publish(redis.client, 1400.0)
    await eventually(lambda: "CRASHED" in engine.life("leaking"))
    assert "MemoryError" in engine.of_kind("strategy_report", "leaking")[2].detail
    assert engine.life("healthy") == ["STARTING", "RUNNING"]
    await eventually(lambda: engine.state("healthy").get("ticks") == 1)


async def test_one_that_writes_nonsense_to_its_pipe_crashes_alone(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection
) -> None:
    await running(engine, "healthy")
    await running(engine, "babbling", "Babbling")
    await publish(redis.client, 1400.0)
    await eventually(lambda: "CRASHED" in engine.life("babbling"))
    assert "what is no message" in engine.of_kind("strategy_report", "babbling")[2].detail
    await publish(redis.client, 1401.0)
    await eventually(lambda: engine.state("healthy").get("ticks", 0) >= 2)
    assert engine.life("healthy") == ["STARTING", "RUNNING"]


async def test_the_report_of_a_refused_call_says_why(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection
) -> None:
    await running(engine, "caller", "Caller")
    await publish(redis.client, 1400.0)
    await eventually(lambda: "CRASHED" in engine.life("caller"))
    assert "a strategy's process has no network" in engine.of_kind("strategy_report", "caller")[2].detail
