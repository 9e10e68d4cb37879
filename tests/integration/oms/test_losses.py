"""The day's result with charges over a real PostgreSQL, and what a loss does by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine_server.broker.scripted import ScriptedBroker
from engine_server.oms.domain.protection import Quote
from tests.integration.oms.engine import Engine, MemoryFence, add_strategy
from tests.integration.oms.risk_server import Operations, serving_operations
from tests.support.waiting import eventually
from tradewinds.v1 import risk_pb2 as pb


@pytest.fixture
async def operations(engine: Engine, tmp_path: Path) -> AsyncIterator[Operations]:
    async with serving_operations(engine, tmp_path, MemoryFence()) as operations:
        yield operations


async def bought(engine: Engine, broker: ScriptedBroker) -> None:
    await add_strategy(engine.database)
    order = await engine.place_for("momo", 1)
    broker.fill(await engine.accepted(order), 10, "1400")
    await engine.wait_for(order.order_id, "FILLED")


def price(engine: Engine, last: str) -> None:
    engine.quotes.last = Quote(Decimal(last), Decimal(last), Decimal(last), 0.1)


async def limit(engine: Engine, scope: str, subject_id: str, name: str, value: int) -> None:
    await engine.database.pool.execute(
        "INSERT INTO risk_limits (scope, subject_id, name, value) VALUES ($1, $2, $3, $4)",
        scope,
        subject_id,
        name,
        value,
    )


async def test_a_days_result_counts_what_is_open_and_what_trading_costs(
    engine: Engine, broker: ScriptedBroker, operations: Operations
) -> None:
    broker.charge_each = Decimal("20.50")
    await bought(engine, broker)
    price(engine, "1410")

    async def told() -> Any:
        for config_id in ("momo", ""):
            request = pb.ListProfitAndLossRequest(config_id=config_id)
            days = (await operations.stub.ListProfitAndLoss(request, metadata=operations.as_("asha"))).days
            assert len(days) == 1
            day = days[0]
            assert (day.unrealised_pnl, day.charges, day.net_pnl) == ("100.00", "20.50", "79.50"), day
        return day

    day = await eventually(told, what="the day's result")
    assert (day.realised_pnl, day.unpriced_positions) == ("0.00", 0)
    none = await operations.stub.ListProfitAndLoss(pb.ListProfitAndLossRequest(), metadata=operations.as_("ravi"))
    assert list(none.days) == []
    (charged,) = await engine.rows("SELECT count(*) AS n FROM trade_charges")
    assert charged["n"] == 1  # asked for once


async def test_a_strategys_loss_lets_it_only_reduce_and_then_halts_it(engine: Engine, broker: ScriptedBroker) -> None:
    await bought(engine, broker)
    await limit(engine, "STRATEGY", "momo", "max_daily_loss", 100)
    price(engine, "1389")  # 110 lost

    async def reduces() -> bool:
        rows = await engine.rows("SELECT scope, subject_id, action, engaged_by, reason FROM kill_switches")
        return [(r["scope"], r["subject_id"], r["action"], r["engaged_by"]) for r in rows] == [
            ("STRATEGY", "momo", "REDUCE_ONLY", "risk")
        ] and "110.00 rupees lost today" in rows[0]["reason"]

    await eventually(reduces, what="REDUCE_ONLY by itself")

    async def restricted() -> bool:  # the row is there before the board has read it
        return (await engine.place_for("momo", 1)).reason == "TRADING_REDUCE_ONLY"

    await eventually(restricted, what="entries are denied")
    assert (await engine.place()).state == "SUBMITTING"
    price(engine, "1387")  # 130

    async def halted() -> bool:
        return (await engine.place_for("momo", 1)).reason == "TRADING_HALTED"

    await eventually(halted, what="HALT by itself")
    exit_ = await engine.place_for("momo", 1, side="SELL", price=Decimal(1387))
    assert exit_.state != "DENIED"
    rows = await engine.rows("SELECT action FROM kill_switches ORDER BY engaged_at")
    assert [row["action"] for row in rows] == ["REDUCE_ONLY", "HALT"]  # each once
    near = await engine.rows("SELECT dedupe_key, payload FROM outbox WHERE topic = 'RISK_LIMIT_NEAR'")
    assert [row["payload"]["data"]["limit"] for row in near] == [
        "max_daily_loss"
    ]  # once a day, however often it is looked


async def test_a_limit_on_what_is_at_stake_is_told_of_once_before_it_denies(engine: Engine) -> None:
    await limit(engine, "ACCOUNT", "ACC1", "max_open_order_value", 6900)
    for number in range(4):
        await engine.accepted(await engine.place(quantity=1, price=Decimal(1390) + number))

    async def told() -> list[dict[str, Any]]:
        return await engine.rows("SELECT payload FROM outbox WHERE topic = 'RISK_LIMIT_NEAR'")

    await eventually(told, what="it is told")
    assert (await engine.place(quantity=1, price=Decimal(1395))).state == "DENIED"
    await asyncio.sleep(0.3)  # several looks
    (near,) = await told()
    assert near["payload"]["data"] == {"account_id": "ACC1", "config_id": "", "limit": "max_open_order_value"}
    assert "5566 of 6900 are used" in near["payload"]["message"]


async def test_a_strategy_that_enters_again_and_again_is_told_of_before_it_is_stopped(engine: Engine) -> None:
    await add_strategy(engine.database)
    await limit(engine, "STRATEGY", "momo", "max_repeated_entries", 5)
    for number in range(4):
        await engine.accepted(await engine.place_for("momo", 1, quantity=1, price=Decimal(1390) + number))

    async def told() -> list[dict[str, Any]]:
        return await engine.rows("SELECT payload FROM outbox WHERE topic = 'RISK_LIMIT_NEAR'")

    (near,) = await eventually(told, what="it is told")
    assert near["payload"]["data"] == {"account_id": "ACC1", "config_id": "momo", "limit": "max_repeated_entries"}
    assert "4 of 5 are used" in near["payload"]["message"]


async def test_what_was_given_back_since_the_days_best_stops_an_account(engine: Engine, broker: ScriptedBroker) -> None:
    await bought(engine, broker)
    await limit(engine, "ACCOUNT", "ACC1", "max_drawdown", 200)
    price(engine, "1430")
    await eventually(
        lambda: engine.rows("SELECT 1 FROM profit_and_loss WHERE config_id = '' AND best = 300"),
        what="the best is noted",
    )
    price(engine, "1409")  # 90 up on the day, and 210 below its best

    async def stopped() -> bool:
        return (await engine.place()).reason == "TRADING_REDUCE_ONLY"

    await eventually(stopped, what="the account may only reduce")
