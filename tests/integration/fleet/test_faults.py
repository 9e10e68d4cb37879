"""Faults of the engine's own side, and engines beside each other: nobody's strategy is stopped or started twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

from tests.integration.fleet.conftest import LEASES, Engine, Rows, StartEngine, StartRunner
from tests.support.waiting import eventually
from tradewinds.database import migrations
from tradewinds.database.redis_connection import RedisConnection
from tradewinds.database.session import Database
from tradewinds.embedded.postgres import EmbeddedPostgres


async def test_a_restart_of_postgresql_longer_than_a_lease_stops_nothing(
    state_dir: Path, start_engine: StartEngine, start_runner: StartRunner
) -> None:
    postgres = EmbeddedPostgres(state_dir / "postgres")
    await postgres.start()
    try:
        await migrations.upgrade(postgres.url)
        engine = await start_engine("engine-0", url=postgres.url)
        rows = await _with_a_user(engine.database)
        runner = await start_runner(address=engine.address)
        await rows.outcome(await rows.command("a", "START"))
        other = await start_runner("runner-1", address=engine.address)
        pid = runner.processes["a"].pid
        # Long enough that the engine would by now have judged a silent runner.
        await eventually(
            lambda: runner.acked * LEASES.heartbeat_seconds > 2 * (LEASES.ttl_seconds + LEASES.grace_seconds)
        )
        await postgres.stop()
        acked = runner.acked
        await runner.report("a", 2, process=runner.processes["a"])  # said while nothing can be written
        await asyncio.sleep(LEASES.ttl_seconds + LEASES.grace_seconds)
        assert runner.acked == acked
        await postgres.start()
        await eventually(lambda: runner.acked > acked + 5, timeout=15)
        assignment = await rows.assignment("a")
        assert (assignment["instance_id"], assignment["epoch"]) == (runner.instance_id, 1)
        assert (runner.superseded, len(runner.directives), runner.processes["a"].pid) == ([], 1, pid)
        assert other.processes == {}
        # And it goes on working.
        await rows.outcome(await rows.command("a", "STOP"))
        await engine.stop()
    finally:
        await postgres.stop()


async def test_two_engines_beside_each_other_grant_everything_once(
    engine: Engine, start_engine: StartEngine, start_runner: StartRunner, rows: Rows
) -> None:
    second = await start_engine("engine-1")
    runners = [
        await start_runner("runner-0", capacity=20),
        await start_runner("runner-1", capacity=20, address=second.address),
    ]
    for n in range(40):
        await rows.add_config(f"c{n}")
    await rows.execute(
        "INSERT INTO strategy_commands (config_id, verb) SELECT config_id, 'START' FROM strategy_configs"
    )

    async def all_run() -> bool:
        row = await rows.one("SELECT count(*) FROM strategy_configs WHERE state = 'RUNNING'")
        return bool(row["count"] == 40)

    await eventually(all_run, timeout=20)
    assert [len(runner.processes) for runner in runners] == [20, 20]
    assert not runners[0].processes.keys() & runners[1].processes.keys()
    assignments = await rows.all("SELECT epoch, runner_id FROM assignments")
    assert Counter(row["epoch"] for row in assignments) == {1: 40}
    done = await rows.all("SELECT status, attempts FROM strategy_commands")
    assert {tuple(row) for row in done} == {("DONE", 1)}


async def test_a_notification_that_is_lost_is_made_up_for_by_the_poll(rows: Rows, start_runner: StartRunner) -> None:
    await rows.add_config("a")
    await start_runner()
    await rows.execute("ALTER TABLE strategy_commands DISABLE TRIGGER strategy_commands_notify")
    await rows.execute("ALTER TABLE assignments DISABLE TRIGGER assignments_notify")
    await rows.outcome(await rows.command("a", "START"))


async def test_without_redis_strategies_are_started_all_the_same(
    rows: Rows, start_runner: StartRunner, redis: RedisConnection
) -> None:
    await rows.add_config("a")
    await start_runner()
    await redis.client.set("fl:status", "not a hash: every write to it fails")
    await rows.outcome(await rows.command("a", "START"))

    async def rebuilt() -> bool:
        if await redis.client.type("fl:status") != b"hash":
            return False
        status = await redis.client.hget("fl:status", "a")
        return status is not None and b"RUNNING" in status

    await eventually(rebuilt)


async def _with_a_user(database: Database) -> Rows:
    rows: Any = Rows(database)
    await rows.execute("INSERT INTO users (user_id, display_name) VALUES ('asha', 'Asha')")
    await rows.execute(
        "INSERT INTO broker_accounts (account_id, user_id, client_code, sealed_credentials) VALUES ('A1', 'asha', 'C1', '')"
    )
    await rows.add_config("a")
    return Rows(database)
