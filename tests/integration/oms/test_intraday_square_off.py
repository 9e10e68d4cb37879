"""Intraday positions are taken out by us, as exits through the normal path."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from engine_server.broker.scripted import ScriptedBroker
from tests.integration.oms.engine import Engine, add_strategy
from tests.support.waiting import eventually

WHY = "intraday (MIS) positions are squared off from 15:10 on"


async def opened(engine: Engine, broker: ScriptedBroker, **order: Any) -> None:
    placed = await engine.place_for("momo", 1, **order)
    broker.fill(await engine.accepted(placed), placed.quantity, "1400")
    await engine.wait_for(placed.order_id, "FILLED")


async def test_entries_go_first_then_shorts_are_bought_back_then_longs_are_sold(
    engine: Engine, broker: ScriptedBroker
) -> None:
    await add_strategy(engine.database)
    await opened(engine, broker, quantity=10)
    await opened(engine, broker, instrument="NFO:NIFTY24NOV26FUT", side="SELL", quantity=65)
    await opened(engine, broker, quantity=5, product="CNC")
    guarded = await engine.place_for("momo", 1, quantity=3, price=Decimal(1300))
    await engine.accepted(guarded)
    engine.intraday.over = WHY

    async def exits() -> list[dict[str, Any]]:
        return await engine.rows(
            "SELECT order_id, side, quantity, product, config_id, is_exit, state FROM orders "
            "WHERE request_id LIKE 'square-off-%' ORDER BY created_at"
        )

    (first,) = await eventually(exits, what="the short is bought back")
    assert (first["side"], first["quantity"], first["config_id"], first["is_exit"]) == ("BUY", 65, "momo", True)
    assert (await engine.order(guarded.order_id)).state == "CANCELLED"
    broker.fill(await engine.accepted(await engine.order(first["order_id"])), 65, "1400")

    async def sold() -> dict[str, Any] | None:
        found = await exits()
        return found[1] if len(found) == 2 else None

    second = await eventually(sold, what="the long is sold")
    assert second is not None
    assert (second["side"], second["quantity"], second["product"]) == ("SELL", 10, "MIS")
    broker.fill(await engine.accepted(await engine.order(second["order_id"])), 10, "1400")
    await engine.wait_for(second["order_id"], "FILLED")
    books = await engine.queries.strategy_positions("momo")
    assert {(b.instrument, b.product): b.net_quantity for b in books} == {
        ("NFO:NIFTY24NOV26FUT", "MIS"): 0,
        ("NSE:RELIANCE-EQ", "MIS"): 0,
        ("NSE:RELIANCE-EQ", "CNC"): 5,  # delivery stays
    }
    audited = await engine.rows(
        "SELECT DISTINCT split_part(actor, ':', 1) AS actor, reason FROM audit_log WHERE actor LIKE 'square_off:%'"
    )
    assert audited == [{"actor": "square_off", "reason": WHY}]
    told = await engine.rows(
        "SELECT count(*) AS n FROM order_events WHERE config_id = 'momo' AND order_id = $1", second["order_id"]
    )
    assert told[0]["n"] > 1  # the strategy's own log: its on_order and on_trade
