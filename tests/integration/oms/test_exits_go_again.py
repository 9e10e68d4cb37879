"""An exit that never reached the broker is sent again, for what is still open and once; an entry is handed back."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from engine_server.broker.port import NotSent, OrderTicket, Outcome
from engine_server.broker.scripted import ScriptedBroker
from engine_server.oms.records import OrderRecord
from tests.integration.oms.engine import Engine, add_strategy
from tests.support.waiting import eventually


async def never_left(ticket: OrderTicket) -> Outcome:
    return NotSent("no connection")


async def holding(engine: Engine, broker: ScriptedBroker, quantity: int = 10) -> None:
    await add_strategy(engine.database)
    bought = await engine.place_for("momo", 1, quantity=quantity)
    broker.fill(await engine.accepted(bought), quantity, "1400")
    await engine.wait_for(bought.order_id, "FILLED")


async def attempts(engine: Engine, order: OrderRecord) -> list[dict[str, Any]]:
    return await engine.rows(
        "SELECT order_id, attempt, quantity, state, tag, config_id, is_exit FROM orders WHERE intent_id = $1 ORDER BY attempt",
        order.order_id,
    )


async def test_an_exit_goes_again_as_a_new_attempt_at_the_same_intent(engine: Engine, broker: ScriptedBroker) -> None:
    await holding(engine, broker)
    broker.placements.append(never_left)
    exit_ = await engine.place_for("momo", 1, side="SELL", order_type="MARKET", price=None)
    await engine.wait_for(exit_.order_id, "NOT_PLACED", reason="NOT_SENT")

    async def again() -> dict[str, Any] | None:
        found = await attempts(engine, exit_)
        return found[1] if len(found) == 2 and found[1]["state"] == "OPEN" else None

    second = await eventually(again, what="the second attempt")
    assert second is not None
    assert (second["attempt"], second["quantity"], second["config_id"], second["is_exit"]) == (2, 10, "momo", True)
    assert [ticket.tag for ticket in broker.sent[1:]] == [exit_.tag, second["tag"]]
    assert exit_.tag[:13] == second["tag"][:13]  # the same intent
    audited = await engine.rows("SELECT reason FROM audit_log WHERE action = 'order.send_again'")
    assert audited == [{"reason": f"{exit_.order_id}: NOT_SENT"}]


async def test_what_was_closed_meanwhile_is_not_closed_again_and_an_entry_is_handed_back(
    engine: Engine, broker: ScriptedBroker
) -> None:
    await holding(engine, broker)
    broker.placements.extend([never_left, never_left])
    exit_ = await engine.place_for("momo", 1, side="SELL", price=Decimal(1400))
    entry = await engine.place(quantity=3)
    await engine.wait_for(exit_.order_id, "NOT_PLACED")
    await engine.wait_for(entry.order_id, "NOT_PLACED")
    own = await engine.place_for("momo", 1, side="SELL", quantity=10, price=Decimal(1399))
    broker.fill(await engine.accepted(own), 10, "1399")
    await engine.wait_for(own.order_id, "FILLED")
    await asyncio.sleep(1.3)  # past the moment at which it would have gone again
    assert [len(await attempts(engine, order)) for order in (exit_, entry)] == [1, 1]
