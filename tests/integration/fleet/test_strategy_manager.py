"""StrategyManager over gRPC: registration, ownership, commands, lists."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import msgspec
import pytest
from google.protobuf import struct_pb2

from engine_server.instruments.catalog import InstrumentCatalog
from tests.integration.fleet.conftest import Engine, Rows, StartEngine, StartRunner
from tests.integration.fleet.scripted_runner import accept
from tests.support.waiting import eventually
from tradewinds import auth, errors
from tradewinds.database.redis_connection import RedisConnection
from tradewinds.errors import TradewindsError, from_rpc_error
from tradewinds.grpc_server import open_channel
from tradewinds.v1 import strategy_manager_pb2 as pb
from tradewinds.v1 import strategy_manager_pb2_grpc
from tradewinds.v1 import strategy_runner_pb2 as session_pb

Tokens = Callable[..., Any]


def request(config_id: str = "momentum-1", *, config: dict[str, Any] | None = None, **fields: Any) -> Any:
    parameters = struct_pb2.Struct()
    parameters.update(config if config is not None else {"symbols": ["RELIANCE", "tcs"], "execution_interval": 5})
    names = {"module_path": "strategies.momentum", "class_name": "MomentumStrategy"} | fields
    return pb.CreateStrategyConfigRequest(config_id=config_id, config=parameters, **names)


async def refused(call: Any) -> TradewindsError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return from_rpc_error(raised.value)


async def test_a_registered_configuration_is_complete_and_canonical(
    rows: Rows, start_runner: StartRunner, manager: Any, token_of: Tokens
) -> None:
    runner = await start_runner()

    def with_defaults(question: session_pb.Inspect) -> session_pb.InspectResult:
        result = accept(question)
        result.config.update({"lookback": 20})
        return result

    runner.answer = with_defaults
    created = await manager.CreateStrategyConfig(request(), metadata=token_of("asha"))
    assert (created.config_id, created.user_id, created.account_id) == ("momentum-1", "asha", "A1")
    assert list(created.config["symbols"]) == ["NSE:RELIANCE-EQ", "NSE:TCS-EQ"]
    assert (created.state, created.desired_state) == (pb.STRATEGY_STATE_STOPPED, pb.DESIRED_STATE_STOPPED)
    stored = await rows.config("momentum-1")
    assert stored["config"] == {
        "symbols": ["NSE:RELIANCE-EQ", "NSE:TCS-EQ"], "execution_interval": 5, "lookback": 20,
    }  # fmt: skip
    assert isinstance(stored["config"]["execution_interval"], int)
    listed = await manager.ListStrategies(pb.ListStrategiesRequest(), metadata=token_of("bela"))
    [strategy] = listed.strategies
    assert (strategy.module_path, strategy.class_name, strategy.code_hash, strategy.description) == (
        "strategies.momentum", "MomentumStrategy", "c0de", "A strategy.",
    )  # fmt: skip
    [audited] = await rows.all("SELECT actor, subject_id FROM audit_log WHERE action = 'strategy_config.create'")
    assert tuple(audited) == ("asha", "momentum-1")


async def test_without_an_id_one_is_made(rows: Rows, start_runner: StartRunner, manager: Any, token_of: Tokens) -> None:
    await start_runner()
    created = await manager.CreateStrategyConfig(request(""), metadata=token_of("asha"))
    assert created.config_id.startswith("config-")


async def test_the_runner_is_asked_with_the_numbers_as_they_were_written(
    rows: Rows, start_runner: StartRunner, manager: Any, token_of: Tokens
) -> None:
    runner = await start_runner()
    asked: list[session_pb.Inspect] = []

    def remember(question: session_pb.Inspect) -> session_pb.InspectResult:
        asked.append(question)
        return accept(question)

    runner.answer = remember
    await manager.CreateStrategyConfig(
        request(config={"n": 5, "x": 0.5, "deep": {"m": [1]}}), metadata=token_of("asha")
    )
    assert msgspec.json.decode(asked[0].config_json) == {"n": 5, "x": 0.5, "deep": {"m": [1]}}
    assert b'"n":5,' in asked[0].config_json.encode() or b'"n":5}' in asked[0].config_json.encode()


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (request("Momentum_1"), "config_id"),
        (request(module_path="os; rm"), "module_path"),
        (request(class_name=""), "class_name"),
        (request(account_id="B1"), "account_id"),
        (request(config={"symbols": ["RELIANCE", "RELAINCE"]}), "config.symbols[1]"),
        (request(config={"symbol": "NOSUCH"}), "config.symbol"),
        (request(config={"symbols": ["TCS", "NSE:TCS-EQ"]}), "config.symbols[1]"),
    ],
)
async def test_a_bad_field_is_named_and_nothing_is_stored(
    rows: Rows, start_runner: StartRunner, manager: Any, token_of: Tokens, bad: Any, field: str
) -> None:
    await start_runner()
    error = await refused(manager.CreateStrategyConfig(bad, metadata=token_of("asha")))
    assert isinstance(error, errors.InvalidArgumentError)
    assert [violation.field for violation in error.violations] == [field]
    assert await rows.all("SELECT 1 FROM strategy_configs") == []
    assert await rows.all("SELECT 1 FROM strategies") == []


async def test_an_unknown_symbol_is_answered_with_what_is_near(
    rows: Rows, start_runner: StartRunner, manager: Any, token_of: Tokens
) -> None:
    await start_runner()
    bad = request(config={"symbols": ["RELAINCE"]})
    error = await refused(manager.CreateStrategyConfig(bad, metadata=token_of("asha")))
    assert "did you mean NSE:RELIANCE-EQ" in error.message


@pytest.mark.parametrize("field", ["module_path", "class_name", "config.lookback"])
async def test_what_the_runner_finds_wrong_is_said_by_field(
    rows: Rows, start_runner: StartRunner, manager: Any, token_of: Tokens, field: str
) -> None:
    runner = await start_runner()
    runner.answer = lambda question: session_pb.InspectResult(
        inspection_id=question.inspection_id, error="it is wrong", error_field=field
    )
    error = await refused(manager.CreateStrategyConfig(request(), metadata=token_of("asha")))
    assert [(v.field, v.description) for v in error.violations] == [(field, "it is wrong")]
    assert await rows.all("SELECT 1 FROM strategy_configs") == []


async def test_the_account_must_be_said_where_there_are_several_and_exist_where_there_is_none(
    rows: Rows, start_runner: StartRunner, manager: Any, token_of: Tokens
) -> None:
    await start_runner()
    several = await refused(manager.CreateStrategyConfig(request(), metadata=token_of("bela")))
    assert "several accounts, say which: B1, B2" in several.message
    none = await refused(manager.CreateStrategyConfig(request(), metadata=token_of("chand")))
    assert "has no broker account" in none.message
    stranger = await refused(manager.CreateStrategyConfig(request(), metadata=token_of("nobody")))
    assert [v.field for v in stranger.violations] == ["user_id"]
    created = await manager.CreateStrategyConfig(request(account_id="B2"), metadata=token_of("bela"))
    assert created.account_id == "B2"


async def test_for_another_user_the_role_operator_is_needed(
    rows: Rows, start_runner: StartRunner, manager: Any, token_of: Tokens
) -> None:
    await start_runner()
    theirs = request(user_id="asha")
    error = await refused(manager.CreateStrategyConfig(theirs, metadata=token_of("bela")))
    assert isinstance(error, errors.PermissionDeniedError)
    operator = token_of("bela", auth.TRADER, auth.OPERATOR)
    assert (await manager.CreateStrategyConfig(theirs, metadata=operator)).user_id == "asha"


async def test_without_a_runner_nothing_can_be_registered(rows: Rows, manager: Any, token_of: Tokens) -> None:
    error = await refused(manager.CreateStrategyConfig(request(), metadata=token_of("asha")))
    assert (type(error), error.reason) == (errors.UnavailableError, "NO_RUNNER")


async def test_a_runner_that_leaves_while_it_is_asked_is_no_runner(
    rows: Rows, start_runner: StartRunner, manager: Any, token_of: Tokens
) -> None:
    runner = await start_runner()
    asked = asyncio.Event()

    def silent(_question: session_pb.Inspect) -> None:
        asked.set()

    runner.answer = silent
    call = asyncio.ensure_future(manager.CreateStrategyConfig(request(), metadata=token_of("asha")))
    await asked.wait()
    await runner.vanish()
    error = await refused(call)
    assert (error.reason, "left while it was asked" in error.message) == ("NO_RUNNER", True)


async def test_without_a_scrip_master_symbols_cannot_be_registered(
    rows: Rows, start_engine: StartEngine, start_runner: StartRunner, redis: RedisConnection, token_of: Tokens
) -> None:
    bare = await start_engine("engine-1", instruments=InstrumentCatalog(redis.client))
    bare.hours.missing_master = "that of 2026-11-23 is in force; see GET /v1/feed"
    await start_runner(address=bare.address)
    async with open_channel(bare.address) as channel:
        stub = strategy_manager_pb2_grpc.StrategyManagerStub(channel)
        error = await refused(stub.CreateStrategyConfig(request(), metadata=token_of("asha")))
        assert (type(error), error.reason) == (errors.PreconditionError, "SCRIP_MASTER_NOT_IN")
        assert error.message.endswith("is in: that of 2026-11-23 is in force; see GET /v1/feed")
        await stub.CreateStrategyConfig(request(config={"n": 1}), metadata=token_of("asha"))


async def test_the_same_request_id_makes_one_configuration(
    rows: Rows, start_runner: StartRunner, manager: Any, token_of: Tokens
) -> None:
    runner = await start_runner()
    again = request("", request_id="r1")
    first = await manager.CreateStrategyConfig(again, metadata=token_of("asha"))
    await runner.goodbye()  # the answer is remembered: nobody needs to be asked again
    second = await manager.CreateStrategyConfig(again, metadata=token_of("asha"))
    assert second == first
    assert len(await rows.all("SELECT 1 FROM strategy_configs")) == 1
    other = await refused(manager.CreateStrategyConfig(request("x", request_id="r1"), metadata=token_of("asha")))
    assert other.reason == "REQUEST_ID_REUSED"


async def test_two_requests_of_one_id_at_once_make_one_configuration(
    rows: Rows, start_runner: StartRunner, manager: Any, token_of: Tokens
) -> None:
    await start_runner()
    both = await asyncio.gather(
        *(manager.CreateStrategyConfig(request("", request_id="r1"), metadata=token_of("asha")) for _ in range(2))
    )
    assert both[0].config_id == both[1].config_id


async def test_an_id_that_is_taken_is_refused(
    rows: Rows, start_runner: StartRunner, manager: Any, token_of: Tokens
) -> None:
    await start_runner()
    await manager.CreateStrategyConfig(request(), metadata=token_of("asha"))
    error = await refused(manager.CreateStrategyConfig(request(account_id="B1"), metadata=token_of("bela")))
    assert isinstance(error, errors.AlreadyExistsError)


async def test_commands_through_the_api_are_rows_with_issuer_and_reason(
    rows: Rows, start_runner: StartRunner, manager: Any, token_of: Tokens
) -> None:
    await start_runner()
    await rows.add_config("a")
    started = await manager.StartStrategy(
        pb.StartStrategyRequest(config_id="a", reason="open", request_id="s1"), metadata=token_of("asha")
    )
    assert (started.status, started.verb, started.issuer, started.reason) == (
        pb.COMMAND_STATUS_PENDING, pb.COMMAND_VERB_START, "asha", "open",
    )  # fmt: skip
    again = await manager.StartStrategy(
        pb.StartStrategyRequest(config_id="a", reason="open", request_id="s1"), metadata=token_of("asha")
    )
    assert again.command_id == started.command_id

    async def done() -> bool:
        command = await manager.GetCommand(
            pb.GetCommandRequest(command_id=started.command_id), metadata=token_of("asha")
        )
        return bool(command.status == pb.COMMAND_STATUS_DONE)

    await eventually(done)
    await manager.RestartStrategy(pb.RestartStrategyRequest(config_id="a"), metadata=token_of("asha"))
    await manager.StopStrategy(pb.StopStrategyRequest(config_id="a"), metadata=token_of("asha"))
    await rows.state("a", "STOPPED")
    assert len(await rows.all("SELECT 1 FROM strategy_commands")) == 3


async def test_another_users_things_are_not_found(
    rows: Rows, start_runner: StartRunner, manager: Any, token_of: Tokens
) -> None:
    await rows.add_config("a")
    command_id = str(await rows.command("a", "STOP"))
    for call in (
        manager.GetStrategyConfig(pb.GetStrategyConfigRequest(config_id="a"), metadata=token_of("bela")),
        manager.DeleteStrategyConfig(pb.DeleteStrategyConfigRequest(config_id="a"), metadata=token_of("bela")),
        manager.StartStrategy(pb.StartStrategyRequest(config_id="a"), metadata=token_of("bela")),
        manager.GetCommand(pb.GetCommandRequest(command_id=command_id), metadata=token_of("bela")),
        manager.GetCommand(pb.GetCommandRequest(command_id="not-a-uuid"), metadata=token_of("asha")),
        manager.GetStrategyConfig(pb.GetStrategyConfigRequest(config_id="none"), metadata=token_of("asha")),
    ):
        assert isinstance(await refused(call), errors.NotFoundError)
    listed = await manager.ListCommands(pb.ListCommandsRequest(), metadata=token_of("bela"))
    assert list(listed.commands) == []
    operator = token_of("ops", auth.OPERATOR)
    await manager.GetStrategyConfig(pb.GetStrategyConfigRequest(config_id="a"), metadata=operator)
    await manager.StartStrategy(pb.StartStrategyRequest(config_id="a"), metadata=operator)


async def test_lists_page_through_everything_once(rows: Rows, engine: Engine, manager: Any, token_of: Tokens) -> None:
    for n in range(5):
        await rows.add_config(f"c{n}")
        await rows.command(f"c{n}", "STOP")
    seen: list[str] = []
    token = ""
    while True:
        page = await manager.ListStrategyConfigs(
            pb.ListStrategyConfigsRequest(page_size=2, page_token=token), metadata=token_of("asha")
        )
        seen += [config.config_id for config in page.strategy_configs]
        if not (token := page.next_page_token):
            break
    assert seen == ["c0", "c1", "c2", "c3", "c4"]
    commands: list[str] = []
    while True:
        listed = await manager.ListCommands(
            pb.ListCommandsRequest(page_size=2, page_token=token), metadata=token_of("asha")
        )
        commands += [command.config_id for command in listed.commands]
        if not (token := listed.next_page_token):
            break
    assert commands == ["c4", "c3", "c2", "c1", "c0"]
    one = await manager.ListCommands(pb.ListCommandsRequest(config_id="c3"), metadata=token_of("asha"))
    assert [command.config_id for command in one.commands] == ["c3"]
    for bad in ("rubbish", "WyJhIiwiYiJd"):
        error = await refused(
            manager.ListStrategyConfigs(pb.ListStrategyConfigsRequest(page_token=bad), metadata=token_of("asha"))
        )
        assert [v.field for v in error.violations] == ["page_token"]


async def test_a_running_one_cannot_be_deleted_and_a_stopped_one_can(
    rows: Rows, start_runner: StartRunner, manager: Any, token_of: Tokens
) -> None:
    await start_runner()
    await rows.add_config("a")
    await rows.outcome(await rows.command("a", "START"))
    delete = pb.DeleteStrategyConfigRequest(config_id="a")
    error = await refused(manager.DeleteStrategyConfig(delete, metadata=token_of("asha")))
    assert error.reason == "STILL_RUNNING"
    await rows.outcome(await rows.command("a", "STOP"))
    await manager.DeleteStrategyConfig(delete, metadata=token_of("asha"))
    assert await rows.config("a") is None


async def test_epochs_and_events_go_on_when_a_deleted_id_is_used_again(
    rows: Rows, start_runner: StartRunner, manager: Any, token_of: Tokens
) -> None:
    runner = await start_runner()
    await manager.CreateStrategyConfig(request(), metadata=token_of("asha"))
    await rows.outcome(await rows.command("momentum-1", "START"))
    await rows.execute(
        "INSERT INTO orders (order_id, account_id, user_id, config_id, request_key, request_id, body_sha256, instrument,"
        " side, quantity, order_type, product, state, tag) VALUES"
        " ('o', 'A1', 'asha', 'momentum-1', 'k', 'k', '', 'NSE:TCS-EQ', 'BUY', 1, 'LIMIT', 'MIS', 'FILLED', 't')"
    )
    await rows.execute(
        "INSERT INTO order_events (account_id, sequence, order_id, config_id, config_sequence, kind, state, payload)"
        " VALUES ('A1', 1, 'o', 'momentum-1', 8, 'x', 'FILLED', '{}')"
    )
    await rows.outcome(await rows.command("momentum-1", "STOP"))
    await manager.DeleteStrategyConfig(
        pb.DeleteStrategyConfigRequest(config_id="momentum-1"), metadata=token_of("asha")
    )
    assert len(await rows.all("SELECT 1 FROM orders")) == 1
    taken = await refused(manager.CreateStrategyConfig(request(account_id="B1"), metadata=token_of("bela")))
    assert isinstance(taken, errors.AlreadyExistsError)
    await manager.CreateStrategyConfig(request(), metadata=token_of("asha"))
    await rows.outcome(await rows.command("momentum-1", "START"))
    assert (runner.directives[-1].epoch, runner.directives[-1].last_event_sequence) == (2, 8)
    assert runner.directives[-1].state_json == ""
