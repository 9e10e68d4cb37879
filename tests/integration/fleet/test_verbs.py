"""PAUSE, RESUME, KILL, UPDATE_CONFIG and RELEASE, from a row to a runner and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from google.protobuf import struct_pb2

from tests.integration.fleet.conftest import Engine, Rows, StartRunner
from tests.integration.fleet.scripted_runner import ScriptedRunner, accept
from tests.support.waiting import eventually
from tradewinds.v1 import strategy_manager_pb2
from tradewinds.v1 import strategy_runner_pb2 as pb

Answer = Callable[[pb.Inspect], pb.InspectResult]


async def running(rows: Rows, start_runner: StartRunner, answer: Answer = accept) -> ScriptedRunner:
    await rows.add_config("a")
    runner = await start_runner()
    runner.answer = answer
    await rows.outcome(await rows.command("a", "START"))
    return runner


def accept_with_live_threshold(question: pb.Inspect) -> pb.InspectResult:
    given = msgspec.json.decode(question.config_json)
    config, schema = struct_pb2.Struct(), struct_pb2.Struct()
    config.update(given)
    schema.update({"properties": {"threshold": {"live": True}, "execution_interval": {}}})
    if given["execution_interval"] < 0:
        return pb.InspectResult(
            inspection_id=question.inspection_id, error="must be positive", error_field="config.execution_interval"
        )
    return pb.InspectResult(inspection_id=question.inspection_id, config=config, params_schema=schema, code_hash="c0de")


async def test_a_pause_reaches_the_running_process_and_is_undone(rows: Rows, start_runner: StartRunner) -> None:
    runner = await running(rows, start_runner)
    pid = runner.processes["a"].pid
    await rows.outcome(await rows.command("a", "PAUSE"))
    assert (await rows.config("a"))["is_paused"]
    assert "paused" in runner.directives[-1].entries_denied_because
    await rows.outcome(await rows.command("a", "RESUME"))
    assert not (await rows.config("a"))["is_paused"]
    assert runner.directives[-1].entries_denied_because == ""
    assert runner.processes["a"].pid == pid


async def test_a_start_waits_for_the_days_scrip_master_unless_something_is_open(
    rows: Rows, engine: Engine, start_runner: StartRunner
) -> None:
    engine.hours.missing_master = "2026-11-24's is not in yet"
    for name in ("flat", "open"):
        await rows.add_config(name)
    await rows.execute(
        "INSERT INTO positions (account_id, config_id, instrument, product, buy_quantity, net_quantity, average_price)"
        " VALUES ('A1', 'open', 'NSE:RELIANCE-EQ', 'MIS', 5, 5, 1400)"
    )
    runner = await start_runner()
    waiting = await rows.command("flat", "START")
    await rows.outcome(await rows.command("open", "START"))
    await eventually(lambda: _waits(rows))
    assert "flat" not in runner.processes
    engine.hours.missing_master = ""
    await rows.outcome(waiting)


async def _waits(rows: Rows) -> bool:
    reason = (await rows.config("flat"))["state_reason"]
    return bool(reason == "waits for today's scrip master: 2026-11-24's is not in yet")


async def test_a_pause_is_told_with_its_reason_until_it_is_undone(
    rows: Rows, start_runner: StartRunner, manager: Any, token_of: Any
) -> None:
    runner = await running(rows, start_runner)
    await rows.execute(
        "INSERT INTO strategy_commands (config_id, verb, issuer, reason) VALUES ('a', 'PAUSE', 'scrip master', 'X became Y')"
    )
    await eventually(lambda: "(X became Y)" in runner.directives[-1].entries_denied_because)
    get = strategy_manager_pb2.GetStrategyConfigRequest(config_id="a")
    assert (await manager.GetStrategyConfig(get, metadata=token_of("asha"))).pause_reason == "X became Y"
    await rows.outcome(await rows.command("a", "RESUME"))
    assert (await manager.GetStrategyConfig(get, metadata=token_of("asha"))).pause_reason == ""


async def test_a_pause_leaves_a_start_on_its_way(rows: Rows, start_runner: StartRunner) -> None:
    await rows.add_config("a")
    start = await rows.command("a", "START")
    await rows.outcome(await rows.command("a", "PAUSE"))
    runner = await start_runner()
    await rows.outcome(start)
    assert runner.directives[-1].entries_denied_because


async def test_kill_reaches_a_runner_that_is_still_stopping_it(rows: Rows, start_runner: StartRunner) -> None:
    runner = await running(rows, start_runner)
    runner.obeys = False
    stop = await rows.command("a", "STOP")
    await eventually(lambda: not runner.directives[-1].run, what="the stop at the runner")
    runner.obeys = True
    await rows.outcome(await rows.command("a", "KILL"))
    assert (runner.directives[-1].run, runner.directives[-1].kill) == (False, True)
    assert (await rows.outcome(stop, status="FAILED"))["result"].startswith("superseded by KILL")
    assert (await rows.config("a"))["state"] == "STOPPED"


async def test_live_parameters_reach_the_process_and_others_a_new_one(rows: Rows, start_runner: StartRunner) -> None:
    runner = await running(rows, start_runner, accept_with_live_threshold)
    pid = runner.processes["a"].pid
    await rows.outcome(await rows.command("a", "UPDATE_CONFIG", {"config": {"threshold": 2}}))
    assert msgspec.json.decode(runner.directives[-1].config_json)["threshold"] == 2
    assert runner.processes["a"].pid == pid
    await rows.outcome(await rows.command("a", "UPDATE_CONFIG", {"config": {"execution_interval": 9}}))
    assert runner.processes["a"].pid != pid
    assert (await rows.config("a"))["config"] == {
        "symbols": ["NSE:RELIANCE-EQ"], "execution_interval": 9, "threshold": 2,
    }  # fmt: skip


async def test_signals_reach_the_running_process_once_each(rows: Rows, start_runner: StartRunner) -> None:
    runner = await running(rows, start_runner)
    pid = runner.processes["a"].pid
    done = await rows.outcome(await rows.command("a", "SIGNAL", {"signal": {"action": "reduce", "by": 0.5}}))
    assert done["result"] == f"told; running in process {pid}"
    (signal,) = runner.directives[-1].signals
    assert (signal.signal_id, signal.sender) == (str(done["command_id"]), done["issuer"])
    assert msgspec.json.decode(signal.data_json) == {"action": "reduce", "by": 0.5}
    await rows.outcome(await rows.command("a", "PAUSE"))
    assert not runner.directives[-1].signals


async def test_a_signal_dies_with_the_process_that_was_to_be_told(rows: Rows, start_runner: StartRunner) -> None:
    runner = await running(rows, start_runner)
    runner.obeys = False
    signal = await rows.command("a", "SIGNAL", {"signal": {}})
    await eventually(lambda: bool(runner.directives[-1].signals), what="the signal at the runner")
    await runner.vanish()
    assert "may have been told" in (await rows.outcome(signal, status="FAILED"))["result"]
    late = await rows.outcome(await rows.command("a", "SIGNAL", {"signal": {}}), status="FAILED")
    assert late["result"].startswith("it was not told")


async def test_bad_parameters_fail_the_command_with_the_field(rows: Rows, start_runner: StartRunner) -> None:
    await running(rows, start_runner, accept_with_live_threshold)
    before = (await rows.config("a"))["config"]
    bad = await rows.command("a", "UPDATE_CONFIG", {"config": {"execution_interval": -1}})
    assert "config.execution_interval" in (await rows.outcome(bad, status="FAILED"))["result"]
    nonsense = await rows.command("a", "UPDATE_CONFIG", {"config": 3})
    assert (await rows.outcome(nonsense, status="FAILED"))["result"].startswith("payload:")
    assert (await rows.config("a"))["config"] == before


async def test_a_stop_does_not_wait_for_parameters_that_nobody_can_examine(
    rows: Rows, engine: Engine, start_runner: StartRunner
) -> None:
    await rows.add_config("a")
    update = await rows.command("a", "UPDATE_CONFIG", {"config": {"execution_interval": 9}})
    await rows.outcome(await rows.command("a", "STOP"))
    assert (await rows.one("SELECT status FROM strategy_commands WHERE command_id = $1", update))["status"] == "PENDING"
    await start_runner()
    assert (await rows.outcome(update))["result"] == "it has them when it starts next"


async def test_the_api_says_what_is_wrong_before_it_gives_the_command(
    rows: Rows, start_runner: StartRunner, manager: Any, token_of: Any
) -> None:
    await running(rows, start_runner, accept_with_live_threshold)
    request = strategy_manager_pb2.UpdateStrategyConfigRequest(config_id="a", update_mask=["threshold"])
    request.config.update({"threshold": 3, "execution_interval": 1})
    command = await manager.UpdateStrategyConfig(request, metadata=token_of("asha"))
    await rows.outcome(command.command_id)
    config = (await rows.config("a"))["config"]
    assert (config["threshold"], config["execution_interval"]) == (3, 5)


async def test_a_poison_strategy_is_quarantined_over_all_runners_and_released_by_a_person(
    rows: Rows, start_runner: StartRunner
) -> None:
    first = await running(rows, start_runner)
    await first.crash_and_restart("a")
    await first.crash_and_restart("a")
    await first.goodbye()
    second = await start_runner("runner-1")
    await eventually(lambda: "a" in second.processes, what="the strategy on the other runner")
    await second.crash_and_restart("a")
    await second.report("a", pb.STRATEGY_EVENT_CRASHED, detail="ValueError: boom")
    quarantined = await rows.state("a", "QUARANTINED")
    assert quarantined["state_reason"].startswith("crashed 4 times")

    await eventually(lambda: second.superseded == ["a"], what="the runner told to give it up")
    assert (await rows.assignment("a"))["instance_id"] is None
    start = await rows.outcome(await rows.command("a", "START"), status="FAILED")
    assert "release it first" in start["result"]
    await rows.outcome(await rows.command("a", "RELEASE"))
    await rows.outcome(await rows.command("a", "START"))
    await second.crash_and_restart("a")  # counted from 0 again

    async def crashed_once_more() -> bool:
        crashes = await rows.all("SELECT 1 FROM strategy_runs WHERE outcome = 'CRASHED'")
        return len(crashes) == 5

    await eventually(crashed_once_more, what="the crash on record")
    await rows.state("a", "RUNNING")
    told = await rows.all("SELECT topic FROM outbox WHERE topic = 'STRATEGY_QUARANTINED'")
    assert len(told) == 1
