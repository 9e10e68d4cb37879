"""The engine closes what a strategy holds: its orders first, then one exit, and never twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from engine_server.broker.scripted import ScriptedBroker
from engine_server.fleet.flattening import Flattener
from engine_server.oms.domain.protection import Quote
from tests.integration.oms.engine import Engine, add_strategy
from tests.support.waiting import eventually
from tradewinds.clock import SystemClock


@pytest.fixture
async def flattener(engine: Engine, broker: ScriptedBroker) -> AsyncIterator[Flattener]:
    """It runs; `momo` has bought 10 and has another order working, its runner is gone, and it is to be flat."""
    await add_strategy(engine.database, epoch=1)
    engine.quotes.last = Quote(last=Decimal(1400), bid=Decimal(1399), ask=Decimal(1400), age_seconds=0.1)
    bought = await engine.place_for("momo", 1, quantity=10)
    broker.fill(await engine.accepted(bought), 10, "1400")
    await engine.wait_for(bought.order_id, "FILLED")
    await engine.accepted(await engine.place_for("momo", 1, quantity=5))
    await engine.database.pool.execute("UPDATE assignments SET instance_id = NULL")
    await engine.database.pool.execute("UPDATE strategy_configs SET flatten_because = 'crashed'")
    flattener = Flattener(engine.database, engine.registry, engine.queries, SystemClock(), lambda instrument: True)
    task = asyncio.create_task(flattener.run())
    yield flattener
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_its_orders_are_cancelled_one_exit_is_sent_and_then_it_is_done(
    engine: Engine, flattener: Flattener, broker: ScriptedBroker
) -> None:
    async def exits() -> list[dict[str, Any]]:
        return await engine.rows("SELECT * FROM orders WHERE request_id LIKE 'flatten-%'")

    await eventually(exits, timeout=20, what="the exit")
    [leaving] = await exits()
    assert (leaving["side"], leaving["quantity"], leaving["config_id"], leaving["epoch"]) == ("SELL", 10, "momo", None)
    others = await engine.rows("SELECT state FROM orders WHERE request_id NOT LIKE 'flatten-%' ORDER BY created_at")
    assert [row["state"] for row in others] == ["FILLED", "CANCELLED"]
    broker_order_id = await engine.accepted(await engine.order(leaving["order_id"]))
    await asyncio.sleep(2.5)  # it rests: no second one beside it
    assert len(await exits()) == 1
    broker.fill(broker_order_id, 10, "1399")

    async def done() -> bool:
        [config] = await engine.rows("SELECT flatten_because FROM strategy_configs")
        return bool(config["flatten_because"] == "")

    await eventually(done, timeout=30, what="the strategy is flat")
    assert len(await exits()) == 1
