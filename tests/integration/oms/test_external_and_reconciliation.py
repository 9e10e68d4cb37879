"""Orders that are not ours, and what is done where our books and the broker's positions differ."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from engine_server.broker.port import (
    BrokerError,
    HoldingReport,
    OrderTicket,
    PositionReport,
    Refused,
    ReportStatus,
    StreamConnected,
    TradeReport,
    Unknown,
)
from engine_server.broker.scripted import ScriptedBroker
from engine_server.oms.domain.tags import Tags
from engine_server.oms.records import OrderRecord
from tests.integration.oms.engine import ACCOUNT, FAST, Engine, add_account, add_strategy, running_engine
from tests.integration.oms.test_trading_rpc import failure
from tests.integration.oms.trading_server import serving
from tests.support.waiting import eventually
from tests.unit.oms.orders import RELIANCE
from tradewinds.clock import SystemClock
from tradewinds.database.session import Database
from tradewinds.v1 import common_pb2
from tradewinds.v1 import trading_pb2 as pb

WATCHFUL = replace(FAST, recovery=replace(FAST.recovery, positions_seconds=0.1, foreign_seconds=0.01))


def by_hand(side: str, quantity: int, price: int = 1400) -> OrderTicket:
    """An order from the broker's own app: without a tag."""
    return OrderTicket("", RELIANCE, side, quantity, "LIMIT", "MIS", Decimal(price))


def position(net: int, product: str = "MIS", average: int = 1400) -> PositionReport:
    bought, sold = max(net, 0), max(-net, 0)
    return PositionReport("NSE", "2885", product, net, bought, sold, Decimal(average), Decimal(average), Decimal(0))


async def opened(engine: Engine, broker: ScriptedBroker, config_id: str = "momo", quantity: int = 10) -> OrderRecord:
    entry = await engine.place_for(config_id, 1, quantity=quantity)
    broker.fill(await engine.accepted(entry), quantity, "1400")
    return await engine.wait_for(entry.order_id, "FILLED")


async def external(engine: Engine, broker: ScriptedBroker, ticket: OrderTicket, filled: int) -> str:
    """Place and fill it in the broker's app; the id of our row for it."""
    broker_order_id = broker.accept(ticket).broker_order_id
    if filled:
        broker.fill(broker_order_id, filled, str(ticket.price))
    else:
        broker.push(broker.book[broker_order_id])
    order_id = f"ext-{ACCOUNT}-{broker_order_id}"
    await eventually(lambda: engine.queries.order(order_id), what="it is adopted")
    return order_id


async def nets(engine: Engine) -> dict[str, int]:
    rows = await engine.rows("SELECT config_id, net_quantity FROM positions")
    return {row["config_id"]: row["net_quantity"] for row in rows}


async def test_somebody_elses_order_is_shown_counted_and_untouched(engine: Engine, broker: ScriptedBroker) -> None:
    order_id = await external(engine, broker, by_hand("BUY", 7), 4)
    order = await engine.wait_for(order_id, "PARTIALLY_FILLED", filled_quantity=4)
    assert (order.origin, order.config_id, order.user_id, order.quantity) == ("EXTERNAL", None, "asha", 7)
    assert await nets(engine) == {"": 4}
    assert broker.sent == []
    assert broker.cancels_sent == []
    told = await engine.rows("SELECT payload FROM outbox WHERE topic = 'ORDER_PARTIALLY_FILLED'")
    assert "not placed here" in told[0]["payload"]["title"]


async def test_it_is_cancelled_only_by_who_says_that_it_is_external(
    engine: Engine, broker: ScriptedBroker, tmp_path: Path
) -> None:
    order_id = await external(engine, broker, by_hand("BUY", 7), 0)
    async with serving(engine, tmp_path) as trading:
        asha = trading.as_("asha", "trader")
        refused = await failure(trading.stub.CancelOrder(pb.CancelOrderRequest(order_id=order_id), metadata=asha))
        assert refused.reason == "EXTERNAL_ORDER"
        unchanged = await failure(
            trading.stub.ModifyOrder(pb.ModifyOrderRequest(order_id=order_id, price="1399"), metadata=asha)
        )
        assert unchanged.reason == "EXTERNAL_ORDER"
        await trading.stub.CancelOrder(pb.CancelOrderRequest(order_id=order_id, external=True), metadata=asha)
    await engine.wait_for(order_id, "CANCELLED")


async def test_an_external_order_is_one_row_whoever_adopts_it(database: Database, broker: ScriptedBroker) -> None:
    await add_account(database)
    async with running_engine(database, broker) as first:
        order_id = await external(first, broker, by_hand("BUY", 7), 7)
        await first.wait_for(order_id, "FILLED")
    broker.position_reports.append(position(7))
    async with running_engine(database, broker, owner="engine-1") as second:
        await second.accepted(await second.place())
        assert await nets(second) == {"": 7}
        assert len(await second.rows("SELECT 1 FROM trades")) == 1


async def test_an_external_close_of_one_strategys_position_is_that_strategys_and_it_is_told(
    engine: Engine, broker: ScriptedBroker
) -> None:
    await add_strategy(engine.database)
    await opened(engine, broker)
    order_id = await external(engine, broker, by_hand("SELL", 6, 1410), 6)
    await engine.wait_for(order_id, "FILLED", config_id="momo")
    assert await nets(engine) == {"": 4, "momo": 4}
    events = await engine.event_log.read_after("momo", 0, 100)
    assert events[-1].trade is not None
    assert (events[-1].trade.side, events[-1].trade.quantity) == ("SELL", 6)
    assert [event.config_sequence for event in events] == list(range(1, len(events) + 1))
    denied = await engine.place_for("momo", 1, side="SELL", price=Decimal(1500), reduce_only=True)
    assert denied.reason == "EXIT_EXCEEDS_OPEN"  # six of its ten are gone


async def test_an_exit_that_rests_for_what_somebody_else_has_closed_is_asked_back(
    engine: Engine, broker: ScriptedBroker
) -> None:
    """Filled after all, it would open a position the other way round."""
    await add_strategy(engine.database)
    await opened(engine, broker)
    exits = [
        await engine.place_for("momo", 1, side="SELL", quantity=quantity, price=Decimal(1500 + quantity))
        for quantity in (3, 7)
    ]
    ids = [await engine.accepted(order) for order in exits]
    await external(engine, broker, by_hand("SELL", 5, 1410), 5)
    await engine.wait_for(exits[1].order_id, "CANCELLED")
    assert broker.cancels_sent == [ids[1]]
    assert (await engine.order(exits[0].order_id)).state == "OPEN"  # three of the five that are left
    (told,) = [e for e in await engine.event_log.read_after("momo", 0, 100) if e.kind == "CANCEL_REQUESTED"]
    assert told.order is not None
    assert "closed by somebody else" in told.order.message


async def test_a_close_of_what_several_hold_is_held_until_a_person_attributes_it(
    engine: Engine, broker: ScriptedBroker, tmp_path: Path
) -> None:
    for config_id in ("momo", "gap"):
        await add_strategy(engine.database, config_id)
        await opened(engine, broker, config_id)
    order_id = await external(engine, broker, by_hand("SELL", 6), 6)
    await engine.wait_for(order_id, "FILLED", config_id=None)
    assert await nets(engine) == {"": 14, "momo": 10, "gap": 10}
    held = await engine.place_for("momo", 1)
    assert held.reason == "INSTRUMENT_HELD"
    assert f"positions attribute {order_id}" in held.message
    async with serving(engine, tmp_path) as trading:
        asha = trading.as_("asha", "trader")
        request = pb.AttributePositionRequest(order_id=order_id, config_id="gap", reason="I closed it in the app")
        assert (await trading.stub.AttributePosition(request, metadata=asha)).config_id == "gap"
        assert await nets(engine) == {"": 14, "momo": 10, "gap": 4}
        again = await failure(trading.stub.AttributePosition(request, metadata=asha))
        assert again.reason == "ALREADY_ATTRIBUTED"
    trades = await engine.rows("SELECT config_id FROM trades WHERE order_id = $1", order_id)
    assert trades == [{"config_id": "gap"}]
    events = await engine.event_log.read_after("gap", 0, 100)
    assert (events[-1].kind, events[-1].trade is not None) == ("ATTRIBUTED", True)
    assert (await engine.place_for("momo", 1)).state == "SUBMITTING"


async def test_a_person_books_what_is_missing_once(engine: Engine, broker: ScriptedBroker, tmp_path: Path) -> None:
    await add_strategy(engine.database)
    await opened(engine, broker)
    async with serving(engine, tmp_path) as trading:
        asha = trading.as_("asha", "trader")
        request = pb.AdjustPositionRequest(
            request_id="a1",
            config_id="momo",
            instrument="RELIANCE",
            product=common_pb2.PRODUCT_MIS,
            side=common_pb2.SIDE_SELL,
            quantity=2,
            price="1401",
            reason="the contract note",
        )
        booked = await trading.stub.AdjustPosition(request, metadata=asha)
        assert (booked.origin, booked.state) == ("BOOKING", pb.ORDER_STATE_FILLED)
        assert (await trading.stub.AdjustPosition(request, metadata=asha)).order_id == booked.order_id
        assert await nets(engine) == {"": 8, "momo": 8}
        elsewhere = await failure(trading.stub.AdjustPosition(replace_config(request, "nobody"), metadata=asha))
        assert elsewhere.reason == "NOT_FOUND"
    assert len(broker.sent) == 1


def replace_config(request: pb.AdjustPositionRequest, config_id: str) -> pb.AdjustPositionRequest:
    changed = pb.AdjustPositionRequest()
    changed.CopyFrom(request)
    changed.config_id = config_id
    return changed


async def test_a_conversion_is_asked_for_once_and_booked(
    engine: Engine, broker: ScriptedBroker, tmp_path: Path
) -> None:
    entry = await engine.place()
    broker.fill(await engine.accepted(entry), 10, "1400")
    await engine.wait_for(entry.order_id, "FILLED")
    async with serving(engine, tmp_path) as trading:
        asha = trading.as_("asha", "trader")
        request = pb.ConvertPositionRequest(
            request_id="c1",
            instrument="RELIANCE",
            from_product=common_pb2.PRODUCT_MIS,
            to_product=common_pb2.PRODUCT_CNC,
            quantity=6,
            reason="keep it",
        )
        broker.conversions.append(Refused("AB1017", "Conversion failed"))
        assert (await failure(trading.stub.ConvertPosition(request, metadata=asha))).reason == "BROKER_REFUSED"
        broker.conversions.append(Unknown("timed out"))
        assert (
            "comparison of positions" in (await failure(trading.stub.ConvertPosition(request, metadata=asha))).message
        )
        await trading.stub.ConvertPosition(request, metadata=asha)
        request.quantity = 5
        assert (await failure(trading.stub.ConvertPosition(request, metadata=asha))).reason == "NOTHING_TO_CONVERT"
    rows = await engine.rows("SELECT product, net_quantity, average_price FROM positions ORDER BY product")
    assert [(row["product"], row["net_quantity"]) for row in rows] == [("CNC", 6), ("MIS", 4)]
    assert rows[0]["average_price"] == Decimal(1400)


async def test_what_an_account_held_before_is_where_its_books_begin(database: Database, broker: ScriptedBroker) -> None:
    await add_account(database)
    broker.holding_reports.append(HoldingReport("NSE", "RELIANCE-EQ", "2885", 5, 0, Decimal(1200), None))
    async with running_engine(database, broker, settings=WATCHFUL) as engine:
        assert await nets(engine) == {"": 5}
        assert await engine.rows("SELECT 1 FROM account_holds") == []
        assert (
            await engine.order((await engine.rows("SELECT order_id FROM orders"))[0]["order_id"])
        ).reason == "OPENING"


async def test_delivery_moves_from_positions_to_holdings_without_an_alarm(
    database: Database, broker: ScriptedBroker
) -> None:
    await add_account(database)
    async with running_engine(database, broker, settings=WATCHFUL) as engine:
        entry = await engine.place(product="CNC")
        broker.fill(await engine.accepted(entry), 10, "1400")
        broker.position_reports[:] = [position(10, "CNC")]
        await engine.wait_for(entry.order_id, "FILLED")
        broker.position_reports[:] = []
        broker.holding_reports[:] = [HoldingReport("NSE", "RELIANCE-EQ", "2885", 10, 10, Decimal(1400), None)]
        reads = broker.position_reads
        await eventually(lambda: broker.position_reads > reads + 3)
        assert await engine.rows("SELECT 1 FROM account_holds") == []
    async with running_engine(database, broker, owner="engine-1", settings=WATCHFUL) as second:
        assert await second.rows("SELECT 1 FROM account_holds") == []


async def test_an_intraday_position_that_the_broker_squared_off_yesterday_is_settled(
    database: Database, broker: ScriptedBroker
) -> None:
    await add_account(database)
    await add_strategy(database)
    async with running_engine(database, broker) as first:
        await opened(first, broker)
    yesterday = SystemClock().now() - timedelta(days=1)
    await database.pool.execute("UPDATE trades SET traded_at = $1", yesterday)
    broker.book.clear()
    async with running_engine(database, broker, owner="engine-1") as second:
        assert await nets(second) == {"": 0, "momo": 0}
        assert await second.rows("SELECT 1 FROM account_holds") == []
        assert len(await second.rows("SELECT 1 FROM outbox WHERE topic = 'POSITION_SETTLED'")) == 1
        events = await second.event_log.read_after("momo", 0, 100)
        assert (events[-1].kind, events[-1].trade is not None) == ("BOOKED", True)


async def test_the_gate_stays_shut_while_the_books_cannot_be_read_and_says_why(
    database: Database, broker: ScriptedBroker
) -> None:
    await add_account(database)
    broker.read_errors.extend(BrokerError("HTTP 503") for _ in range(1000))
    async with running_engine(database, broker, wait=False) as engine:

        async def says_why() -> bool:
            rows = await engine.rows("SELECT gate, gate_reason FROM account_leases")
            return bool(rows) and rows[0]["gate"] == "CLOSED" and "HTTP 503" in rows[0]["gate_reason"]

        await eventually(says_why)
        broker.read_errors.clear()
        broker.push(StreamConnected())
        await engine.wait_until_open()


async def test_an_external_rejection_is_only_shown(engine: Engine, broker: ScriptedBroker) -> None:
    broker_order_id = broker.accept(by_hand("BUY", 7)).broker_order_id
    broker.report(broker_order_id, status=ReportStatus.REJECTED, raw_status="rejected", text="no funds")
    broker.push(StreamConnected())
    await eventually(lambda: engine.queries.order(f"ext-{ACCOUNT}-{broker_order_id}"))
    await engine.wait_for(f"ext-{ACCOUNT}-{broker_order_id}", "REJECTED")
    assert await nets(engine) == {}


async def test_a_split_is_booked_at_its_cost_and_what_guards_it_moves(
    database: Database, broker: ScriptedBroker
) -> None:
    await add_account(database)
    await add_strategy(database)
    async with running_engine(database, broker, settings=WATCHFUL) as engine:
        entry = await engine.place_for("momo", 1, product="CNC")
        broker.fill(await engine.accepted(entry), 10, "1400")
        broker.holding_reports[:] = [HoldingReport("NSE", "RELIANCE-EQ", "2885", 10, 0, Decimal(1400), None)]
        await engine.wait_for(entry.order_id, "FILLED")
        broker.holding_reports[:] = [HoldingReport("NSE", "RELIANCE-EQ", "2885", 20, 0, Decimal(700), None)]

        async def multiplied() -> bool:
            return await nets(engine) == {"": 20, "momo": 20}

        await eventually(multiplied, what="the split is booked")
        (book,) = await engine.queries.strategy_positions("momo")
        assert (book.average_price, book.realised_pnl) == (Decimal(700), Decimal(0))
        assert await engine.rows("SELECT 1 FROM account_holds") == []
        booked = await engine.rows("SELECT reason, quantity, price FROM orders WHERE origin = 'BOOKING'")
        assert booked == [{"reason": "CORPORATE_ACTION", "quantity": 10, "price": None}]
        assert len(await engine.rows("SELECT 1 FROM outbox WHERE topic = 'POSITION_SETTLED'")) == 1


async def test_what_the_trade_book_says_otherwise_holds_entries_until_it_agrees(
    database: Database, broker: ScriptedBroker
) -> None:
    await add_account(database)
    settings = replace(FAST, recovery=replace(FAST.recovery, trades_seconds=0.05))
    async with running_engine(database, broker, settings=settings) as engine:
        order = await engine.place()
        broker_order_id = await engine.accepted(order)
        broker.trade_reports[:] = [
            TradeReport(broker_order_id, "f1", "NSE", "RELIANCE-EQ", "BUY", "MIS", 4, Decimal(1400), None)
        ]

        async def held() -> bool:
            rows = await engine.rows("SELECT kind, subject_id FROM account_holds")
            return rows == [{"kind": "TRADE_DIFFERENCE", "subject_id": order.order_id}]

        await eventually(held, what="the difference is held")
        assert (await engine.place()).reason == "INSTRUMENT_HELD"
        broker.fill(broker_order_id, 4, "1400")

        async def free() -> bool:
            return await engine.rows("SELECT 1 FROM account_holds") == []

        await eventually(free, what="the books agree")


async def test_an_order_under_our_tag_that_was_never_entered_stops_entries(
    database: Database, broker: ScriptedBroker
) -> None:
    await add_account(database)
    async with running_engine(database, broker) as first:
        await first.accepted(await first.place())
    tag = Tags(ACCOUNT, b"t" * 32).of("ord-of-a-database-that-is-gone")
    broker_order_id = broker.accept(replace(by_hand("BUY", 7), tag=tag)).broker_order_id
    async with running_engine(database, broker, owner="engine-1") as second:
        denied = await second.place()
        assert (denied.reason, tag in denied.message) == ("INSTRUMENT_HELD", True)
        assert await second.rows("SELECT instrument, kind, subject_id FROM account_holds") == [
            {"instrument": "", "kind": "NOT_ENTERED", "subject_id": f"ext-{ACCOUNT}-{broker_order_id}"}
        ]
