"""Strategies that run by the calendar: off is not stopped."""

from __future__ import annotations

from typing import Any

from tests.integration.fleet.conftest import NOON, Engine, Rows, StartRunner
from tests.support.waiting import eventually
from tradewinds.v1 import strategy_manager_pb2
from tradewinds.v1 import strategy_runner_pb2 as pb

HOURS = {"segment": "NSE_CM", "phases": ["CONTINUOUS"], "square_off_minutes": 10}


async def test_it_is_taken_out_at_its_time_and_starts_by_itself_the_next_day(
    rows: Rows, engine: Engine, start_runner: StartRunner
) -> None:
    await rows.add_config("a")
    await rows.execute("UPDATE strategy_configs SET schedule = $1", HOURS)
    runner = await start_runner()
    await rows.outcome(await rows.command("a", "START"))
    engine.hours.time = NOON.replace(hour=15, minute=5)
    off = await rows.state("a", "SCHEDULED")
    assert (off["desired_state"], off["state_reason"]) == ("RUNNING", "its schedule squared it off at 15:05 IST")
    assert off["flatten_because"] == off["state_reason"]
    assert runner.processes == {}
    assert (await rows.all("SELECT 1 FROM outbox WHERE topic = 'STRATEGY_STOPPED'")) == []
    await rows.execute("UPDATE strategy_configs SET flatten_because = ''")  # as the flattener does when nothing is left
    engine.hours.time = NOON
    await rows.state("a", "RUNNING")
    assert "a" in runner.processes


async def test_a_start_outside_its_hours_waits_for_them_and_a_stop_is_a_stop(
    rows: Rows, engine: Engine, start_runner: StartRunner
) -> None:
    engine.hours.time = NOON.replace(hour=8)
    await rows.add_config("a")
    await rows.execute("UPDATE strategy_configs SET schedule = $1, is_off_schedule = true", HOURS)
    runner = await start_runner()
    start = await rows.outcome(await rows.command("a", "START"))
    assert start["result"] == "it starts when its schedule lets it"

    async def says_when() -> bool:
        return bool((await rows.config("a"))["state_reason"] == "its schedule starts it at 09:15 IST")

    await eventually(says_when)
    await rows.outcome(await rows.command("a", "STOP"))
    engine.hours.time = NOON

    async def on() -> bool:
        return not (await rows.config("a"))["is_off_schedule"]

    await eventually(on)
    assert (await rows.config("a"))["state"] == "STOPPED"
    assert runner.directives == []


async def test_a_schedule_is_given_taken_back_and_refused(
    rows: Rows, engine: Engine, start_runner: StartRunner, manager: Any, token_of: Any
) -> None:
    await rows.add_config("a")
    await start_runner()
    engine.hours.missing_master = "none yet"
    request = strategy_manager_pb2.UpdateStrategyConfigRequest(
        config_id="a", schedule={"segment": "NSE_CM"}, on_crash="ON_CRASH_SQUARE_OFF"
    )
    await rows.outcome((await manager.UpdateStrategyConfig(request, metadata=token_of("asha"))).command_id)
    config = await manager.GetStrategyConfig(
        strategy_manager_pb2.GetStrategyConfigRequest(config_id="a"), metadata=token_of("asha")
    )
    assert (config.schedule.segment, list(config.schedule.phases)) == ("NSE_CM", ["CONTINUOUS"])
    assert config.on_crash == strategy_manager_pb2.ON_CRASH_SQUARE_OFF
    bad = await rows.command("a", "UPDATE_CONFIG", {"schedule": {"segment": "NYSE"}})
    assert "schedule.segment" in (await rows.outcome(bad, status="FAILED"))["result"]
    await rows.outcome(await rows.command("a", "UPDATE_CONFIG", {"schedule": None}))
    engine.hours.missing_master = ""
    start = await rows.command("a", "START")
    await rows.outcome(start)
    assert (await rows.config("a"))["schedule"] is None


async def test_a_crash_that_may_not_be_survived_leaves_a_wish_to_be_flat(
    rows: Rows, engine: Engine, start_runner: StartRunner
) -> None:
    await rows.add_config("a")
    await rows.execute("UPDATE strategy_configs SET on_crash = 'SQUARE_OFF'")
    runner = await start_runner()
    await rows.outcome(await rows.command("a", "START"))
    await runner.report("a", pb.STRATEGY_EVENT_CRASHED, detail="ValueError: boom")
    row = await rows.state("a", "QUARANTINED")
    assert row["flatten_because"] == row["state_reason"]
    assert row["state_reason"].startswith("crashed, and its on_crash is SQUARE_OFF")
