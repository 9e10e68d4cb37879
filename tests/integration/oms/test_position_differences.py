"""Where our books and the broker's positions differ: it is told and held, and nothing is sold that the broker does not have."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from engine_server.broker.port import OrderTicket, Outcome, Unknown
from engine_server.broker.scripted import ScriptedBroker
from engine_server.oms.domain.resolution import ResolutionBounds
from tests.integration.oms.engine import FAST, Engine, add_account, add_strategy, running_engine
from tests.integration.oms.test_external_and_reconciliation import (
    WATCHFUL,
    by_hand,
    external,
    nets,
    opened,
    position,
)
from tests.integration.oms.trading_server import serving
from tests.support.waiting import eventually
from tradewinds.database.session import Database
from tradewinds.v1 import common_pb2
from tradewinds.v1 import trading_pb2 as pb

# Compared when it starts, and when somebody asks.
SELDOM = replace(FAST, recovery=replace(FAST.recovery, positions_seconds=600.0, differing_seconds=600.0))
MIS, SELL, BUY = common_pb2.PRODUCT_MIS, common_pb2.SIDE_SELL, common_pb2.SIDE_BUY


async def is_held(engine: Engine) -> bool:
    return bool(await engine.rows("SELECT 1 FROM account_holds WHERE kind = 'POSITION_DIFFERENCE'"))


async def is_free(engine: Engine) -> bool:
    return not await is_held(engine)


def adjustment(side: common_pb2.Side, quantity: int) -> pb.AdjustPositionRequest:
    return pb.AdjustPositionRequest(
        request_id=f"a-{side}-{quantity}",
        config_id="momo",
        instrument="RELIANCE",
        product=MIS,
        side=side,
        quantity=quantity,
        price="1401",
        reason="the contract note",
    )


async def test_a_known_difference_outlives_an_external_fill_and_ends_with_the_booking_that_explains_it(
    database: Database, broker: ScriptedBroker, tmp_path: Path
) -> None:
    await add_account(database)
    await add_strategy(database)
    async with running_engine(database, broker) as first:
        await opened(first, broker)
    broker.position_reports[:] = [position(8)]
    async with running_engine(database, broker, owner="engine-1", settings=SELDOM) as engine:
        assert await is_held(engine)
        broker.position_reports[:] = [position(5)]
        await engine.wait_for(await external(engine, broker, by_hand("SELL", 3), 3), "FILLED")
        assert await nets(engine) == {"": 7, "momo": 7}
        beyond = await engine.place_for("momo", 1, side="SELL", quantity=7, price=Decimal(1500))
        assert (beyond.reason, "exit at most 5" in beyond.message) == ("EXIT_EXCEEDS_OPEN", True)
        async with serving(engine, tmp_path) as trading:
            asha = trading.as_("asha", "trader")
            await trading.stub.AdjustPosition(adjustment(SELL, 2), metadata=asha)
            await trading.stub.AdjustPosition(adjustment(SELL, 2), metadata=asha)  # the same, asked twice
        exit_order = await engine.place_for("momo", 1, side="SELL", quantity=5, price=Decimal(1500))
        assert exit_order.state == "SUBMITTING"
        await eventually(lambda: is_free(engine), what="it is compared at once")


async def test_what_a_person_books_by_mistake_is_not_sold_and_is_found_at_once(
    database: Database, broker: ScriptedBroker, tmp_path: Path
) -> None:
    await add_account(database)
    await add_strategy(database)
    async with running_engine(database, broker, settings=SELDOM) as engine, serving(engine, tmp_path) as trading:
        broker.position_reports[:] = [position(10)]
        await opened(engine, broker)
        await trading.stub.AdjustPosition(adjustment(BUY, 4), metadata=trading.as_("asha", "trader"))
        beyond = await engine.place_for("momo", 1, side="SELL", quantity=14, price=Decimal(1500))
        assert (beyond.reason, "exit at most 10" in beyond.message) == ("EXIT_EXCEEDS_OPEN", True)
        await eventually(lambda: is_held(engine), what="it is compared at once")


async def test_whose_a_fill_is_changes_nothing_of_a_known_difference(
    database: Database, broker: ScriptedBroker, tmp_path: Path
) -> None:
    await add_account(database)
    async with running_engine(database, broker) as first:
        for config_id in ("momo", "gap"):
            await add_strategy(database, config_id)
            await opened(first, broker, config_id)
    broker.position_reports[:] = [position(18)]
    async with (
        running_engine(database, broker, owner="engine-1", settings=SELDOM) as engine,
        serving(engine, tmp_path) as trading,
    ):
        broker.position_reports[:] = [position(12)]
        order_id = await external(engine, broker, by_hand("SELL", 6), 6)
        await engine.wait_for(order_id, "FILLED", config_id=None)
        request = pb.AttributePositionRequest(order_id=order_id, config_id="gap", reason="I closed it in the app")
        await trading.stub.AttributePosition(request, metadata=trading.as_("asha", "trader"))
        assert await nets(engine) == {"": 14, "momo": 10, "gap": 4}
        beyond = await engine.place_for("momo", 1, side="SELL", quantity=10, price=Decimal(1500))
        assert (beyond.reason, "exit at most 8" in beyond.message) == ("EXIT_EXCEEDS_OPEN", True)


async def test_a_difference_raises_one_alarm_holds_entries_and_goes_by_itself(
    database: Database, broker: ScriptedBroker
) -> None:
    await add_account(database)
    async with running_engine(database, broker, settings=WATCHFUL) as engine:
        entry = await engine.place()
        broker.fill(await engine.accepted(entry), 10, "1400")
        broker.position_reports[:] = [position(10)]
        await engine.wait_for(entry.order_id, "FILLED")
        broker.position_reports[:] = [position(8)]
        await eventually(lambda: is_held(engine))
        assert (await engine.place(price=Decimal(1300))).reason == "INSTRUMENT_HELD"
        beyond = await engine.place(side="SELL", quantity=10, price=Decimal(1500))
        assert (beyond.reason, "exit at most 8" in beyond.message) == ("EXIT_EXCEEDS_OPEN", True)
        assert (await engine.place(side="SELL", quantity=8, price=Decimal(1500))).state == "SUBMITTING"
        await eventually(lambda: broker.book_reads)
        told = await engine.rows("SELECT payload FROM outbox WHERE topic = 'POSITION_DIFFERENCE'")
        assert len(told) == 1
        assert "our books have 10" in told[0]["payload"]["message"]
        broker.position_reports[:] = [position(10)]
        await eventually(lambda: is_free(engine))
        assert len(broker.sent) == 2  # nothing was traded to make numbers agree


async def test_a_difference_is_found_while_both_trade_on(database: Database, broker: ScriptedBroker) -> None:
    await add_account(database)
    async with running_engine(database, broker, settings=WATCHFUL) as engine:
        for bought in range(1, 200):
            order = await engine.place(quantity=1, price=Decimal(1400) - Decimal("0.05") * bought)
            if order.reason == "INSTRUMENT_HELD":
                break
            broker_order_id = await engine.accepted(order)
            broker.position_reports[:] = [position(bought - 2)]  # two of ours are not there, and never were
            broker.fill(broker_order_id, 1, "1390")
            await engine.wait_for(order.order_id, "FILLED")
        assert order.reason == "INSTRUMENT_HELD", order
        assert bought > 3, "it was found before anything was traded beside it"


async def test_what_the_broker_does_not_have_is_neither_sold_nor_guarded_until_it_has(
    database: Database, broker: ScriptedBroker, tmp_path: Path
) -> None:
    await add_account(database)
    await add_strategy(database)
    async with running_engine(database, broker, settings=WATCHFUL) as engine, serving(engine, tmp_path) as trading:
        broker.position_reports[:] = [position(10)]
        await opened(engine, broker)
        guard = pb.CreateGuardRequest(config_id="momo", epoch=1, instrument="RELIANCE", stop_price="1380")
        await trading.stub.CreateGuard(guard, metadata=trading.as_("runner-0", "runner"))
        await eventually(lambda: len(broker.sent) == 2, what="the stop rests")
        broker.position_reports[:] = []
        await eventually(lambda: broker.cancels_sent, what="the stop of what is not there is withdrawn")
        beyond = await engine.place_for("momo", 1, side="SELL", quantity=10, price=Decimal(1500))
        assert (beyond.reason, len(broker.sent)) == ("EXIT_EXCEEDS_OPEN", 2)
        broker.position_reports[:] = [position(10)]
        await eventually(lambda: len(broker.sent) == 3, what="it is guarded again")
        assert (broker.sent[2].side, broker.sent[2].quantity) == ("SELL", 10)


async def test_what_an_order_of_unknown_fate_may_have_made_raises_no_alarm(
    database: Database, broker: ScriptedBroker
) -> None:
    """Its book lags: the broker's positions have the fill before its orders show who made it."""
    await add_account(database)
    patient = replace(WATCHFUL, recovery=replace(WATCHFUL.recovery, bounds=ResolutionBounds(minimum_seconds=60.0)))

    async def unanswered(_: OrderTicket) -> Outcome:
        return Unknown("timed out")

    async with running_engine(database, broker, settings=patient) as engine:
        broker.placements.append(unanswered)
        order = await engine.place()
        await engine.wait_for(order.order_id, "UNKNOWN")
        broker.position_reports[:] = [position(10)]
        begun = await compared_at(engine)
        await eventually(lambda: _compared_since(engine, begun), what="it is compared twice")
        assert await engine.rows("SELECT 1 FROM account_holds") == []
        assert (await engine.place(price=Decimal(1300))).reason == "ORDER_UNKNOWN"


async def compared_at(engine: Engine) -> datetime:
    management = engine.management
    assert management is not None
    at = management.status().vitals.positions_compared_at
    assert at is not None
    return at


async def _compared_since(engine: Engine, begun: datetime) -> bool:
    return await compared_at(engine) - begun > 3 * timedelta(seconds=WATCHFUL.recovery.positions_seconds)
