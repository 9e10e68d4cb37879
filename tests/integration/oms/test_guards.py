"""Guards: an exit at the exchange that follows what is open and outlives everybody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from engine_server.broker.port import OrderTicket, Outcome, Refused, ReportStatus
from engine_server.broker.scripted import ScriptedBroker
from engine_server.oms import guards
from engine_server.oms.domain import chasing, guarding
from engine_server.oms.domain.protection import Quote
from notifier.types import TYPES
from tests.integration.oms.engine import Engine, add_account, add_strategy, running_engine
from tests.integration.oms.test_changes_and_exits import opened
from tests.integration.oms.test_external_and_reconciliation import position
from tests.integration.oms.test_trading_rpc import failure
from tests.integration.oms.trading_server import Trading, serving
from tests.support.readable import unreadable
from tests.support.waiting import eventually
from tradewinds.database.session import Database
from tradewinds.v1 import trading_pb2 as pb


def at(price: str) -> Quote:
    return Quote(Decimal(price), Decimal(price), Decimal(price) + Decimal("0.05"), 0.1)


@pytest.fixture
async def trading(engine: Engine, tmp_path: Path) -> AsyncIterator[Trading]:
    async with serving(engine, tmp_path) as trading:
        yield trading


def protect(**changes: object) -> pb.CreateGuardRequest:
    fields = {"config_id": "momo", "epoch": 1, "instrument": "RELIANCE", "stop_price": "1380"}
    return pb.CreateGuardRequest(**{**fields, **changes})  # type: ignore[arg-type]


async def test_a_guard_follows_fills_moves_and_ends_with_the_position(
    engine: Engine, broker: ScriptedBroker, trading: Trading
) -> None:
    engine.quotes.last = at("1400")
    await add_strategy(engine.database)
    runner = trading.as_("runner-0", "runner")
    nothing = await failure(trading.stub.CreateGuard(protect(), metadata=runner))
    assert "nothing to guard" in nothing.message
    entry = await engine.place_for("momo", 1)
    entry_id = await engine.accepted(entry)
    guard = await trading.stub.CreateGuard(protect(), metadata=runner)
    assert guard.state == "WAITING"
    broker.fill(entry_id, 4, "1400")
    await eventually(lambda: len(broker.sent) == 2)
    stop = broker.sent[1]
    assert (stop.side, stop.quantity, stop.order_type, stop.trigger_price) == ("SELL", 4, "SL", Decimal(1380))
    broker.fill(entry_id, 10, "1400")
    await eventually(lambda: [change.quantity for change in broker.changes_sent] == [10])
    moved = await trading.stub.CreateGuard(protect(stop_price="1390"), metadata=runner)
    assert moved.guard_id == guard.guard_id
    await eventually(lambda: broker.changes_sent[-1].trigger_price == Decimal(1390))
    stop_id = list(broker.book)[1]
    await eventually(lambda: broker.book[stop_id].trigger_price == Decimal(1390))
    broker.fill(stop_id, 10, "1389")

    async def done() -> bool:
        listed = await trading.stub.ListGuards(pb.ListGuardsRequest(ended=True), metadata=trading.as_("asha", "viewer"))
        return [guard.state for guard in listed.guards] == ["DONE"]

    await eventually(done)
    events = await engine.event_log.read_after("momo", 0, 100)
    assert events[-1].order is not None
    assert events[-1].order.origin == "GUARD"  # the strategy is told
    rows = await engine.rows("SELECT config_id, net_quantity FROM positions")
    assert {row["net_quantity"] for row in rows} == {0}
    assert len(broker.sent) == 2
    (told,) = await engine.rows("SELECT payload FROM outbox WHERE topic = 'GUARD_HIT'")
    assert told["payload"]["title"] == "The stop of NSE:RELIANCE-EQ was hit"


async def test_a_guard_outlives_its_strategy_and_its_engine(
    database: Database, broker: ScriptedBroker, tmp_path: Path
) -> None:
    await add_account(database)
    await add_strategy(database)
    async with running_engine(database, broker) as first, serving(first, tmp_path) as trading:
        first.quotes.last = at("1400")
        await opened(first, broker)
        await trading.stub.CreateGuard(protect(), metadata=trading.as_("runner-0", "runner"))
        await eventually(lambda: len(broker.sent) == 2)
    await database.pool.execute("UPDATE assignments SET instance_id = NULL, epoch = epoch + 1")
    broker.position_reports.append(position(10))
    stop_id = list(broker.book)[1]
    async with running_engine(database, broker, owner="engine-1") as second:
        second.quotes.last = at("1370")  # jumped while nobody looked: its order triggered and rests above the market
        await eventually(lambda: broker.changes_sent)
        assert broker.changes_sent[-1].price < Decimal(1370)
        broker.fill(stop_id, 10, "1368")

        async def done() -> bool:
            return bool((await second.rows("SELECT state FROM guards"))[0]["state"] == "DONE")

        await eventually(done)
    assert len(broker.sent) == 2


async def test_stop_and_target_never_close_more_than_is_open(
    engine: Engine, broker: ScriptedBroker, trading: Trading
) -> None:
    engine.quotes.last = at("1400")
    await add_strategy(engine.database)
    await opened(engine, broker)
    await trading.stub.CreateGuard(protect(target_price="1450"), metadata=trading.as_("runner-0", "runner"))
    await eventually(lambda: len(broker.sent) == 2)
    engine.quotes.last = at("1450")
    await eventually(lambda: len(broker.sent) == 3)
    assert broker.cancels_sent == [list(broker.book)[1]]  # the stop went first
    target = broker.sent[2]
    assert (target.order_type, target.price, target.quantity) == ("LIMIT", Decimal(1450), 10)
    broker.fill(list(broker.book)[2], 10, "1450")

    async def done() -> bool:
        return bool((await engine.rows("SELECT state FROM guards"))[0]["state"] == "DONE")

    await eventually(done)
    assert {row["net_quantity"] for row in await engine.rows("SELECT net_quantity FROM positions")} == {0}
    (told,) = await engine.rows("SELECT payload FROM outbox WHERE topic = 'GUARD_HIT'")
    assert told["payload"]["message"] == "target ₹1,450.00; closing it now"


async def test_an_exit_of_the_strategy_makes_the_guard_step_back(
    engine: Engine, broker: ScriptedBroker, trading: Trading
) -> None:
    engine.quotes.last = at("1400")
    await add_strategy(engine.database)
    await opened(engine, broker)
    await trading.stub.CreateGuard(protect(), metadata=trading.as_("runner-0", "runner"))
    await eventually(lambda: len(broker.sent) == 2)
    await eventually(lambda: len(broker.book) == 2)
    leaving = await engine.place_for("momo", 1, side="SELL", quantity=6, price=Decimal(1399))
    leaving_id = await engine.accepted(leaving)
    assert broker.cancels_sent[0] == list(broker.book)[1]
    await eventually(lambda: len(broker.sent) == 4)  # the guard covers what the exit does not
    assert (broker.sent[3].order_type, broker.sent[3].quantity) == ("SL", 4)
    broker.fill(leaving_id, 6, "1399")
    await engine.wait_for(leaving.order_id, "FILLED")
    rows = await engine.rows("SELECT net_quantity FROM positions WHERE config_id = 'momo'")
    assert rows[0]["net_quantity"] == 4


async def test_a_cancelled_guard_takes_its_exit_along(engine: Engine, broker: ScriptedBroker, trading: Trading) -> None:
    engine.quotes.last = at("1400")
    await add_strategy(engine.database)
    await opened(engine, broker)
    runner = trading.as_("runner-0", "runner")
    guard = await trading.stub.CreateGuard(protect(), metadata=runner)
    await eventually(lambda: len(broker.book) == 2)
    stranger = pb.CancelGuardRequest(guard_id=guard.guard_id)
    assert (
        await failure(trading.stub.CancelGuard(stranger, metadata=trading.as_("ravi", "trader")))
    ).reason == "NOT_FOUND"
    late = pb.CancelGuardRequest(guard_id=guard.guard_id, config_id="momo", epoch=9)
    assert (await failure(trading.stub.CancelGuard(late, metadata=runner))).reason == "LEASE_SUPERSEDED"
    asked = pb.CancelGuardRequest(guard_id=guard.guard_id, config_id="momo", epoch=1)
    assert (await trading.stub.CancelGuard(asked, metadata=runner)).state == "CANCELLED"
    await eventually(lambda: broker.cancels_sent == [list(broker.book)[1]])
    wrong = await failure(trading.stub.CreateGuard(protect(target_price="1370"), metadata=runner))
    assert [violation.field for violation in wrong.violations] == ["target_price"]
    off = await failure(trading.stub.CreateGuard(protect(stop_price="1380.01"), metadata=runner))
    assert [violation.field for violation in off.violations] == ["stop_price"]


async def test_a_market_order_is_chased_a_bounded_number_of_times(
    engine: Engine, broker: ScriptedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chasing, "CHASE_SECONDS", 0.1)
    engine.quotes.last = at("1400")
    order = await engine.place(order_type="MARKET", price=None)
    broker_order_id = await engine.accepted(order)
    for number in range(1, chasing.MAXIMUM_CHASES + 3):
        engine.quotes.last = at(str(1400 + 20 * number))
        await eventually(lambda n=number: len(broker.changes_sent) == min(n, chasing.MAXIMUM_CHASES))  # type: ignore[misc]
        await engine.wait_for(order.order_id, "OPEN", modify_requested=False)
    assert [change.price > 1400 for change in broker.changes_sent] == [True] * chasing.MAXIMUM_CHASES
    broker.report(broker_order_id, status=ReportStatus.CANCELLED)
    await engine.wait_for(order.order_id, "CANCELLED")


async def test_a_guard_above_the_freeze_quantity_is_sliced_and_ends_whole(
    engine: Engine, broker: ScriptedBroker, trading: Trading
) -> None:
    engine.quotes.last = at("1400")
    await add_strategy(engine.database)
    for _ in range(2):
        entry = await engine.place_for("momo", 1, instrument="NFO:NIFTY24NOV26FUT", quantity=1_755)
        broker.fill(await engine.accepted(entry), 1_755, "1400")
        await engine.wait_for(entry.order_id, "FILLED")
    runner = trading.as_("runner-0", "runner")
    guarded = protect(instrument="NFO:NIFTY24NOV26FUT")
    await trading.stub.CreateGuard(guarded, metadata=runner)
    await eventually(lambda: len(broker.sent) == 4)
    assert [(t.quantity, t.order_type, t.trigger_price) for t in broker.sent[2:]] == [(1_755, "SL", Decimal(1380))] * 2
    moved = await trading.stub.CreateGuard(
        protect(instrument="NFO:NIFTY24NOV26FUT", stop_price="1390"), metadata=runner
    )
    await eventually(lambda: [c.trigger_price for c in broker.changes_sent] == [Decimal(1390)] * 2)
    first, second = (r.broker_order_id for r in broker.book.values() if r.side == "SELL")
    broker.fill(first, 1_755, "1390")  # the one that follows leads now
    leads = "SELECT 1 FROM guards g JOIN orders o USING (order_id) WHERE g.state = 'ACTIVE' AND o.broker_order_id = $1"
    await eventually(lambda: engine.rows(leads, second))
    broker.fill(second, 1_755, "1390")

    async def done() -> bool:
        rows = await engine.rows("SELECT state FROM guards WHERE guard_id = $1", moved.guard_id)
        return rows == [{"state": "DONE"}]

    await eventually(done, what="the guard ends with the position")
    assert len(broker.sent) == 4


async def test_a_slice_that_the_broker_refuses_is_not_asked_for_at_every_look(
    engine: Engine, broker: ScriptedBroker, trading: Trading
) -> None:
    engine.quotes.last = at("1400")
    await add_strategy(engine.database)
    for _ in range(2):
        entry = await engine.place_for("momo", 1, instrument="NFO:NIFTY24NOV26FUT", quantity=1_755)
        broker.fill(await engine.accepted(entry), 1_755, "1400")
        await engine.wait_for(entry.order_id, "FILLED")

    async def taken(ticket: OrderTicket) -> Outcome:
        return broker.accept(ticket)

    async def refused(ticket: OrderTicket) -> Outcome:
        return Refused("AB4036", "too many open orders")

    broker.placements.extend([taken, refused])
    guarded = protect(instrument="NFO:NIFTY24NOV26FUT")
    await trading.stub.CreateGuard(guarded, metadata=trading.as_("runner-0", "runner"))
    await eventually(lambda: engine.rows("SELECT 1 FROM orders WHERE origin = 'GUARD' AND state = 'REJECTED'"))
    await asyncio.sleep(0.4)  # eight looks
    assert len(broker.sent) == 4


async def test_a_guard_that_cannot_close_gives_up_and_somebody_must_acknowledge_it(
    engine: Engine, broker: ScriptedBroker, trading: Trading, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (guards, guarding):
        monkeypatch.setattr(module, "MAXIMUM_ATTEMPTS", 2)
    engine.quotes.last = at("1400")
    await add_strategy(engine.database)
    entry = await engine.place_for("momo", 1)
    broker.fill(await engine.accepted(entry), 10, "1400")
    await engine.wait_for(entry.order_id, "FILLED")

    async def refused(ticket: OrderTicket) -> Outcome:
        return Refused("AB4036", "too many open orders")

    broker.placements.extend([refused] * 10)
    await trading.stub.CreateGuard(protect(target_price="1399"), metadata=trading.as_("runner-0", "runner"))
    told = await eventually(lambda: engine.rows("SELECT payload FROM outbox WHERE topic = 'GUARD_FAILED'"), timeout=20)
    payload = told[0]["payload"]
    assert TYPES[payload["type"]].must_acknowledge
    assert payload["title"] == "The guard of NSE:RELIANCE-EQ cannot close it"
    assert "too many open orders; close the position yourself" in payload["message"]
    assert unreadable(payload["title"]) + unreadable(payload["message"]) == []
