"""Runner sessions: what is said in them, what is written, and what a reconnect resumes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import grpc
import pytest

from tests.integration.fleet.conftest import LEASES, Engine, Rows, StartEngine, StartRunner, started
from tests.support.waiting import eventually
from tradewinds import auth
from tradewinds.auth import bearer
from tradewinds.errors import from_rpc_error
from tradewinds.grpc_server import open_channel
from tradewinds.v1 import strategy_manager_pb2 as manager_pb
from tradewinds.v1 import strategy_runner_pb2 as pb
from tradewinds.v1 import strategy_runner_pb2_grpc


async def test_welcome_tells_the_times_of_the_lease(start_runner: StartRunner, rows: Rows) -> None:
    runner = await start_runner()
    assert runner.welcome is not None
    assert runner.welcome.lease_ttl_seconds == LEASES.ttl_seconds
    assert runner.welcome.heartbeat_seconds == pytest.approx(LEASES.heartbeat_seconds)
    assert runner.welcome.gate_close_seconds == pytest.approx(LEASES.gate_close_seconds)


async def test_heartbeats_renew_the_lease_and_are_acknowledged(start_runner: StartRunner, rows: Rows) -> None:
    runner = await start_runner()
    await eventually(lambda: runner.acked >= 3)
    lease = await rows.one("SELECT *, expires_at > now() AS alive FROM runner_leases")
    assert (lease["runner_id"], lease["engine_id"], lease["capacity"], lease["alive"]) == (
        "runner-0", "engine-0", 5, True,
    )  # fmt: skip


async def test_a_heartbeat_is_acknowledged_only_after_its_commit(
    start_runner: StartRunner, rows: Rows, database_url: str
) -> None:
    runner = await start_runner()
    await eventually(lambda: runner.acked > 0)
    other = await asyncpg.connect(database_url)
    transaction = other.transaction()
    await transaction.start()
    await other.execute("SELECT 1 FROM runner_leases FOR UPDATE")
    await asyncio.sleep(LEASES.flush_seconds * 2)  # what was under way is through
    acked = runner.acked
    await eventually(lambda: runner.sent_heartbeat > acked + 2)
    assert runner.acked == acked
    await transaction.rollback()
    await other.close()
    await eventually(lambda: runner.acked > acked)


async def test_the_pulse_of_a_strategy_is_its_progress(start_runner: StartRunner, rows: Rows) -> None:
    runner = await start_runner()
    await started(rows)

    async def pulse() -> Any:
        return (await rows.config("a"))["heartbeat_at"]

    first = await eventually(pulse)

    async def later() -> bool:
        return bool(await pulse() > first)

    await eventually(later)
    # The process hangs: its loop counts no more, though its runner beats on.
    runner.processes["a"].hangs = True
    beats = runner.acked
    await eventually(lambda: runner.acked > beats + 2)
    stuck_at = await pulse()
    beats = runner.acked
    await eventually(lambda: runner.acked > beats + 3)
    assert await pulse() == stuck_at


async def test_a_crash_is_reported_and_counted_and_restarted_by_its_runner(
    start_runner: StartRunner, rows: Rows, manager: Any, token_of: Callable[..., Any]
) -> None:
    runner = await start_runner()
    await started(rows)
    pid = runner.processes["a"].pid
    await runner.crash_and_restart("a", "Traceback ...\nValueError: boom\x00")

    async def crashed() -> Any:
        return await manager.GetStrategyConfig(
            manager_pb.GetStrategyConfigRequest(config_id="a"), metadata=token_of("asha")
        )

    async def restarted() -> Any:
        config = await crashed()
        assert (config.crash_count, config.process_id) == (1, runner.processes["a"].pid), config
        assert config.state == manager_pb.STRATEGY_STATE_RUNNING
        return config

    config = await eventually(restarted)
    assert config.epoch == 1
    runs = await rows.all("SELECT pid, outcome, detail FROM strategy_runs ORDER BY started_at")
    assert [(run["pid"], run["outcome"]) for run in runs] == [
        (pid, "CRASHED"),
        (runner.processes["a"].pid, "RUNNING"),
    ]
    assert "ValueError: boom" in runs[0]["detail"]
    topics = [row["topic"] for row in await rows.all("SELECT topic FROM outbox ORDER BY outbox_id")]
    assert topics == ["STRATEGY_STARTED", "STRATEGY_CRASHED", "STRATEGY_STARTED"]


async def test_a_reconnect_resumes_without_a_restart(start_runner: StartRunner, rows: Rows) -> None:
    runner = await start_runner()
    await started(rows)
    pid = runner.processes["a"].pid
    await runner.reconnect()
    await runner.report("a", pb.STRATEGY_EVENT_RUNNING)
    acked = runner.acked
    await eventually(lambda: runner.acked > acked + 2)
    assert len(runner.directives) == 1
    assert runner.superseded == []
    assert (runner.processes["a"].pid, (await rows.assignment("a"))["epoch"]) == (pid, 1)
    assert len(await rows.all("SELECT 1 FROM strategy_runs")) == 1
    assert len(await rows.all("SELECT 1 FROM outbox")) == 1


async def test_a_reconnect_to_a_new_engine_resumes_without_a_restart(
    engine: Engine, start_engine: StartEngine, start_runner: StartRunner, rows: Rows
) -> None:
    runner = await start_runner()
    await started(rows)
    await engine.fleet.stop()
    await runner.over.wait()
    assert runner.ended is not None
    assert runner.ended.code() is grpc.StatusCode.UNAVAILABLE
    assert from_rpc_error(runner.ended).reason == "ENGINE_STOPPING"
    runner._address = (await start_engine("engine-1")).address
    await runner.reconnect()
    acked = runner.acked
    await eventually(lambda: runner.acked > acked + 2)
    assert (len(runner.directives), runner.superseded) == (1, [])
    assert (await rows.one("SELECT engine_id FROM runner_leases"))["engine_id"] == "engine-1"


async def test_what_is_held_at_an_older_epoch_starts_anew_at_the_newer_one(
    start_runner: StartRunner, rows: Rows
) -> None:
    runner = await start_runner()
    await started(rows)
    await runner.vanish()
    await rows.execute("UPDATE assignments SET epoch = epoch + 1")
    await runner.reconnect()
    await eventually(lambda: runner.directives[-1].epoch == 2)
    await eventually(lambda: runner.processes["a"].epoch == 2)


async def test_a_directive_is_said_again_until_the_runner_has_spoken_of_it(
    start_runner: StartRunner, rows: Rows
) -> None:
    await rows.add_config("a")
    runner = await start_runner(obeys=False)
    command_id = await rows.command("a", "START")
    await eventually(lambda: len(runner.directives) >= 3)
    assert {(d.epoch, d.revision) for d in runner.directives} == {(1, 1)}
    runner.obeys = True
    await rows.outcome(command_id)
    said = len(runner.directives)
    acked = runner.acked
    await eventually(lambda: runner.acked > acked + 3)
    assert len(runner.directives) == said


async def test_a_checkpoint_is_fenced_and_never_goes_back(start_runner: StartRunner, rows: Rows) -> None:
    runner = await start_runner()
    await started(rows)

    async def saved(sequence: int) -> Any:
        row = await rows.one("SELECT * FROM strategy_checkpoints WHERE config_id = 'a'")
        return row if row is not None and row["last_event_sequence"] == sequence else None

    await runner.checkpoint("a", 5, {"n": 5})
    row = await eventually(lambda: saved(5))
    assert (row["epoch"], row["state"]) == (1, {"n": 5})
    await runner.checkpoint("a", 9, {"n": "stale epoch"}, epoch=0)
    await runner.checkpoint("a", 9, {"n": "epoch of nobody"}, epoch=2)
    await runner.checkpoint("a", 4, {"n": "older"})
    await runner.send(
        checkpoint=pb.Checkpoint(config_id="a", epoch=1, last_event_sequence=10, state_json="[not an object]")
    )
    # Whether each is written by itself or only the newest of a batch: this one is good, and comes last.
    await runner.checkpoint("a", 6, {"n": 6})
    assert (await eventually(lambda: saved(6)))["state"] == {"n": 6}


async def test_messages_metrics_and_subscriptions_of_a_strategy_reach_their_rows(
    engine: Engine, start_runner: StartRunner, rows: Rows, manager: Any, token_of: Callable[..., Any]
) -> None:
    runner = await start_runner()
    await started(rows)
    woken = len(engine.woken)
    await runner.send(
        notification=pb.StrategyNotification(config_id="a", epoch=1, title="Up", text="5 %", dedupe_key="k")
    )
    batch = pb.MetricsBatch()
    for second, value in [(1, 1.0), (3, 3.0), (2, 2.0), (3, 3.5)]:
        metric = batch.metrics.add(config_id="a", name="edge", value=value)
        metric.recorded_at.FromSeconds(1_790_000_000 + second)
    batch.metrics.add(config_id="a", name="drawdown", value=-0.5).recorded_at.FromSeconds(1_790_000_000)
    batch.metrics.add(config_id="not-held", name="edge", value=1).recorded_at.FromSeconds(1_790_000_000)
    await runner.send(metrics=batch)
    wish = pb.Subscriptions(config_id="a", epoch=1, instruments=["NSE:TCS-EQ", "NSE:INFY-EQ"])
    await runner.send(subscriptions=wish)

    async def subscribed() -> bool:
        found = await rows.all("SELECT instrument FROM market_subscriptions ORDER BY 1")
        return [row["instrument"] for row in found] == ["NSE:INFY-EQ", "NSE:TCS-EQ"]

    await eventually(subscribed)
    [message] = await rows.all("SELECT dedupe_key, payload FROM outbox WHERE topic = 'STRATEGY_MESSAGE'")
    assert message["dedupe_key"] == "strategy_message:a:k"
    assert message["payload"]["user_id"] == "asha"
    assert (message["payload"]["title"], message["payload"]["message"]) == ("Up", "5 %")
    assert len(engine.woken) > woken
    config = await manager.GetStrategyConfig(
        manager_pb.GetStrategyConfigRequest(config_id="a"), metadata=token_of("asha")
    )
    assert dict(config.metrics) == {"edge": 3.5, "drawdown": -0.5}
    assert await rows.all("SELECT 1 FROM strategy_metrics WHERE config_id = 'not-held'") == []


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (pb.SessionRequest(heartbeat=pb.Heartbeat(number=1)), "REGISTER_FIRST"),
        (pb.SessionRequest(), "REGISTER_FIRST"),
        (None, "REGISTER_FIRST"),
        (pb.SessionRequest(register=pb.Register(instance_id="i", capacity=1)), "INVALID_ARGUMENT"),
        (pb.SessionRequest(register=pb.Register(runner_id="r", capacity=1)), "INVALID_ARGUMENT"),
        (pb.SessionRequest(register=pb.Register(runner_id="r", instance_id="i")), "INVALID_ARGUMENT"),
    ],
)
async def test_a_session_that_does_not_begin_with_a_good_register_is_refused(
    engine: Engine, rows: Rows, token_of: Callable[..., Any], first: pb.SessionRequest | None, reason: str
) -> None:
    async with open_channel(engine.address) as channel:
        stub = strategy_runner_pb2_grpc.StrategyRunnerStub(channel)
        call = stub.Session(metadata=token_of("runner", auth.RUNNER))
        if first is not None:
            await call.write(first)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call.read()
    assert from_rpc_error(raised.value).reason == reason


async def test_a_second_register_ends_the_session(start_runner: StartRunner, rows: Rows) -> None:
    runner = await start_runner()
    runner.silence()  # a write that meets the end of the stream would hide its status
    await runner.send(register=pb.Register(runner_id="runner-0", instance_id="again", capacity=1))
    await runner.over.wait()
    assert runner.ended is not None
    assert runner.ended.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_only_runners_may_open_a_session(engine: Engine, rows: Rows, token_of: Callable[..., Any]) -> None:
    async with open_channel(engine.address) as channel:
        call = strategy_runner_pb2_grpc.StrategyRunnerStub(channel).Session(metadata=token_of("asha"))
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call.read()
        assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED
        call = strategy_runner_pb2_grpc.StrategyRunnerStub(channel).Session(metadata=bearer("nonsense"))
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call.read()
        assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
