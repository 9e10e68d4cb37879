"""Commands, from a row to a process and back."""

from __future__ import annotations

import time

from tests.integration.fleet.conftest import Rows, StartRunner
from tests.support.waiting import eventually
from tradewinds.database.redis_connection import RedisConnection
from tradewinds.v1 import strategy_runner_pb2 as pb


async def test_a_plain_insert_starts_a_strategy_and_is_done_when_it_runs(rows: Rows, start_runner: StartRunner) -> None:
    await rows.add_config("a")
    runner = await start_runner()
    command = await rows.outcome(await rows.command("a", "START"))
    assert command["result"].startswith("running in process ")
    assert command["attempts"] == 1
    config = await rows.config("a")
    assert (config["desired_state"], config["state"], config["generation"]) == ("RUNNING", "RUNNING", 1)
    assignment = await rows.assignment("a")
    assert (assignment["runner_id"], assignment["instance_id"], assignment["epoch"]) == (
        "runner-0", runner.instance_id, 1,
    )  # fmt: skip


async def test_a_directive_carries_all_that_a_strategy_needs(rows: Rows, start_runner: StartRunner) -> None:
    await rows.add_config("a", {"symbols": ["NSE:RELIANCE-EQ"], "symbol": "NSE:TCS-EQ", "execution_interval": 5})
    await rows.execute(
        "INSERT INTO strategy_checkpoints (config_id, epoch, last_event_sequence, state) VALUES ('a', 0, 7, $1)",
        {"state": {"n": 1}},
    )
    await rows.execute(
        "INSERT INTO positions (account_id, config_id, instrument, product, buy_quantity, net_quantity, average_price)"
        " VALUES ('A1', 'a', 'NSE:RELIANCE-EQ', 'MIS', 5, 5, 1400.05)"
    )
    runner = await start_runner()
    await rows.outcome(await rows.command("a", "START"))
    [directive] = runner.directives
    assert (directive.epoch, directive.revision, directive.run) == (1, 1, True)
    assert (directive.module_path, directive.class_name) == ("strategies.momentum", "MomentumStrategy")
    assert (directive.user_id, directive.account_id) == ("asha", "A1")
    assert '"execution_interval":5' in directive.config_json
    assert [i.instrument for i in directive.instruments] == ["NSE:RELIANCE-EQ", "NSE:TCS-EQ"]
    assert directive.instruments[0].tick_size == "0.05"
    assert (directive.state_json, directive.last_event_sequence) == ('{"state":{"n":1}}', 7)
    assert [(p.instrument, p.net_quantity) for p in directive.positions] == [("NSE:RELIANCE-EQ", 5)]


async def test_stop_ends_the_process_and_frees_everything(rows: Rows, start_runner: StartRunner) -> None:
    await rows.add_config("a")
    runner = await start_runner()
    await rows.outcome(await rows.command("a", "START"))
    subscribed = await rows.all("SELECT instrument FROM market_subscriptions WHERE subscriber = 'config:a'")
    assert [row["instrument"] for row in subscribed] == ["NSE:RELIANCE-EQ"]
    command = await rows.outcome(await rows.command("a", "STOP"))
    assert command["result"] == "stopped"
    assert runner.processes == {}
    assert (await rows.config("a"))["state"] == "STOPPED"
    assignment = await rows.assignment("a")
    assert (assignment["instance_id"], assignment["epoch"]) == (None, 1)
    [run] = await rows.all("SELECT * FROM strategy_runs")
    assert (run["outcome"], run["code_hash"]) == ("STOPPED", "c0de")
    assert run["ended_at"] is not None
    assert await rows.all("SELECT 1 FROM market_subscriptions") == []


async def test_restart_is_a_new_process_at_the_same_epoch(rows: Rows, start_runner: StartRunner) -> None:
    await rows.add_config("a")
    runner = await start_runner()
    await rows.outcome(await rows.command("a", "START"))
    first = runner.processes["a"].pid
    await rows.outcome(await rows.command("a", "RESTART"))
    assert runner.processes["a"].pid != first
    assert [(d.epoch, d.revision) for d in runner.directives] == [(1, 1), (1, 2)]
    runs = await rows.all("SELECT pid, outcome FROM strategy_runs ORDER BY started_at")
    assert [(run["pid"] == first, run["outcome"]) for run in runs] == [(True, "STOPPED"), (False, "RUNNING")]


async def test_every_applied_command_leaves_an_audit_row(rows: Rows, start_runner: StartRunner) -> None:
    await rows.add_config("a")
    await start_runner()
    command_id = await rows.command("a", "START")
    await rows.outcome(command_id)
    [audited] = await rows.all("SELECT * FROM audit_log WHERE action = 'strategy.start'")
    role = (await rows.one("SELECT current_user AS role"))["role"]
    assert (audited["subject_type"], audited["subject_id"], audited["actor"]) == ("strategy_config", "a", role)
    assert audited["before"] == {"desired_state": "STOPPED", "state": "STOPPED", "generation": 0}
    assert audited["after"]["command_id"] == str(command_id)


async def test_stop_of_a_stopped_one_is_done_at_once(rows: Rows, start_runner: StartRunner) -> None:
    await rows.add_config("a")
    await start_runner()
    command = await rows.outcome(await rows.command("a", "STOP"))
    assert command["result"] == "it was stopped already"
    assert command["claimed_at"] is None


async def test_start_of_a_running_one_is_done_at_once(rows: Rows, start_runner: StartRunner) -> None:
    await rows.add_config("a")
    runner = await start_runner()
    await rows.outcome(await rows.command("a", "START"))
    command = await rows.outcome(await rows.command("a", "START"))
    assert command["result"] == "it was running already"
    assert len(runner.directives) == 1


async def test_without_a_runner_it_waits_and_says_so_and_starts_when_one_comes(
    rows: Rows, start_runner: StartRunner
) -> None:
    await rows.add_config("a")
    command_id = await rows.command("a", "START")
    config = await rows.state("a", "PENDING")

    async def reason() -> bool:
        return bool((await rows.config("a"))["state_reason"] == "no runner is connected: start one")

    await eventually(reason, what=f"the reason; first: {config['state_reason']}")
    assert (await rows.outcome(command_id, status="CLAIMED"))["result"] == ""
    await start_runner()
    await rows.outcome(command_id)


async def test_a_full_runner_is_named_in_the_reason(rows: Rows, start_runner: StartRunner) -> None:
    await rows.add_config("a")
    await rows.add_config("b")
    await start_runner(capacity=1)
    await rows.outcome(await rows.command("a", "START"))
    await rows.command("b", "START")

    async def reason() -> bool:
        return "runner-0 1/1" in (await rows.config("b"))["state_reason"]

    await eventually(reason)
    # Room is used as soon as there is some.
    await rows.command("a", "STOP")
    await rows.state("b", "RUNNING")


async def test_a_newer_command_supersedes_an_older_unfinished_one(rows: Rows, start_runner: StartRunner) -> None:
    await rows.add_config("a")
    await start_runner(obeys=False)
    start = await rows.command("a", "START")
    await rows.outcome(start, status="CLAIMED")
    stop = await rows.command("a", "STOP")
    superseded = await rows.outcome(start, status="FAILED")
    assert superseded["result"] == f"superseded by STOP {stop}"


async def test_the_last_of_many_commands_wins(rows: Rows, start_runner: StartRunner) -> None:
    await rows.add_config("a")
    await start_runner()
    for verb in ["START", "STOP", "RESTART", "STOP", "START"] * 3:
        last = await rows.command("a", verb)
    await rows.outcome(last)
    await rows.state("a", "RUNNING")
    open_ones = await rows.all("SELECT 1 FROM strategy_commands WHERE status IN ('PENDING', 'CLAIMED')")
    assert open_ones == []


async def test_a_command_that_has_expired_is_not_carried_out(rows: Rows, start_runner: StartRunner) -> None:
    await rows.add_config("a")
    await start_runner()
    row = await rows.one(
        "INSERT INTO strategy_commands (config_id, verb, expires_at) VALUES ('a', 'START', now() - interval '1 s')"
        " RETURNING command_id"
    )
    command = await rows.outcome(row["command_id"], status="EXPIRED")
    assert command["result"] == "nobody took it in time"
    assert (await rows.config("a"))["desired_state"] == "STOPPED"


async def test_a_command_that_was_taken_expires_with_the_reason_and_the_wish_stays(
    rows: Rows, start_runner: StartRunner
) -> None:
    await rows.add_config("a")
    row = await rows.one(
        "INSERT INTO strategy_commands (config_id, verb, expires_at) VALUES ('a', 'START', now() + interval '0.4 s')"
        " RETURNING command_id"
    )
    command = await rows.outcome(row["command_id"], status="EXPIRED")
    assert "no runner is connected" in command["result"]
    await start_runner()
    await rows.state("a", "RUNNING")


async def test_a_strategy_that_cannot_be_started_fails_its_command_and_takes_no_room(
    rows: Rows, start_runner: StartRunner
) -> None:
    await rows.add_config("a")
    runner = await start_runner(obeys=False)
    command_id = await rows.command("a", "START")
    await eventually(lambda: runner.directives)
    await runner.send(
        strategy_report=pb.StrategyReport(
            config_id="a", epoch=1, revision=1, event=pb.STRATEGY_EVENT_FAILED, detail="no module named nowhere"
        )
    )
    command = await rows.outcome(command_id, status="FAILED")
    assert command["result"] == "no module named nowhere"
    config = await rows.config("a")
    assert (config["state"], config["state_reason"]) == ("FAILED", "no module named nowhere")
    assert (await rows.assignment("a"))["instance_id"] is None
    [told] = await rows.all("SELECT topic, payload FROM outbox")
    assert told["topic"] == "STRATEGY_FAILED"
    # A new start tries again.
    runner.obeys = True
    await rows.outcome(await rows.command("a", "START"))
    assert (await rows.assignment("a"))["epoch"] == 2


async def test_an_instrument_that_is_gone_fails_the_start_by_name(rows: Rows, start_runner: StartRunner) -> None:
    await rows.add_config("a", {"symbols": ["NFO:NIFTY24NOV2625000CE"]})
    await start_runner()
    command = await rows.outcome(await rows.command("a", "START"), status="FAILED")
    assert "NFO:NIFTY24NOV2625000CE is not in today's scrip master" in command["result"]


async def test_the_status_board_mirrors_the_state(
    rows: Rows, start_runner: StartRunner, redis: RedisConnection
) -> None:
    await rows.add_config("a")
    await start_runner()
    await rows.outcome(await rows.command("a", "START"))

    async def shown() -> bool:
        status = await redis.client.hget("fl:status", "a")
        return status is not None and b'"state":"RUNNING"' in status and b'"runner_id":"runner-0"' in status

    await eventually(shown)


async def test_a_command_is_carried_out_well_within_a_second(rows: Rows, start_runner: StartRunner) -> None:
    await rows.add_config("a")
    await start_runner()
    times = []
    for verb in ["START", "STOP"] * 10:
        started = time.perf_counter()
        await rows.outcome(await rows.command("a", verb))
        times.append(time.perf_counter() - started)
    times.sort()
    print(f"command to done: p50 {times[10] * 1000:.0f} ms, max {times[-1] * 1000:.0f} ms")  # noqa: T201 - shown by -s
    assert times[10] < 0.5
