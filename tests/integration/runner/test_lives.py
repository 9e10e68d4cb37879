"""The life of strategies: started, restarted, stopped, and none of them harmed by another."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil

from tests.integration.runner.conftest import SECRET
from tests.integration.runner.published_ticks import publish
from tests.integration.runner.scripted_engine import ScriptedEngine
from tests.support.processes import is_gone
from tests.support.service_process import ServiceProcess
from tests.support.waiting import eventually
from tradewinds.database.redis_connection import RedisConnection


async def running(engine: ScriptedEngine, config_id: str, class_name: str = "Watcher") -> int:
    engine.start(config_id, class_name)
    await eventually(lambda: engine.life(config_id)[-1:] == ["RUNNING"], what=f"{config_id} runs")
    return int(engine.last_report(config_id).process_id)


async def test_a_strategy_is_started_and_stopped_in_order(engine: ScriptedEngine, runner: ServiceProcess) -> None:
    pid = await running(engine, "one")
    assert psutil.Process(pid).cmdline()[0].startswith("strategy:one")
    engine.start("one", "Watcher")  # the same revision twice does nothing
    engine.stop("one")
    await eventually(lambda: engine.life("one") == ["STARTING", "RUNNING", "STOPPED"])
    assert engine.last_report("one").revision == 2
    assert engine.last_report("one").detail == ""
    assert len(engine.of_kind("strategy_report", "one")[1].code_hash) == 64
    assert engine.said("one") == ["started", "stopped: STOP"]
    assert engine.state("one") == {"starts": 1}
    assert is_gone(pid)


async def test_what_is_not_held_is_answered_with_stopped(engine: ScriptedEngine, runner: ServiceProcess) -> None:
    engine.stop("nobody", epoch=4, revision=9)
    await eventually(lambda: engine.life("nobody") == ["STOPPED"])
    assert (engine.last_report("nobody").epoch, engine.last_report("nobody").revision) == (4, 9)


async def test_a_newer_revision_replaces_the_process_and_keeps_its_state(
    engine: ScriptedEngine, runner: ServiceProcess
) -> None:
    first = await running(engine, "one")
    engine.start("one", "Watcher", revision=2, epoch=2)
    await eventually(lambda: engine.life("one") == ["STARTING", "RUNNING", "STOPPED", "STARTING", "RUNNING"])
    assert engine.of_kind("strategy_report", "one")[2].detail == "UPGRADE: it goes on in a new process"
    assert "stopped: UPGRADE" in engine.said("one")
    last = engine.last_report("one")
    assert (last.epoch, last.revision) == (2, 2)
    assert last.process_id != first
    engine.stop("one", epoch=2, revision=3)
    await eventually(lambda: engine.life("one")[-1] == "STOPPED")
    assert engine.state("one") == {"starts": 2}


async def test_a_crash_is_reported_with_its_traceback_restarted_at_once_and_harms_nobody(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection
) -> None:
    healthy, faulty = await running(engine, "healthy"), await running(engine, "faulty", "Faulty")
    await publish(redis.client, 1400.0)
    await eventually(lambda: engine.life("faulty") == ["STARTING", "RUNNING", "CRASHED", "STARTING", "RUNNING"])
    crash = engine.of_kind("strategy_report", "faulty")[2]
    assert crash.detail.startswith("on_tick: Traceback")
    assert "ZeroDivisionError: as tests want it" in crash.detail
    assert crash.process_id == faulty
    await eventually(lambda: engine.of_kind("checkpoint", "healthy") and engine.state("healthy").get("ticks") == 1)
    assert engine.life("healthy") == ["STARTING", "RUNNING"]
    assert psutil.pid_exists(healthy)


async def test_one_that_crashes_again_and_again_waits_longer(engine: ScriptedEngine, runner: ServiceProcess) -> None:
    engine.start("never", "NeverStarts")
    await eventually(lambda: engine.life("never").count("CRASHED") == 3, timeout=10)
    crashes = [r for r in engine.of_kind("strategy_report", "never") if r.HasField("retry_at")]
    now = time.time()
    assert crashes[2].retry_at.ToSeconds() - now < 3
    assert engine.life("never")[:4] == ["STARTING", "CRASHED", "STARTING", "CRASHED"]
    engine.stop("never")  # while it waits to be started again
    await eventually(lambda: engine.life("never")[-1] == "STOPPED", timeout=1)


async def test_a_killed_process_is_back_in_less_than_a_second(engine: ScriptedEngine, runner: ServiceProcess) -> None:
    pid = await running(engine, "one")
    began = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: engine.life("one") == ["STARTING", "RUNNING", "CRASHED", "STARTING", "RUNNING"])
    assert time.monotonic() - began < 1
    assert engine.of_kind("strategy_report", "one")[2].detail == "killed by SIGKILL"


async def test_an_infinite_loop_stops_nobody_else_and_is_killed_when_it_must_stop(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection
) -> None:
    await running(engine, "healthy")
    looping = await running(engine, "looping", "Looping")
    await publish(redis.client, 1400.0)
    await eventually(lambda: "looping" in engine.said("looping"))
    before = await eventually(lambda: loop_counts(engine, "looping"))
    for price in range(1, 1_200):  # far more than may wait for it
        await publish(redis.client, 1400.0 + price)
    await eventually(lambda: engine.state("healthy").get("last") == "2599.00")
    await eventually(lambda: len(loop_counts(engine, "looping")) > len(before) + 3)
    assert len(set(loop_counts(engine, "looping")[-3:])) == 1, "it makes no progress, and that can be seen"
    engine.stop("looping")
    await eventually(lambda: engine.life("looping")[-1] == "STOPPED")
    assert "killed by SIGKILL; on_stop may take 1 s" in engine.last_report("looping").detail
    assert is_gone(looping)
    assert engine.life("healthy") == ["STARTING", "RUNNING"]


def loop_counts(engine: ScriptedEngine, config_id: str) -> list[int]:
    beats = engine.of_kind("heartbeat")
    return [v.loop_count for beat in beats for v in beat.strategies if v.config_id == config_id]


async def test_a_class_that_cannot_be_started_fails_and_is_not_tried_again(
    engine: ScriptedEngine, runner: ServiceProcess
) -> None:
    engine.start("bad", "Nothing")
    await eventually(lambda: engine.life("bad") == ["STARTING", "FAILED"])
    assert "has no class 'Nothing'; its strategies are: Watcher" in engine.last_report("bad").detail
    engine.start("bad", "Nothing")  # the engine has not heard, and says it again
    await eventually(lambda: engine.life("bad") == ["STARTING", "FAILED", "FAILED"])


async def test_superseded_strategies_are_killed_without_a_word(engine: ScriptedEngine, runner: ServiceProcess) -> None:
    pid = await running(engine, "one")
    engine.send(superseded={"config_id": "one", "reason": "epoch 2 is elsewhere"})
    await eventually(lambda: is_gone(pid))
    assert engine.life("one") == ["STARTING", "RUNNING"]
    assert engine.said("one") == ["started"]


async def test_a_process_has_no_secrets_no_sockets_but_its_pipe_and_no_foreign_libraries(
    engine: ScriptedEngine, runner: ServiceProcess
) -> None:
    pid = await running(engine, "spy", "Spy")

    def seen() -> dict[str, float]:
        return {m.name: m.value for batch in engine.of_kind("metrics") for m in batch.metrics}

    await eventually(lambda: "session" in seen())  # they come in one batch or in several
    assert seen() == {"environment": 0, "environment_block": 0, "grpc": 0, "redis": 0, "group": 1, "session": 1}
    child = sockets_of(pid)
    assert not child & network_sockets()
    assert len(child) <= 3, "the pipe, and the two ends by which its event loop wakes itself"
    assert SECRET.encode() not in writable_memory(pid)
    assert '"line": "a line that it prints"' in runner.log()
    await eventually(lambda: len(log_of(engine, "spy")) == 3)
    assert [source for source, _text in log_of(engine, "spy")] == ["RUNNER", "PRINTED", "RUNNER"]
    assert log_of(engine, "spy")[1:] == [("PRINTED", "a line that it prints"), ("RUNNER", f"RUNNING pid {pid}")]


def log_of(engine: ScriptedEngine, config_id: str) -> list[tuple[str, str]]:
    return [(line.source, line.text) for batch in engine.of_kind("logs", config_id) for line in batch.lines]


def sockets_of(pid: int) -> set[str]:
    links = (str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir())
    return {link for link in links if link.startswith("socket:")}


def network_sockets() -> set[str]:
    lines = [
        line for kind in ("tcp", "tcp6", "udp", "udp6") for line in Path(f"/proc/net/{kind}").read_text().splitlines()
    ]
    return {f"socket:[{line.split()[9]}]" for line in lines if ":" in line.split()[0]}


def writable_memory(pid: int) -> bytes:
    found = b""
    with Path(f"/proc/{pid}/mem").open("rb") as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, mode = line.split()[:2]
            start, end = (int(part, 16) for part in span.split("-"))
            if mode.startswith("rw") and "[v" not in line:
                memory.seek(start)
                found += memory.read(end - start)
    return found


async def test_sigterm_stops_the_strategies_says_goodbye_and_exits_with_zero(
    engine: ScriptedEngine, runner: ServiceProcess
) -> None:
    await running(engine, "one")
    assert await runner.stop() == 0
    assert engine.said("one") == ["started", "stopped: MOVE"]
    assert engine.last_report("one").detail.startswith("MOVE")
    assert [m.WhichOneof("message") for m in engine.received][-1] == "goodbye"


async def test_a_killed_runner_takes_its_strategies_along_whatever_they_do(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection
) -> None:
    pids = [await running(engine, "one"), await running(engine, "looping", "Looping")]
    await publish(redis.client, 1400.0)
    await eventually(lambda: "looping" in engine.said("looping"))
    await runner.kill()
    await eventually(lambda: all(is_gone(pid) for pid in pids), timeout=10)


async def test_a_killed_fork_server_ends_the_runner_so_that_it_is_started_afresh(
    engine: ScriptedEngine, runner: ServiceProcess
) -> None:
    pid = await running(engine, "one")
    fork_server = psutil.Process(pid).parent()
    assert fork_server is not None
    fork_server.kill()
    await eventually(lambda: is_gone(runner.facts["pid"]), timeout=15)
    await eventually(lambda: is_gone(pid), timeout=1)
    assert "the fork server ended with exit code -9" in runner.log()
