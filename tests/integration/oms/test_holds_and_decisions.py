"""What holds entries, what a person can do about it, and the story that is told of an order afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from engine_server.broker.port import BrokerError, OrderTicket, Outcome, ReportStatus, Unknown
from engine_server.broker.scripted import Answer, ScriptedBroker
from engine_server.oms.domain.resolution import ResolutionBounds
from tests.integration.oms.engine import ACCOUNT, FAST, Engine, add_account, add_strategy, running_engine
from tests.integration.oms.test_trading_rpc import failure
from tests.integration.oms.trading_server import Trading, serving
from tests.support.waiting import eventually
from tradewinds.database.session import Database
from tradewinds.v1 import trading_pb2 as pb

SLOW_BOUNDS = replace(
    FAST,
    recovery=replace(FAST.recovery, bounds=ResolutionBounds(minimum_seconds=60, minimum_reads=5, tell_seconds=0.3)),
)


@pytest.fixture
async def trading(engine: Engine, tmp_path: Path) -> AsyncIterator[Trading]:
    async with serving(engine, tmp_path) as trading:
        yield trading


def unanswered(broker: ScriptedBroker, *, booked: bool) -> Answer:
    async def answer(ticket: OrderTicket) -> Outcome:
        if booked:
            broker.accept(ticket)
        return Unknown("timed out")

    return answer


async def test_an_overfill_is_booked_and_holds_entries_until_a_person_releases_them(
    engine: Engine, broker: ScriptedBroker, trading: Trading
) -> None:
    order = await engine.place()
    broker.fill(await engine.accepted(order), 12, "1400")
    await engine.wait_for(order.order_id, "FILLED", filled_quantity=12)
    denied = await engine.place()
    assert (denied.state, denied.reason) == ("DENIED", "INSTRUMENT_HELD")
    assert "filled 12 of 10: compare" in denied.message
    other = await engine.place(instrument="NIFTY24NOV26FUT", product="NRML", quantity=65, price=Decimal("26000"))
    assert other.state == "SUBMITTING"  # another instrument goes on
    leaving = await engine.place(side="SELL", quantity=12)
    assert (leaving.state, leaving.is_exit) == ("SUBMITTING", True)  # and so does an exit
    topics = [row["topic"] for row in await engine.rows("SELECT topic FROM outbox")]
    assert "ORDER_OVERFILLED" in topics

    asha = trading.as_("asha", "trader")
    (hold,) = (await trading.stub.ListHolds(pb.ListHoldsRequest(), metadata=asha)).holds
    assert (hold.instrument, hold.kind, hold.subject_id) == ("NSE:RELIANCE-EQ", "OVERFILL", order.order_id)
    release = pb.ReleaseHoldRequest(kind="OVERFILL", subject_id=order.order_id, reason="the trade book says 12")
    await trading.stub.ReleaseHold(release, metadata=asha)
    assert (await trading.stub.ListHolds(pb.ListHoldsRequest(), metadata=asha)).holds == []
    assert (await engine.place(price=Decimal("1300"))).state == "SUBMITTING"
    audit = await engine.rows("SELECT actor, reason FROM audit_log WHERE action = 'hold.release'")
    assert audit == [{"actor": "asha", "reason": "the trade book says 12"}]
    missing = await failure(trading.stub.ReleaseHold(release, metadata=asha))
    assert missing.reason == "NOT_FOUND"


async def test_a_hold_outlives_the_engine(database: Database, broker: ScriptedBroker) -> None:
    await add_account(database)
    async with running_engine(database, broker) as first:
        order = await first.place()
        broker.fill(await first.accepted(order), 11, "1400")
        await first.wait_for(order.order_id, "FILLED")
    async with running_engine(database, broker, owner="engine-1") as second:
        assert (await second.place()).reason == "INSTRUMENT_HELD"


async def test_while_an_order_is_unknown_entries_of_its_instrument_are_denied_and_exits_are_not(
    database: Database, broker: ScriptedBroker
) -> None:
    await add_account(database)
    await add_strategy(database)
    async with running_engine(database, broker, settings=SLOW_BOUNDS) as engine:
        entry = await engine.place_for("momo", 1)
        broker.fill(await engine.accepted(entry), 10, "1400")
        await engine.wait_for(entry.order_id, "FILLED")
        broker.placements.append(unanswered(broker, booked=False))
        lost = await engine.place_for("momo", 1, price=Decimal("1390"))
        await engine.wait_for(lost.order_id, "UNKNOWN")
        denied = await engine.place(price=Decimal("1380"))
        assert (denied.state, denied.reason) == ("DENIED", "ORDER_UNKNOWN")
        assert lost.order_id in denied.message
        assert (await engine.place_for("momo", 1, side="SELL", price=Decimal("1500"))).state == "SUBMITTING"


async def test_past_the_bound_somebody_is_told_once(database: Database, broker: ScriptedBroker) -> None:
    await add_account(database)
    async with running_engine(database, broker, settings=SLOW_BOUNDS) as engine:
        broker.placements.append(unanswered(broker, booked=False))
        broker.read_errors.extend(BrokerError("HTTP 503") for _ in range(1000))
        order = await engine.place()

        async def told() -> bool:
            rows = await engine.rows("SELECT payload FROM outbox WHERE topic = 'ORDER_UNKNOWN'")
            assert len(rows) == 1
            assert "orders resolve" in rows[0]["payload"]["message"]
            return True

        await eventually(told)
        await engine.wait_for(order.order_id, "UNKNOWN")
        broker.read_errors.clear()


async def test_a_person_finds_an_unknown_order_at_the_broker(
    database: Database, broker: ScriptedBroker, tmp_path: Path
) -> None:
    await add_account(database)
    async with running_engine(database, broker, settings=SLOW_BOUNDS) as engine, serving(engine, tmp_path) as trading:
        broker.placements.append(unanswered(broker, booked=False))
        order = await engine.place()
        await engine.wait_for(order.order_id, "UNKNOWN")
        asha = trading.as_("asha", "trader")
        nobody = pb.ResolveOrderRequest(order_id=order.order_id, reason="x")
        assert (
            await failure(trading.stub.ResolveOrder(nobody, metadata=trading.as_("ravi", "trader")))
        ).reason == "NOT_FOUND"
        broker.hidden_tags.add("")
        broker.accept(replace(broker.sent[0], tag=""))  # the broker did not echo the tag, and its book is late
        found = pb.ResolveOrderRequest(order_id=order.order_id, placed_as="261122000000001", reason="seen in the app")
        resolved = await trading.stub.ResolveOrder(found, metadata=asha)
        assert (resolved.state, resolved.broker_order_id) == (pb.ORDER_STATE_OPEN, "261122000000001")
        broker.fill("261122000000001", 10, "1400")
        await engine.wait_for(order.order_id, "FILLED", filled_quantity=10)
        again = await failure(trading.stub.ResolveOrder(found, metadata=asha))
        assert again.reason == "ORDER_NOT_UNKNOWN"


async def test_an_unknown_order_that_was_adopted_as_external_goes_on_for_its_strategy(
    database: Database, broker: ScriptedBroker, tmp_path: Path
) -> None:
    await add_account(database)
    await add_strategy(database)
    async with running_engine(database, broker, settings=SLOW_BOUNDS) as engine, serving(engine, tmp_path) as trading:
        broker.placements.append(unanswered(broker, booked=False))
        order = await engine.place_for("momo", 1)
        await engine.wait_for(order.order_id, "UNKNOWN")
        broker.accept(replace(broker.sent[0], tag=""))  # the broker did not echo the tag
        broker.fill("261122000000001", 4, "1400")
        external_id = f"ext-{ACCOUNT}-261122000000001"
        await eventually(lambda: engine.queries.order(external_id))
        request = pb.ResolveOrderRequest(order_id=order.order_id, placed_as="261122000000001", reason="seen in the app")
        resolved = await trading.stub.ResolveOrder(request, metadata=trading.as_("asha", "trader"))
        assert (resolved.state, resolved.reason) == (pb.ORDER_STATE_NOT_PLACED, "RESOLVED_AS_EXTERNAL")
        broker.fill("261122000000001", 10, "1400")
        await engine.wait_for(external_id, "FILLED", config_id="momo")
        rows = await engine.rows("SELECT config_id, net_quantity FROM positions ORDER BY config_id")
        assert [(row["config_id"], row["net_quantity"]) for row in rows] == [("", 10), ("momo", 10)]


async def test_a_person_knows_that_it_was_never_placed(
    database: Database, broker: ScriptedBroker, tmp_path: Path
) -> None:
    await add_account(database)
    async with running_engine(database, broker, settings=SLOW_BOUNDS) as engine, serving(engine, tmp_path) as trading:
        broker.placements.append(unanswered(broker, booked=False))
        order = await engine.place()
        await engine.wait_for(order.order_id, "UNKNOWN")
        request = pb.ResolveOrderRequest(order_id=order.order_id, reason="the broker said so on the phone")
        resolved = await trading.stub.ResolveOrder(request, metadata=trading.as_("asha", "trader"))
        assert (resolved.state, resolved.reason) == (pb.ORDER_STATE_NOT_PLACED, "RESOLVED_NOT_PLACED")
        assert (await engine.place()).state == "SUBMITTING"  # entries go again


async def test_the_whole_story_of_an_order_can_be_told(
    engine: Engine, broker: ScriptedBroker, trading: Trading
) -> None:
    order = await engine.place()
    broker_order_id = await engine.accepted(order)
    broker.fill(broker_order_id, 4, "1399.50")
    await engine.wait_for(order.order_id, "PARTIALLY_FILLED")
    await engine.cancel(order.order_id, reason="enough")
    await engine.wait_for(order.order_id, "CANCELLED")
    broker.report(
        broker_order_id,
        filled_quantity=6,
        status=ReportStatus.CANCELLED,
        average_price=broker.book[broker_order_id].average_price,
    )
    await engine.wait_for(order.order_id, "CANCELLED", filled_quantity=6)
    story = await trading.stub.ExplainOrder(
        pb.ExplainOrderRequest(order_id=order.order_id), metadata=trading.as_("asha", "viewer")
    )
    assert [line.what for line in story.lines if "." not in line.what] == [
        "PLACED", "ACCEPTED", "FILLED", "CANCEL_REQUESTED", "REPORTED", "LATE_FILL",
    ]  # fmt: skip
    assert {line.what for line in story.lines if "." in line.what} == {"order.place", "order.cancel"}
    assert "asha asked for its cancel: enough" in [line.text for line in story.lines]
    assert f"BUY 10 NSE:RELIANCE-EQ LIMIT at 1400.00 (MIS) for asha, tag {order.tag}: CANCELLED" in story.summary
    assert [
        line.text.partition("(known from ")[2][:16]
        for line in story.lines
        if line.what in ("REPORTED", "FILLED", "LATE_FILL")
    ] == ["its order stream"] * 3
    assert "answered after another" in story.summary
    assert [trade.quantity for trade in story.trades] == [4, 2]
    assert story.order.latency.answered_us >= 0
    hidden = await failure(
        trading.stub.ExplainOrder(
            pb.ExplainOrderRequest(order_id=order.order_id), metadata=trading.as_("ravi", "viewer")
        )
    )
    assert hidden.reason == "NOT_FOUND"


async def test_the_story_says_which_code_asked(engine: Engine) -> None:
    await add_strategy(engine.database)
    await engine.database.pool.execute(
        """
        INSERT INTO strategies (module_path, class_name, code_hash, params_schema, description)
        VALUES ('strategies.momo', 'Momo', 'bbbbbbbbbbbbbbbb', '{}', '')
        """
    )
    await engine.database.pool.execute(
        """
        INSERT INTO strategy_runs (config_id, epoch, runner_id, instance_id, pid, code_hash)
        VALUES ('momo', 1, 'r0', 'i0', 4711, 'aaaaaaaaaaaaaaaa')
        """
    )
    order = await engine.place_for("momo", 1)
    (line,) = [line for line in await engine.queries.story(order.order_id) if line.what == "strategy.code"]
    assert line.text == (
        "its strategy ran code aaaaaaaaaaaa (process 4711 of r0); registered is bbbbbbbbbbbb, which is not the same"
    )
    by_hand = await engine.place()
    assert "strategy.code" not in [line.what for line in await engine.queries.story(by_hand.order_id)]


async def test_a_late_fill_after_a_cancel_is_accepted_and_raised(engine: Engine, broker: ScriptedBroker) -> None:
    order = await engine.place()
    broker_order_id = await engine.accepted(order)
    await engine.cancel(order.order_id)
    await engine.wait_for(order.order_id, "CANCELLED")
    broker.fill(broker_order_id, 10, "1400")
    await engine.wait_for(order.order_id, "FILLED", filled_quantity=10)
    told = await engine.rows("SELECT payload FROM outbox WHERE topic = 'ORDER_EXECUTED'")
    assert "after the order had ended" in told[0]["payload"]["message"]
    assert (await engine.rows("SELECT net_quantity FROM positions WHERE account_id = $1", ACCOUNT))[0][
        "net_quantity"
    ] == 10


async def test_two_orders_under_one_tag_hold_entries(engine: Engine, broker: ScriptedBroker) -> None:
    order = await engine.place()
    await engine.accepted(order)
    broker.accept(broker.sent[0])
    broker.report("261122000000002", raw_status="open")

    async def held() -> bool:
        return (await engine.place(price=Decimal("1300"))).reason == "INSTRUMENT_HELD"

    await eventually(held)
