"""Two engines: one leads, the other takes over; what one cannot answer it passes on."""

from __future__ import annotations

from typing import Any

from google.protobuf import struct_pb2

from tests.integration.fleet.conftest import Engine, Rows, StartEngine, StartRunner
from tests.support.waiting import eventually
from tradewinds.grpc_server import open_channel
from tradewinds.v1 import strategy_manager_pb2, strategy_manager_pb2_grpc


async def leader(rows: Rows) -> str:
    row = await rows.one("SELECT engine_id FROM fleet_leader WHERE expires_at > clock_timestamp()")
    return str(row["engine_id"]) if row is not None else ""


async def test_a_leader_that_goes_is_followed_at_once_and_one_that_vanishes_after_its_lease(
    rows: Rows, engine: Engine, start_engine: StartEngine, start_runner: StartRunner
) -> None:
    await eventually(lambda: engine.fleet.leadership.is_held, what="the first engine leads")
    second = await start_engine("engine-1")
    await rows.add_config("a")
    runner = await start_runner(address=second.address)
    await rows.outcome(await rows.command("a", "START"))
    epoch = (await rows.one("SELECT epoch FROM fleet_leader"))["epoch"]
    await engine.stop()

    async def second_leads() -> bool:
        return await leader(rows) == "engine-1"

    await eventually(second_leads, what="the second engine leads")
    await rows.outcome(await rows.command("a", "PAUSE"))
    assert (await rows.one("SELECT epoch FROM fleet_leader"))["epoch"] == epoch + 1
    assert (await rows.assignment("a"))["epoch"] == 1
    assert runner.superseded == []


async def test_a_leader_whose_lease_somebody_else_took_decides_nothing(
    rows: Rows, engine: Engine, start_runner: StartRunner
) -> None:
    await rows.add_config("a")
    await start_runner()
    await eventually(lambda: engine.fleet.leadership.is_held, what="the engine leads")
    await rows.execute(
        "UPDATE fleet_leader SET engine_id = 'engine-9', epoch = epoch + 1, expires_at = clock_timestamp() + interval '3 s'"
    )
    command = await rows.command("a", "START")
    row = await rows.one("SELECT status FROM strategy_commands WHERE command_id = $1", command)
    assert row["status"] == "PENDING"
    took = await rows.outcome(command, timeout=15)  # engine-9 is not there: its lease runs out
    wait = await rows.one(
        "SELECT extract(epoch FROM $1::timestamptz - $2::timestamptz) AS s", took["claimed_at"], took["created_at"]
    )
    assert wait["s"] > 2


async def test_an_engine_without_runners_asks_one_that_has_some(
    rows: Rows, engine: Engine, start_engine: StartEngine, start_runner: StartRunner, token_of: Any
) -> None:
    second = await start_engine("engine-1")
    await start_runner(address=engine.address)

    async def engines_are_known() -> bool:
        return len(await rows.all("SELECT 1 FROM engine_leases")) == 2

    await eventually(engines_are_known)
    config = struct_pb2.Struct()
    config.update({"symbols": ["RELIANCE"]})
    request = strategy_manager_pb2.CreateStrategyConfigRequest(
        config_id="b", module_path="strategies.momentum", class_name="MomentumStrategy", config=config, request_id="r1"
    )
    async with open_channel(second.address) as channel:
        stub = strategy_manager_pb2_grpc.StrategyManagerStub(channel)
        created = await stub.CreateStrategyConfig(request, metadata=token_of("asha"))
        again = await stub.CreateStrategyConfig(request, metadata=token_of("asha"))
    assert (created.config_id, created.user_id, again) == ("b", "asha", created)
