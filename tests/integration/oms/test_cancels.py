"""Cancels: asked for once, raced by fills, unanswered, refused, withdrawn."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from engine_server.broker.port import NotSent, OrderTicket, Outcome, Refused
from engine_server.broker.scripted import ScriptedBroker
from tests.integration.oms.engine import ACCOUNT, RUNNER, Engine, add_strategy
from tests.support.waiting import eventually
from tradewinds.errors import (
    LeaseSupersededError,
    NotFoundError,
    PreconditionError,
)


async def test_an_order_is_cancelled_once_it_is_asked_for(engine: Engine, broker: ScriptedBroker) -> None:
    order = await engine.place()
    broker_order_id = await engine.accepted(order)
    assert (await engine.cancel(order.order_id, reason="changed my mind")).cancel_requested
    ended = await engine.wait_for(order.order_id, "CANCELLED")
    assert ended.reason == "CANCELLED_ON_REQUEST"
    assert broker.cancels_sent == [broker_order_id]
    with pytest.raises(PreconditionError) as refused:
        await engine.cancel(order.order_id)
    assert refused.value.reason == "ORDER_ENDED"
    audit = await engine.rows("SELECT actor, reason FROM audit_log WHERE action = 'order.cancel'")
    assert audit == [{"actor": "asha", "reason": "changed my mind"}]


async def test_a_fill_that_was_faster_than_the_cancel_wins(engine: Engine, broker: ScriptedBroker) -> None:
    order = await engine.place()
    broker_order_id = await engine.accepted(order)
    broker.cancels.append(Refused("AB1013", "Order not found"))
    broker.fill(broker_order_id, 10, "1400", stream=False)
    await engine.cancel(order.order_id)
    await engine.wait_for(order.order_id, "FILLED", filled_quantity=10)


async def test_a_fill_after_the_cancel_is_booked_and_raised(engine: Engine, broker: ScriptedBroker) -> None:
    order = await engine.place()
    broker_order_id = await engine.accepted(order)
    await engine.cancel(order.order_id)
    await engine.wait_for(order.order_id, "CANCELLED", filled_quantity=0)
    broker.report(broker_order_id, filled_quantity=3, average_price=Decimal(1400))
    await engine.wait_for(order.order_id, "CANCELLED", filled_quantity=3)
    assert [e.kind for e in await engine.event_log.read_account_after(ACCOUNT, 0, 100)][-1] == "LATE_FILL"
    assert (await engine.rows("SELECT net_quantity FROM positions"))[0]["net_quantity"] == 3


async def test_a_cancel_waits_for_the_brokers_id(engine: Engine, broker: ScriptedBroker) -> None:
    answer = asyncio.Event()

    async def slow(ticket: OrderTicket) -> Outcome:
        await answer.wait()
        return broker.accept(ticket)

    broker.placements.append(slow)
    order = await engine.place()
    await engine.cancel(order.order_id)
    assert broker.cancels_sent == []
    answer.set()
    await engine.wait_for(order.order_id, "CANCELLED")
    assert len(broker.cancels_sent) == 1


async def test_an_order_that_ended_before_its_cancel_could_go_is_not_cancelled(
    engine: Engine, broker: ScriptedBroker
) -> None:
    answer = asyncio.Event()

    async def filled(ticket: OrderTicket) -> Outcome:
        await answer.wait()
        ids = broker.accept(ticket)
        broker.fill(ids.broker_order_id, 10, "1400", stream=False)
        broker.push(broker.book[ids.broker_order_id])
        await eventually(lambda: _state_of(engine, order.order_id, "FILLED"))
        return ids

    broker.placements.append(filled)
    order = await engine.place()
    await engine.cancel(order.order_id)
    answer.set()
    await engine.wait_for(order.order_id, "FILLED")
    await engine.accepted(await engine.place())
    assert broker.cancels_sent == []


async def test_an_unanswered_cancel_is_asked_again(engine: Engine, broker: ScriptedBroker) -> None:
    order = await engine.place()
    broker_order_id = await engine.accepted(order)
    broker.cancels.append(NotSent("connection refused"))
    await engine.cancel(order.order_id)
    await engine.wait_for(order.order_id, "CANCELLED")
    assert broker.cancels_sent == [broker_order_id] * 2


async def test_a_refused_cancel_may_be_asked_again(engine: Engine, broker: ScriptedBroker) -> None:
    order = await engine.place()
    await engine.accepted(order)
    broker.cancels.append(Refused("AB2001", "try later"))
    await engine.cancel(order.order_id)
    still = await engine.wait_for(order.order_id, "OPEN", cancel_requested=False)
    assert "try later" in still.message
    await engine.cancel(order.order_id)
    await engine.wait_for(order.order_id, "CANCELLED")


async def test_a_strategys_order_is_cancelled_only_under_its_own_epoch(engine: Engine, broker: ScriptedBroker) -> None:
    await add_strategy(engine.database, epoch=2)
    order = await engine.place_for("momo", 2)
    await engine.accepted(order)
    with pytest.raises(LeaseSupersededError):
        await engine.cancel(order.order_id, RUNNER, config_id="momo", epoch=1)
    with pytest.raises(NotFoundError):
        await engine.cancel(order.order_id, RUNNER, config_id="other", epoch=1)
    await engine.cancel(order.order_id, RUNNER, config_id="momo", epoch=2)
    await engine.wait_for(order.order_id, "CANCELLED")


async def _state_of(engine: Engine, order_id: str, state: str) -> bool:
    return (await engine.order(order_id)).state == state
