"""The kill switch over a real PostgreSQL and a scripted broker: who is stopped, who acknowledges, what is cancelled and closed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc
import pytest

from engine_server.broker.port import PositionReport, Refused, ReportStatus
from engine_server.broker.scripted import ScriptedBroker
from tests.integration.oms.engine import (
    ACCOUNT,
    FRESH,
    Engine,
    MemoryFence,
    add_account,
    add_strategy,
    running_engine,
)
from tests.integration.oms.risk_server import Operations, serving_operations
from tests.support.waiting import eventually
from tests.unit.oms.orders import RELIANCE
from tradewinds import auth, errors
from tradewinds.database.session import Database
from tradewinds.v1 import risk_pb2 as pb


@pytest.fixture
def fence() -> MemoryFence:
    return MemoryFence()


@pytest.fixture
async def killable(database: Database, broker: ScriptedBroker, fence: MemoryFence) -> AsyncIterator[Engine]:
    await add_account(database)
    await add_strategy(database)
    async with running_engine(database, broker, fence=fence, ttl_seconds=6) as engine:
        yield engine


@pytest.fixture
async def operations(killable: Engine, tmp_path: Path, fence: MemoryFence) -> AsyncIterator[Operations]:
    async with serving_operations(killable, tmp_path, fence) as operations:
        yield operations


async def engage(operations: Operations, action: str, *, who: str = "asha", **changes: Any) -> Any:
    fields = {"scope": "RISK_SCOPE_ACCOUNT", "subject_id": ACCOUNT, "reason": "drill", **changes}
    request = pb.EngageKillSwitchRequest(action=f"KILL_ACTION_{action}", **fields)
    return await operations.stub.EngageKillSwitch(request, metadata=operations.as_(who))


async def until_done(operations: Operations, kill_id: str) -> Any:
    async def done() -> Any:
        request = pb.GetKillSwitchRequest(kill_id=kill_id)
        kill = await operations.stub.GetKillSwitch(request, metadata=operations.as_("asha"))
        assert kill.done, kill
        return kill

    return await eventually(done, timeout=20, what=f"{kill_id} is proven at the broker")


async def failure(call: Any) -> errors.TradewindsError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return errors.from_rpc_error(raised.value)


async def bought(engine: Engine, broker: ScriptedBroker, quantity: int = 10, **changes: Any) -> None:
    order = await engine.place_for("momo", 1, quantity=quantity, **changes)
    broker.fill(await engine.accepted(order), quantity, "1400")
    await engine.wait_for(order.order_id, "FILLED")


def position(net: int) -> PositionReport:
    return PositionReport("NSE", RELIANCE.token, "MIS", net, max(net, 0), 0, Decimal(0), Decimal(0), Decimal(0))


async def test_a_halt_stops_entries_and_strategies_and_lets_exits_and_cancels_pass(
    killable: Engine, broker: ScriptedBroker, operations: Operations
) -> None:
    await bought(killable, broker)
    await killable.database.pool.execute("UPDATE strategy_configs SET desired_state = 'RUNNING'")
    resting = await killable.place_for("momo", 1, price=Decimal(1300))
    await killable.accepted(resting)
    kill = await engage(operations, "HALT")
    (progress,) = kill.progress
    assert progress.HasField("acknowledged_at")
    assert not progress.HasField("fenced_at")
    denied = await killable.place_for("momo", 1)
    assert (denied.state, denied.reason) == ("DENIED", "TRADING_HALTED")
    assert "drill" in denied.message
    assert (await killable.place()).reason == "TRADING_HALTED"
    assert (await killable.place_for("momo", 1, side="SELL")).state == "SUBMITTING"
    assert (await killable.order(resting.order_id)).state == "OPEN"  # what rests is left alone
    await killable.cancel(resting.order_id)
    await killable.wait_for(resting.order_id, "CANCELLED")
    (command,) = await killable.rows("SELECT verb, issuer, reason FROM strategy_commands")
    assert command == {"verb": "STOP", "issuer": f"kill:{kill.kill_id}", "reason": "drill"}
    (told,) = await killable.rows("SELECT topic FROM outbox WHERE topic = 'KILL_SWITCH_ENGAGED'")
    assert told
    (audited,) = await killable.rows("SELECT actor, reason, source FROM audit_log WHERE action = 'kill_switch.engage'")
    assert (audited["actor"], audited["reason"]) == ("asha", "drill")
    assert "127.0.0.1" in audited["source"]


async def test_a_strategys_kill_switch_leaves_the_others_alone(killable: Engine, operations: Operations) -> None:
    await add_strategy(killable.database, "other")
    await engage(operations, "REDUCE_ONLY", scope="RISK_SCOPE_STRATEGY", subject_id="momo")
    assert (await killable.place_for("momo", 1)).reason == "TRADING_REDUCE_ONLY"
    assert (await killable.place_for("other", 1)).state == "SUBMITTING"
    assert (await killable.place()).state == "SUBMITTING"
    assert await killable.rows("SELECT 1 FROM strategy_commands") == []


async def test_cancel_all_cancels_what_works_and_proves_it(
    killable: Engine, broker: ScriptedBroker, operations: Operations
) -> None:
    orders = [await killable.place_for("momo", 1, price=Decimal(1300 + n)) for n in range(5)]
    orders.append(await killable.place(price=Decimal(1299)))
    for order in orders:
        await killable.accepted(order)
    kill = await until_done(operations, (await engage(operations, "CANCEL_ALL")).kill_id)
    assert (kill.progress[0].open_orders, kill.progress[0].open_positions) == (0, 0)
    assert len(broker.cancels_sent) == len(orders)
    audited = await killable.rows("SELECT DISTINCT actor, reason FROM audit_log WHERE action = 'order.cancel'")
    assert audited == [{"actor": f"kill:{kill.kill_id}", "reason": "drill"}]


async def test_a_cancel_that_the_broker_refuses_is_said_and_not_called_done(
    killable: Engine, broker: ScriptedBroker, operations: Operations
) -> None:
    order = await killable.place(price=Decimal(1300))
    broker_order_id = await killable.accepted(order)
    broker.cancels.extend([Refused("AB1012", "Order is being processed")] * 200)
    kill_id = (await engage(operations, "CANCEL_ALL")).kill_id
    await eventually(lambda: len(broker.cancels_sent) > 1, what="it is asked again")
    request = pb.GetKillSwitchRequest(kill_id=kill_id)
    kill = await operations.stub.GetKillSwitch(request, metadata=operations.as_("asha"))
    assert (kill.done, kill.progress[0].open_orders) == (False, 1)
    broker.cancels.clear()
    broker.report(broker_order_id, status=ReportStatus.CANCELLED, raw_status="cancelled")
    await until_done(operations, kill_id)


async def test_a_square_off_cancels_buys_shorts_back_then_sells_longs(
    killable: Engine, broker: ScriptedBroker, operations: Operations
) -> None:
    await bought(killable, broker)
    short = await killable.place_for(
        "momo", 1, instrument="NFO:NIFTY24NOV26FUT", side="SELL", quantity=65, product="NRML"
    )
    broker.fill(await killable.accepted(short), 65, "1400")
    await killable.wait_for(short.order_id, "FILLED")
    resting = await killable.place(price=Decimal(1300))
    await killable.accepted(resting)
    sent = len(broker.sent)
    kill_id = (await engage(operations, "SQUARE_OFF")).kill_id
    await killable.wait_for(resting.order_id, "CANCELLED")
    await eventually(lambda: len(broker.sent) == sent + 1, what="the first exit")
    assert (broker.sent[-1].instrument.symbol, broker.sent[-1].side) == ("NIFTY24NOV26FUT", "BUY")
    await _filled(killable, broker, "BUY", 65)
    await eventually(lambda: len(broker.sent) == sent + 2, what="the second exit")
    assert (broker.sent[-1].instrument.symbol, broker.sent[-1].side) == ("RELIANCE-EQ", "SELL")
    await _filled(killable, broker, "SELL", 10)
    kill = await until_done(operations, kill_id)
    assert (kill.progress[0].open_orders, kill.progress[0].open_positions, kill.progress[0].problem) == (0, 0, "")
    books = await killable.rows("SELECT config_id, net_quantity FROM positions WHERE net_quantity <> 0")
    assert books == []  # the strategy's own book as well


async def _filled(engine: Engine, broker: ScriptedBroker, side: str, quantity: int) -> None:
    (row,) = await engine.rows("SELECT order_id FROM orders WHERE request_id LIKE 'kill-%' AND side = $1", side)
    order = await engine.wait_for(row["order_id"], "OPEN")
    broker.fill(order.broker_order_id or "", quantity, "1400")


async def test_a_position_that_the_broker_still_has_is_said(
    killable: Engine, broker: ScriptedBroker, operations: Operations
) -> None:
    await bought(killable, broker)
    broker.position_reports = [position(10)]
    kill_id = (await engage(operations, "SQUARE_OFF")).kill_id
    await eventually(lambda: broker.sent[-1].side == "SELL", what="the exit")
    await _filled(killable, broker, "SELL", 10)

    async def said() -> bool:
        (row,) = await killable.rows("SELECT problem FROM kill_progress")
        assert "the broker has 10 of NSE:RELIANCE-EQ MIS, our books 0" in row["problem"]
        return True

    await eventually(said, what="the difference is said")
    broker.position_reports = [position(0)]
    await until_done(operations, kill_id)


async def test_an_exit_without_a_price_waits_and_says_so(
    killable: Engine, broker: ScriptedBroker, operations: Operations
) -> None:
    await bought(killable, broker)
    killable.quotes.last = None
    await engage(operations, "SQUARE_OFF")

    async def said() -> bool:
        (row,) = await killable.rows("SELECT problem, open_positions FROM kill_progress")
        assert ("no quote" in row["problem"], row["open_positions"]) == (True, 1)
        return True

    await eventually(said, what="the missing quote is said")
    killable.quotes.last = FRESH
    await eventually(lambda: broker.sent[-1].side == "SELL", what="the exit goes")


async def test_a_writer_that_is_blocked_does_not_delay_a_kill_and_is_fenced_off(
    killable: Engine, operations: Operations, fence: MemoryFence
) -> None:
    async with killable.database.pool.acquire() as blocker, blocker.transaction():
        await blocker.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        waiting = asyncio.create_task(killable.place())
        await eventually(lambda: blocker.fetchval(_BLOCKED), what="the writer hangs in its commit")
        started = time.monotonic()
        kill = await engage(operations, "HALT")
        elapsed = time.monotonic() - started
        (progress,) = kill.progress
        assert progress.HasField("fenced_at")
        assert fence.fences.in_force[ACCOUNT].epoch == 2
        assert not fence.fences.admits(ACCOUNT, 1)
    assert elapsed < 5  # 250 ms and what a loaded machine adds; the writer hung all the time
    await asyncio.gather(waiting, return_exceptions=True)
    # The next owner begins with the kill switch in force.
    await eventually(lambda: fence.fences.in_force[ACCOUNT].epoch > 2, timeout=20, what="another owner")
    await killable.wait_until_open()
    assert (await killable.place()).reason == "TRADING_HALTED"


async def test_after_a_square_off_and_a_restart_a_strategys_entries_are_denied(
    database: Database, broker: ScriptedBroker, fence: MemoryFence, tmp_path: Path
) -> None:
    await add_account(database)
    await add_strategy(database)
    async with (
        running_engine(database, broker, fence=fence) as first,
        serving_operations(first, tmp_path, fence) as operations,
    ):
        await until_done(operations, (await engage(operations, "SQUARE_OFF")).kill_id)
    async with running_engine(database, broker, fence=fence, owner="engine-1") as second:
        denied = await second.place_for("momo", 1)
        assert (denied.state, denied.reason, "SQUARE_OFF" in denied.message) == ("DENIED", "TRADING_HALTED", True)
        assert broker.sent == []


_BLOCKED = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'orders'::regclass"


async def test_a_release_is_a_decision_that_waits_and_strategies_stay_stopped(
    killable: Engine, operations: Operations
) -> None:
    kill = await engage(operations, "HALT")
    asha, ops = operations.as_("asha"), operations.as_("ops", auth.OPERATOR)
    refused = await failure(
        operations.stub.ReleaseKillSwitch(pb.ReleaseKillSwitchRequest(kill_id=kill.kill_id), metadata=asha)
    )
    assert refused.reason == "PERMISSION_DENIED"
    silent = await failure(
        operations.stub.ReleaseKillSwitch(pb.ReleaseKillSwitchRequest(kill_id=kill.kill_id), metadata=ops)
    )
    assert silent.violations[0].field == "reason"
    request = pb.ReleaseKillSwitchRequest(kill_id=kill.kill_id, reason="looked at it")
    waiting = await operations.stub.ReleaseKillSwitch(request, metadata=ops)
    assert waiting.pending_release.approvals == ["ops"]
    assert not waiting.HasField("released_at")

    async def released() -> bool:
        (row,) = await killable.rows("SELECT released_by, release_reason FROM kill_switches")
        assert row == {"released_by": "ops", "release_reason": "looked at it"}
        return True

    await eventually(released, what="the cool-off is over")
    told = await killable.rows("SELECT payload FROM outbox WHERE topic = 'KILL_SWITCH_RELEASED'")
    assert {row["payload"]["message"] for row in told} == {"released by ops: looked at it"}
    assert len({row["payload"]["user_id"] for row in told}) == len(told) > 0

    async def trades_again() -> bool:
        return (await killable.place()).state == "SUBMITTING"

    await eventually(trades_again, what="entries pass")
    again = await failure(operations.stub.ReleaseKillSwitch(request, metadata=ops))
    assert again.reason == "KILL_RELEASED"
    started = await killable.rows("SELECT verb FROM strategy_commands WHERE verb <> 'STOP'")
    assert started == []


async def test_who_may_stop_what(killable: Engine, operations: Operations) -> None:
    assert (await failure(engage(operations, "HALT", who="ravi"))).reason == "NOT_FOUND"
    everybody = {"scope": "RISK_SCOPE_GLOBAL", "subject_id": ""}
    assert (await failure(engage(operations, "HALT", **everybody))).reason == "PERMISSION_DENIED"
    bad = await failure(engage(operations, "HALT", reason=" "))
    assert bad.violations[0].field == "reason"
    request = pb.EngageKillSwitchRequest(action="KILL_ACTION_HALT", scope="RISK_SCOPE_GLOBAL", reason="storm")
    kill = await operations.stub.EngageKillSwitch(request, metadata=operations.as_("ops", auth.OPERATOR))
    assert [one.account_id for one in kill.progress] == [ACCOUNT]
    listed = await operations.stub.ListKillSwitches(pb.ListKillSwitchesRequest(), metadata=operations.as_("asha"))
    assert [one.kill_id for one in listed.kill_switches] == [kill.kill_id]


async def test_a_plain_insert_engages_as_well(killable: Engine) -> None:
    await killable.database.pool.execute(
        "INSERT INTO kill_switches (kill_id, scope, action, reason) VALUES ('by-hand', 'GLOBAL', 'HALT', 'psql')"
    )

    async def stopped() -> bool:
        return (await killable.place()).reason == "TRADING_HALTED"

    await eventually(stopped, what="entries stop")
