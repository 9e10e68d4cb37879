"""Who holds a strategy when runners die, freeze, leave, or come twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from tests.integration.fleet.conftest import LEASES, Engine, Rows, StartEngine, StartRunner, started
from tests.support.waiting import eventually
from tradewinds.v1 import strategy_runner_pb2 as pb


async def moved_to(rows: Rows, runner_id: str, config_id: str = "a", *, timeout: float = 8) -> Any:
    """The assignment, once the strategy runs on `runner_id`."""

    async def there() -> Any:
        row = await rows.assignment(config_id)
        assert row["runner_id"] == runner_id, dict(row)
        assert (await rows.config(config_id))["state"] == "RUNNING"
        return row

    return await eventually(there, timeout=timeout)


async def test_a_runner_that_dies_loses_its_strategies_only_after_ttl_and_grace(
    start_runner: StartRunner, rows: Rows
) -> None:
    dying = await start_runner("runner-0")
    await started(rows)
    await start_runner("runner-1")
    await asyncio.sleep(LEASES.ttl_seconds + LEASES.grace_seconds)  # the engine's own patience at its start
    await dying.vanish()
    loop = asyncio.get_running_loop()
    died_at = loop.time()
    row = await moved_to(rows, "runner-1")
    assert row["epoch"] == 2
    assert loop.time() - died_at >= LEASES.ttl_seconds - LEASES.heartbeat_seconds + LEASES.grace_seconds - 0.1
    runs = await rows.all("SELECT epoch, runner_id, outcome FROM strategy_runs ORDER BY started_at")
    assert [tuple(run) for run in runs] == [(1, "runner-0", "LOST"), (2, "runner-1", "RUNNING")]
    [lost] = await rows.all("SELECT subject_id, after FROM audit_log WHERE action = 'runner.lost'")
    assert (lost["subject_id"], lost["after"]["released"]) == ("runner-0", ["a"])
    [told] = await rows.all("SELECT payload FROM outbox WHERE topic = 'STRATEGY_MOVED'")
    assert told["payload"]["message"].startswith("from runner-0 to runner-1: runner runner-0 was lost")


async def test_a_frozen_runner_is_superseded_when_it_thaws(start_runner: StartRunner, rows: Rows) -> None:
    frozen = await start_runner("runner-0")
    await started(rows)
    await start_runner("runner-1")
    frozen.freeze()
    await moved_to(rows, "runner-1")
    frozen.thaw()
    await eventually(lambda: frozen.superseded == ["a"])
    # The instance itself lives on: its lease was expired and unclaimed, and it may get strategies again.
    acked = frozen.acked
    await eventually(lambda: frozen.acked > acked)


async def test_what_a_zombie_says_changes_nothing(start_runner: StartRunner, rows: Rows) -> None:
    frozen = await start_runner("runner-0")
    await started(rows)
    zombie = replace(frozen.processes["a"])
    await start_runner("runner-1")
    frozen.freeze()
    await moved_to(rows, "runner-1")
    await frozen.report("a", pb.STRATEGY_EVENT_FAILED, detail="from the grave", process=zombie)
    await frozen.checkpoint("a", 99, {"from": "the grave"}, epoch=zombie.epoch)
    await frozen.send(
        notification=pb.StrategyNotification(config_id="a", epoch=zombie.epoch, title="boo", text="from the grave")
    )
    await frozen.send(subscriptions=pb.Subscriptions(config_id="a", epoch=zombie.epoch, instruments=["NSE:TCS-EQ"]))
    # All that a session has said is written before its goodbye is.
    frozen.thaw()
    await frozen.goodbye()
    assert (await rows.config("a"))["state"] == "RUNNING"
    assert await rows.all("SELECT 1 FROM strategy_checkpoints") == []
    assert await rows.all("SELECT 1 FROM outbox WHERE topic = 'STRATEGY_MESSAGE'") == []
    subscribed = await rows.all("SELECT instrument FROM market_subscriptions WHERE subscriber = 'config:a'")
    assert [row["instrument"] for row in subscribed] == ["NSE:RELIANCE-EQ"]


async def test_goodbye_moves_strategies_at_once(start_runner: StartRunner, rows: Rows) -> None:
    leaving = await start_runner("runner-0")
    await started(rows)
    await start_runner("runner-1")
    process = leaving.processes["a"]
    leaving.obeys = False
    await leaving.report("a", pb.STRATEGY_EVENT_STOPPED, detail="whatever it says", process=process)
    loop = asyncio.get_running_loop()
    left_at = loop.time()
    await leaving.goodbye()
    row = await moved_to(rows, "runner-1")
    assert row["epoch"] == 2
    assert loop.time() - left_at < LEASES.ttl_seconds
    assert await rows.all("SELECT 1 FROM runner_leases WHERE runner_id = 'runner-0'") == []
    # Scaling is not a stop: nobody is told that it has stopped.
    assert await rows.all("SELECT 1 FROM outbox WHERE topic = 'STRATEGY_STOPPED'") == []
    [told] = await rows.all("SELECT payload FROM outbox WHERE topic = 'STRATEGY_MOVED'")
    assert told["payload"]["data"] == {"config_id": "a", "from_runner_id": "runner-0", "runner_id": "runner-1"}
    runs = await rows.all("SELECT outcome FROM strategy_runs WHERE config_id = 'a' ORDER BY epoch")
    assert [run["outcome"] for run in runs] == ["MOVED", "RUNNING"]


async def test_an_engine_that_has_just_started_waits_before_it_declares_anyone_lost(
    engine: Engine, start_engine: StartEngine, start_runner: StartRunner, rows: Rows
) -> None:
    runner = await start_runner()
    await started(rows)
    await engine.stop()
    await runner.vanish()
    await asyncio.sleep(LEASES.ttl_seconds + LEASES.grace_seconds)  # nobody could renew: no engine was there
    runner._address = (await start_engine("engine-1")).address
    await runner.reconnect()
    await eventually(lambda: runner.acked > 10)
    assert (await rows.assignment("a"))["epoch"] == 1
    assert runner.superseded == []
    assert len(runner.directives) == 1


async def test_what_is_held_but_no_longer_assigned_is_superseded_at_reconnect(
    start_runner: StartRunner, rows: Rows
) -> None:
    runner = await start_runner()
    await started(rows)
    await runner.vanish()
    await rows.execute("UPDATE assignments SET runner_id = NULL, instance_id = NULL")
    await rows.execute("UPDATE strategy_configs SET desired_state = 'STOPPED', state = 'STOPPED'")
    await runner.reconnect()
    await eventually(lambda: runner.superseded == ["a"])


async def test_the_newest_process_of_a_name_wins_and_gets_the_strategies_at_once(
    start_runner: StartRunner, rows: Rows
) -> None:
    older = await start_runner("runner-0", instance_id="older")
    await started(rows)
    newer = await start_runner("runner-0", instance_id="newer")
    await older.over.wait()
    told = len(older.superseded)  # of its strategy first, where steering saw the rows before the session was replaced
    assert older.superseded in ([""], ["a", ""])

    async def taken_over() -> bool:
        row = await rows.assignment("a")
        return (row["instance_id"], row["epoch"]) == ("newer", 2)

    await eventually(taken_over, timeout=LEASES.ttl_seconds)
    await eventually(lambda: "a" in newer.processes)
    # The older one may not come back.
    await older.reconnect()
    assert older.superseded[told:] == [""]
    await older.over.wait()
    acked = newer.acked
    await eventually(lambda: newer.acked > acked)


async def test_strategies_are_spread_over_runners(start_runner: StartRunner, rows: Rows) -> None:
    first, second = await start_runner("runner-0"), await start_runner("runner-1")
    for config_id in ("a", "b", "c", "d"):
        await started(rows, config_id)
    assert (len(first.processes), len(second.processes)) == (2, 2)


async def test_a_stop_of_a_strategy_whose_runner_is_lost_is_done_when_it_is_lost(
    start_runner: StartRunner, rows: Rows
) -> None:
    runner = await start_runner()
    await started(rows)
    await runner.vanish()
    command = await rows.outcome(await rows.command("a", "STOP"), timeout=8)
    assert "runner-0 was lost" in command["result"]
    assert (await rows.config("a"))["state"] == "STOPPED"
