"""Orders through the session's gate, events exactly once, and sessions that end and are opened again."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import psutil

from tests.integration.runner.published_ticks import publish
from tests.integration.runner.scripted_engine import ScriptedEngine, serving
from tests.integration.runner.test_lives import running
from tests.support.processes import is_gone
from tests.support.service_process import ServiceProcess
from tests.support.waiting import eventually
from tradewinds import redis_keys
from tradewinds.auth import TokenVerifier
from tradewinds.database.redis_connection import RedisConnection
from tradewinds.errors import InvalidArgumentError, LeaseSupersededError, UnavailableError
from tradewinds.v1 import strategy_runner_pb2


async def test_an_order_leaves_with_config_and_epoch_and_its_fill_comes_back(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection
) -> None:
    engine.start("buyer", "Buyer", epoch=7)
    await eventually(lambda: engine.life("buyer")[-1:] == ["RUNNING"])
    await publish(redis.client, 1400.05)
    (buy,) = await eventually(lambda: list(engine.placed.values()))
    assert (buy.config_id, buy.epoch, buy.instrument) == ("buyer", 7, "NSE:RELIANCE-EQ")
    assert (buy.quantity, buy.price, buy.reason) == (1, "1400.05", "the first price")
    assert buy.request_id.startswith("buyer/p7.")
    engine.fill(buy.request_id)
    await eventually(lambda: "buyer/e2-1" in engine.placed)
    sell = engine.placed["buyer/e2-1"]
    assert (sell.price, sell.quantity) == ("1401.05", 1)
    await eventually(lambda: engine.state("buyer").get("position") == 1)
    assert engine.of_kind("checkpoint", "buyer")[-1].last_event_sequence == 3


async def test_what_comes_from_outside_is_told_once_and_after_the_events_of_before(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection
) -> None:
    engine.start("listener", "Listener")
    await eventually(lambda: engine.life("listener")[-1:] == ["RUNNING"])
    told = [
        strategy_runner_pb2.StrategySignal(signal_id=f"s{n}", data_json=f'{{"n": {n}}}', sender="asha") for n in (1, 2)
    ]
    engine.start("listener", "Listener", revision=2, process_revision=1, signals=told[:1])
    engine.start("listener", "Listener", revision=3, process_revision=1, signals=told)
    await eventually(lambda: engine.state("listener").get("signals") == [[{"n": 1}, "asha"], [{"n": 2}, "asha"]])
    await redis.client.hset(redis_keys.RECONCILED, "A1", '{"at_ms": 1, "sequences": {"listener": 0}}')
    await eventually(lambda: engine.state("listener").get("reconciled") == [])


async def test_a_crash_between_an_order_and_its_checkpoint_makes_no_second_order(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection, tmp_path: Path
) -> None:
    marker = tmp_path / "died"
    engine.start("dies", "DiesAfterSelling", {"marker": str(marker)})
    await eventually(lambda: engine.life("dies")[-1:] == ["RUNNING"])
    await publish(redis.client, 1400.0)
    (buy,) = await eventually(lambda: list(engine.placed.values()))
    engine.fill(buy.request_id)
    await eventually(lambda: engine.life("dies").count("RUNNING") == 2)
    await eventually(lambda: engine.place_calls.count("dies/e2-1") == 2)
    await eventually(lambda: engine.state("dies").get("position") == 1)
    assert marker.exists()
    assert len(engine.placed) == 2, "one buy, one sell, though the sell was asked for twice"


async def test_an_order_that_is_on_its_way_when_its_process_dies_is_known_to_the_next_before_its_first_price(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection, tmp_path: Path
) -> None:
    engine.order_seconds = 1.0
    engine.start("once", "BuysOnceAndDies", {"marker": str(tmp_path / "died")})
    await eventually(lambda: engine.life("once")[-1:] == ["RUNNING"])
    await publish(redis.client, 1400.0)
    await eventually(lambda: engine.life("once").count("RUNNING") == 2, timeout=15)
    await publish(redis.client, 1401.0)
    await eventually(lambda: len(engine.of_kind("metrics")) >= 1)
    await eventually(lambda: 1.0 in [m.value for batch in engine.of_kind("metrics") for m in batch.metrics])
    assert len(engine.placed) == 1


async def test_a_refused_order_is_denied_to_its_strategy(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection
) -> None:
    await running(engine, "buyer", "Buyer")
    engine.order_error = InvalidArgumentError.field("price", "is off the tick grid", reason="OFF_TICK")
    await publish(redis.client, 1400.0)
    await eventually(lambda: "DENIED OFF_TICK" in engine.state("buyer").values())
    engine.order_error = LeaseSupersededError()
    await publish(redis.client, 1401.0)
    await eventually(lambda: "DENIED LEASE_SUPERSEDED" in engine.state("buyer").values())


async def test_an_engine_that_is_away_for_a_moment_gets_the_order_under_the_same_id(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection
) -> None:
    await running(engine, "buyer", "Buyer")
    engine.order_error = UnavailableError("restarting")
    await publish(redis.client, 1400.0)
    await eventually(lambda: len(engine.place_calls) >= 2)
    engine.order_error = None
    await eventually(lambda: len(engine.placed) == 1)
    assert len(set(engine.place_calls)) == 1


async def test_the_gate_closes_without_acknowledgements_and_opens_with_them(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection
) -> None:
    await running(engine, "buyer", "Buyer")
    engine.acknowledges = False
    await eventually(lambda: '"action": "session.gate.closed"' in runner.log())
    await publish(redis.client, 1400.0)
    await eventually(lambda: "DENIED RUNNER_GATE_CLOSED" in engine.state("buyer").values())
    assert engine.place_calls == []
    engine.acknowledges = True
    await eventually(lambda: runner.log().count('"action": "session.gate.opened"') == 2)
    await publish(redis.client, 1401.0)
    await eventually(lambda: len(engine.placed) == 1)
    assert "STOPPED" not in engine.life("buyer")


async def test_a_session_that_ends_is_opened_again_with_what_is_held_and_events_continue(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection
) -> None:
    pid = await running(engine, "buyer", "Buyer")
    await publish(redis.client, 1400.0)
    (buy,) = await eventually(lambda: list(engine.placed.values()))
    await eventually(lambda: engine.of_kind("checkpoint")[-1].last_event_sequence == 1)
    engine.end_session()
    # The runner may be back before anybody looks: its first pause is a random part of 100 ms.
    await eventually(lambda: not engine.is_connected or len(engine.of_kind("register")) == 2)
    engine.fill(buy.request_id)  # while nobody listens, as a rule
    await eventually(lambda: len(engine.of_kind("register")) == 2)
    (held,) = engine.of_kind("register")[1].held
    assert (held.config_id, held.epoch, held.revision, held.last_event_sequence) == ("buyer", 1, 1, 1)
    await eventually(lambda: engine.state("buyer").get("position") == 1)
    assert "buyer/e2-1" in engine.placed
    assert psutil.pid_exists(pid), "the same process goes on"
    assert engine.life("buyer") == ["STARTING", "RUNNING", "RUNNING"], "and is reported again"


async def test_an_engine_that_restarts_finds_the_strategies_running(
    engine: ScriptedEngine, runner: ServiceProcess, verifier: TokenVerifier
) -> None:
    pid = await running(engine, "one")
    port = int(engine.address.rpartition(":")[2])
    second = ScriptedEngine()
    await engine.stop_serving()
    async with serving(second, verifier, port):
        await eventually(lambda: second.life("one") == ["RUNNING"], timeout=10)
        assert second.last_report("one").process_id == pid
        second.stop("one")
        await eventually(lambda: second.life("one") == ["RUNNING", "STOPPED"])


async def test_without_an_engine_for_long_the_strategies_are_stopped(
    engine: ScriptedEngine, runner: ServiceProcess
) -> None:
    pid = await running(engine, "one")
    engine.acknowledges = False
    # A session without acknowledgements is opened anew, and its Welcome would prove the lease: no Welcome either.
    engine.welcomes = False
    await eventually(lambda: is_gone(pid), timeout=engine.ttl_seconds * 10 + 8)
    assert '"action": "session.engine.lost"' in runner.log()
    engine.acknowledges = engine.welcomes = True
    await eventually(lambda: engine.of_kind("register")[-1].held == [] and engine.is_connected, timeout=10)


async def test_another_process_of_the_same_name_ends_this_one(engine: ScriptedEngine, runner: ServiceProcess) -> None:
    pid = await running(engine, "one")
    engine.send(superseded={"reason": "a newer process has the name"})
    await eventually(lambda: is_gone(pid))
    assert await runner.stop() == 0
    assert engine.life("one") == ["STARTING", "RUNNING"]


async def test_a_strategy_continues_from_the_directives_checkpoint(
    engine: ScriptedEngine, runner: ServiceProcess
) -> None:
    state = json.dumps({"state": {"starts": 41}, "book": {"positions": [], "orders": []}})
    engine.start("one", "Watcher", state_json=state, last_event_sequence=0)
    await eventually(lambda: engine.of_kind("checkpoint", "one") and engine.state("one") == {"starts": 42})


async def test_ticks_wait_until_the_missed_order_events_have_been_handled(
    engine: ScriptedEngine, runner: ServiceProcess, redis: RedisConnection
) -> None:
    engine.confirms_replay = False
    await publish(redis.client, 1400.0)
    await running(engine, "one")
    for _ in range(20):
        await publish(redis.client, 1400.0)
        await asyncio.sleep(0.01)
    assert "ticks" not in engine.state("one")
    engine.send(order_events={"config_id": "one"})
    await eventually(lambda: engine.state("one").get("ticks", 0) >= 20)
