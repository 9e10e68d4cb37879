"""The life of an order, from the committed intent to the books."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from engine_server.broker.port import NotSent, OrderTicket, Outcome, Refused, ReportStatus
from engine_server.broker.scripted import Answer, ScriptedBroker
from engine_server.oms.directory import Caller
from engine_server.oms.domain.protection import Quote
from engine_server.oms.pacer import PacerSettings
from engine_server.oms.records import OrderRecord
from tests.integration.oms.engine import ACCOUNT, FAST, Engine, add_account, add_strategy, running_engine
from tradewinds.database.session import Database
from tradewinds.errors import (
    NotFoundError,
)


async def test_the_intent_is_committed_before_anything_is_sent(engine: Engine, broker: ScriptedBroker) -> None:
    stored: list[OrderRecord | None] = []

    async def look_into_the_database(ticket: OrderTicket) -> Outcome:
        rows = await engine.rows("SELECT order_id FROM orders WHERE tag = $1", ticket.tag)
        stored.append(await engine.queries.order(rows[0]["order_id"]) if rows else None)
        return broker.accept(ticket)

    broker.placements.append(look_into_the_database)
    order = await engine.place()
    await engine.accepted(order)
    assert [one.state if one else None for one in stored] == ["SUBMITTING"]
    assert len(broker.sent) == 1


async def test_an_order_fills_in_parts_into_trades_books_and_the_log(engine: Engine, broker: ScriptedBroker) -> None:
    await add_strategy(engine.database)
    order = await engine.place_for("momo", 1)
    broker_order_id = await engine.accepted(order)
    broker.fill(broker_order_id, 4, "1400.05")
    await engine.wait_for(order.order_id, "PARTIALLY_FILLED", filled_quantity=4)
    broker.fill(broker_order_id, 10, "1400.08")
    filled = await engine.wait_for(order.order_id, "FILLED", filled_quantity=10)
    assert filled.average_price == Decimal("1400.08")
    trades = await engine.rows("SELECT trade_id, quantity, price FROM trades ORDER BY quantity")
    assert [(t["quantity"], t["price"]) for t in trades] == [(4, Decimal("1400.0500")), (6, Decimal("1400.1000"))]
    books = await engine.rows("SELECT config_id, net_quantity, average_price FROM positions ORDER BY config_id")
    assert books == [
        {"config_id": config_id, "net_quantity": 10, "average_price": Decimal("1400.0800")}
        for config_id in ("", "momo")
    ]
    events = await engine.event_log.read_after("momo", 0, 100)
    assert [event.config_sequence for event in events] == list(range(1, len(events) + 1))
    assert [event.order.state for event in events if event.order] == [
        "SUBMITTING",
        "OPEN",
        "PARTIALLY_FILLED",
        "FILLED",
    ]
    assert [event.trade.quantity for event in events if event.trade] == [4, 6]
    assert events[-1].order == filled
    topics = await engine.rows("SELECT topic, payload FROM outbox WHERE topic LIKE 'ORDER%' ORDER BY outbox_id")
    assert [row["topic"] for row in topics] == ["ORDER_PARTIALLY_FILLED", "ORDER_EXECUTED"]
    assert topics[0]["payload"]["user_id"] == "asha"
    assert "bought 4 at ₹1,400.05" in topics[0]["payload"]["message"]
    assert engine.outbox_wakes
    audit = await engine.rows("SELECT actor, action, subject_id FROM audit_log WHERE subject_type = 'order'")
    assert audit == [{"actor": "config:momo", "action": "order.place", "subject_id": order.order_id}]


async def test_the_log_alone_rebuilds_every_order(engine: Engine, broker: ScriptedBroker) -> None:
    for number in range(6):
        order = await engine.place(quantity=10 + number)
        broker_order_id = await engine.accepted(order)
        if number % 2:
            broker.fill(broker_order_id, 10 + number, "1400")
            await engine.wait_for(order.order_id, "FILLED")
        elif number:
            await engine.cancel(order.order_id)
            await engine.wait_for(order.order_id, "CANCELLED")
    events = await engine.event_log.read_account_after(ACCOUNT, 0, 1000)
    rebuilt = {event.order.order_id: event.order for event in events if event.order}
    stored = {row["order_id"]: await engine.order(row["order_id"]) for row in await engine.rows("SELECT * FROM orders")}
    assert len(stored) == 6
    assert rebuilt == stored
    sequences = await engine.rows("SELECT sequence FROM order_events ORDER BY sequence")
    assert [row["sequence"] for row in sequences] == list(range(1, len(sequences) + 1))


async def test_duplicated_and_reordered_reports_change_nothing(engine: Engine, broker: ScriptedBroker) -> None:
    order = await engine.place()
    broker_order_id = await engine.accepted(order)
    older = broker.fill(broker_order_id, 4, "1400", stream=False)
    newer = broker.fill(broker_order_id, 10, "1401", stream=False)
    for report in (newer, older, newer, older):
        broker.push(report)
    await engine.wait_for(order.order_id, "FILLED", filled_quantity=10)
    marker = await engine.place()
    await engine.accepted(marker)  # everything before it has been taken
    assert [row["quantity"] for row in await engine.rows("SELECT quantity FROM trades")] == [10]


async def test_a_report_may_be_faster_than_the_answer(engine: Engine, broker: ScriptedBroker) -> None:
    answer = asyncio.Event()

    async def fill_first(ticket: OrderTicket) -> Outcome:
        ids = broker.accept(ticket)
        broker.fill(ids.broker_order_id, 10, "1400")
        await answer.wait()
        return ids

    broker.placements.append(fill_first)
    order = await engine.place()
    await engine.wait_for(order.order_id, "FILLED", broker_order_id="261122000000001")
    answer.set()
    await engine.wait_for(order.order_id, "FILLED", unique_order_id="unique-1")


async def test_a_lost_frame_does_not_lose_a_fill(engine: Engine, broker: ScriptedBroker) -> None:
    order = await engine.place()
    broker.fill(await engine.accepted(order), 10, "1400", stream=False)
    await engine.wait_for(order.order_id, "FILLED", filled_quantity=10)


async def test_a_refusal_is_rejected_in_the_brokers_words(engine: Engine, broker: ScriptedBroker) -> None:
    broker.placements.append(answering(Refused("AB1012", "Invalid product type")))
    order = await engine.place()
    rejected = await engine.wait_for(order.order_id, "REJECTED")
    assert (rejected.reason, rejected.message) == ("BROKER_REJECTED", "AB1012: Invalid product type")


async def test_a_later_rejection_by_the_exchange_is_rejected(engine: Engine, broker: ScriptedBroker) -> None:
    order = await engine.place()
    broker_order_id = await engine.accepted(order)
    broker.report(broker_order_id, status=ReportStatus.REJECTED, raw_status="rejected", text="insufficient \x00funds")
    rejected = await engine.wait_for(order.order_id, "REJECTED")
    assert rejected.message == "insufficient funds"


async def test_what_provably_never_left_is_not_placed_and_not_sent_again(
    engine: Engine, broker: ScriptedBroker
) -> None:
    broker.placements.append(answering(NotSent("connection refused")))
    order = await engine.place()
    ended = await engine.wait_for(order.order_id, "NOT_PLACED")
    assert (ended.reason, ended.message) == ("NOT_SENT", "connection refused")
    assert len(broker.sent) == 1


async def test_a_market_order_is_sent_as_a_limit_with_protection(engine: Engine, broker: ScriptedBroker) -> None:
    engine.quotes.last = None
    denied = await engine.place(order_type="MARKET", price=None)
    assert (denied.state, denied.reason, denied.price) == ("DENIED", "QUOTE_NOT_FRESH", None)
    engine.quotes.last = Quote(last=Decimal(1400), bid=Decimal(1399), ask=Decimal(1400), age_seconds=0.1)
    order = await engine.place(order_type="MARKET", price=None)
    assert (order.state, order.order_type, order.price) == ("SUBMITTING", "MARKET", Decimal("1407.00"))
    await engine.accepted(order)
    assert (broker.sent[0].order_type, broker.sent[0].price) == ("LIMIT", Decimal("1407.00"))


async def test_a_stop_order_keeps_its_trigger(engine: Engine, broker: ScriptedBroker) -> None:
    await engine.accepted(await engine.place(order_type="SL", trigger_price=Decimal(1399)))
    assert (broker.sent[0].order_type, broker.sent[0].trigger_price) == ("SL", Decimal(1399))


async def test_more_than_ordered_is_booked_and_raised(engine: Engine, broker: ScriptedBroker) -> None:
    order = await engine.place()
    broker.fill(await engine.accepted(order), 12, "1400")
    await engine.wait_for(order.order_id, "FILLED", filled_quantity=12)
    message = (await engine.rows("SELECT payload FROM outbox WHERE topic = 'ORDER_OVERFILLED'"))[0]["payload"][
        "message"
    ]
    assert "MORE THAN ORDERED" in message


async def test_anothers_order_does_not_exist(engine: Engine) -> None:
    order = await engine.place()
    with pytest.raises(NotFoundError):
        await engine.cancel(order.order_id, Caller("ravi"))
    await engine.cancel(order.order_id, Caller("ops", sees_everything=True))


async def test_waiting_orders_go_in_turn_and_can_be_withdrawn(database: Database, broker: ScriptedBroker) -> None:
    await add_account(database)
    paced = replace(FAST, pacer=PacerSettings(limit=2, window_seconds=0.5))
    async with running_engine(database, broker, settings=paced) as engine:
        orders = [await engine.place() for _ in range(5)]
        assert [order.state for order in orders] == ["SUBMITTING"] * 2 + ["PENDING_SUBMIT"] * 3
        withdrawn = await engine.cancel(orders[3].order_id)
        assert (withdrawn.state, withdrawn.broker_order_id) == ("CANCELLED", None)
        for order in (orders[2], orders[4]):
            await engine.accepted(order)
    assert [ticket.tag for ticket in broker.sent] == [orders[n].tag for n in (0, 1, 2, 4)]


def answering(outcome: Outcome) -> Answer:
    async def answer(ticket: OrderTicket) -> Outcome:
        return outcome

    return answer
