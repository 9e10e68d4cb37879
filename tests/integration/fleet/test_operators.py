"""What operators do and look at: cordon, drain, runs, metrics, and following strategies."""

from __future__ import annotations

from typing import Any

import pytest

from engine_server.fleet import history
from engine_server.fleet.cordons import Cordons
from tests.integration.fleet.conftest import Engine, Rows, StartRunner
from tests.support.waiting import eventually
from tradewinds.errors import NotFoundError
from tradewinds.v1 import strategy_manager_pb2 as pb
from tradewinds.v1 import strategy_runner_pb2


@pytest.fixture
def cordons(engine: Engine) -> Cordons:
    return Cordons(engine.database)


async def test_a_cordoned_runner_gets_nothing_new_and_keeps_what_it_has(
    rows: Rows, start_runner: StartRunner, cordons: Cordons
) -> None:
    await rows.add_config("a")
    await rows.add_config("b")
    first = await start_runner()
    await rows.outcome(await rows.command("a", "START"))
    await cordons.cordon("runner-0", is_drained=False, reason="disk is full", actor="op")
    command = await rows.command("b", "START")

    async def says_why() -> bool:
        reason = (await rows.config("b"))["state_reason"]
        return bool(reason == "every runner is set aside: runner-0 (disk is full); uncordon one or add runners")

    await eventually(says_why)
    assert list(first.processes) == ["a"]
    await first.reconnect()  # it stays cordoned
    second = await start_runner("runner-1")
    await rows.outcome(command)
    assert list(second.processes) == ["b"]
    await cordons.uncordon("runner-0", reason="", actor="op")
    actions = [row["action"] for row in await rows.all("SELECT action FROM audit_log WHERE subject_type = 'runner'")]
    assert actions == ["runner.cordon", "runner.uncordon"]


async def test_a_drained_runner_is_told_once_and_its_successor_is_not(
    rows: Rows, start_runner: StartRunner, cordons: Cordons
) -> None:
    await rows.add_config("a")
    first = await start_runner()
    await rows.outcome(await rows.command("a", "START"))
    second = await start_runner("runner-1")
    await cordons.cordon("runner-0", is_drained=True, reason="kernel", actor="op")
    await eventually(lambda: first.drained == ["kernel"], what="the drain at the runner")
    await first.report("a", strategy_runner_pb2.STRATEGY_EVENT_STOPPED, detail="it goes on elsewhere")
    await first.goodbye()
    await eventually(lambda: "a" in second.processes, what="the strategy on the other runner")
    successor = await start_runner()
    await rows.add_config("b")
    await rows.outcome(await rows.command("b", "START"))
    assert (successor.drained, successor.processes) == ([], {})


async def test_what_is_not_there_cannot_be_cordoned(cordons: Cordons, rows: Rows) -> None:
    with pytest.raises(NotFoundError, match="no runner 'runner-9' is connected"):
        await cordons.cordon("runner-9", is_drained=False, reason="", actor="op")
    with pytest.raises(NotFoundError, match="is not cordoned"):
        await cordons.uncordon("runner-9", reason="", actor="op")


async def test_runs_page_from_the_newest_and_say_which_code_ran(
    rows: Rows, start_runner: StartRunner, manager: Any, token_of: Any
) -> None:
    await rows.add_config("a")
    runner = await start_runner()
    await rows.outcome(await rows.command("a", "START"))
    await runner.crash_and_restart("a")
    await rows.outcome(await rows.command("a", "RESTART"))
    token, seen = "", []
    while True:
        request = pb.ListRunsRequest(config_id="a", page_size=1, page_token=token)
        page = await manager.ListRuns(request, metadata=token_of("asha"))
        seen += [(run.outcome, run.code_hash) for run in page.runs]
        token = page.next_page_token
        if not token:
            break
    assert seen == [("RUNNING", "c0de"), ("STOPPED", "c0de"), ("CRASHED", "c0de")]
    config = await manager.GetStrategyConfig(pb.GetStrategyConfigRequest(config_id="a"), metadata=token_of("asha"))
    assert config.running_code_hash == "c0de"


async def test_metrics_are_listed_and_only_the_newest_kept(
    rows: Rows, engine: Engine, manager: Any, token_of: Any
) -> None:
    await rows.add_config("a")
    await rows.execute(
        "INSERT INTO strategy_metrics (config_id, name, recorded_at, value)"
        " SELECT 'a', m, timestamptz '2024-01-01' + n * interval '1 s', n FROM generate_series(1, 10) n, unnest(ARRAY['pnl', 'x']) m"
    )
    await history.trim_metrics(engine.database, kept=4)
    request = pb.ListMetricsRequest(config_id="a", name="pnl", page_size=3)
    first = await manager.ListMetrics(request, metadata=token_of("asha"))
    request.page_token = first.next_page_token
    second = await manager.ListMetrics(request, metadata=token_of("asha"))
    assert [value.value for value in (*first.values, *second.values)] == [10, 9, 8, 7]
    assert second.next_page_token == ""


async def test_a_watcher_sees_all_then_what_changes_then_what_is_gone_then_the_end(
    rows: Rows, engine: Engine, start_runner: StartRunner, manager: Any, token_of: Any
) -> None:
    await rows.add_config("a")
    await rows.execute(
        "INSERT INTO strategy_configs (config_id, user_id, account_id, module_path, class_name, config)"
        " VALUES ('hers', 'bela', 'B1', 'strategies.momentum', 'MomentumStrategy', '{}')"
    )
    stream = manager.WatchStrategies(pb.WatchStrategiesRequest(), metadata=token_of("asha"))
    seen: list[Any] = []

    async def until(reached: Any) -> None:
        async for response in stream:
            seen.append(response)
            if reached(response):
                return

    await until(lambda r: [c.config_id for c in r.strategy_configs] == ["a"])
    assert seen[-1].strategy_configs[0].state == pb.STRATEGY_STATE_STOPPED
    await start_runner()
    await rows.command("a", "START")
    await until(lambda r: any(c.state == pb.STRATEGY_STATE_RUNNING for c in r.strategy_configs))
    await until(lambda r: not r.strategy_configs and not r.deleted_config_ids)  # a beat
    await rows.outcome(await rows.command("a", "STOP"))
    await manager.DeleteStrategyConfig(pb.DeleteStrategyConfigRequest(config_id="a"), metadata=token_of("asha"))
    await until(lambda r: list(r.deleted_config_ids) == ["a"])
    engine.stopping.set()
    await until(lambda r: r.HasField("end"))
    assert {c.config_id for response in seen for c in response.strategy_configs} == {"a"}
