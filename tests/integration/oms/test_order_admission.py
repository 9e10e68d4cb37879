"""Which requests become an order: repeats, denials, fences, what is wrong with them."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from engine_server.broker.scripted import ScriptedBroker
from engine_server.oms.domain.commands import Denial
from engine_server.oms.records import OrderRecord
from tests.integration.oms.engine import ACCOUNT, ASHA, Engine, add_account, add_strategy
from tests.support.waiting import eventually
from tradewinds.errors import (
    InvalidArgumentError,
    LeaseSupersededError,
    NotFoundError,
    RequestIdReusedError,
)


async def test_the_same_request_is_the_same_order(engine: Engine, broker: ScriptedBroker) -> None:
    first = await engine.place(request_id="r1")
    again = await engine.place(request_id="r1")
    assert again.order_id == first.order_id
    with pytest.raises(RequestIdReusedError, match="r1"):
        await engine.place(request_id="r1", quantity=11)
    assert len(broker.sent) == 1


async def test_simultaneous_repeats_are_one_order_and_another_body_among_them_is_refused(
    engine: Engine, broker: ScriptedBroker
) -> None:
    same = [engine.place(request_id="r1") for _ in range(64)]
    others = [engine.place(request_id="r1", quantity=11 + n) for n in range(64)]
    first, *answers = await asyncio.gather(*same, *others, return_exceptions=True)
    assert isinstance(first, OrderRecord)
    assert {answer.order_id for answer in answers[:63] if isinstance(answer, OrderRecord)} == {first.order_id}
    assert [type(answer) for answer in answers] == [OrderRecord] * 63 + [RequestIdReusedError] * 64
    await engine.accepted(first)
    assert [ticket.quantity for ticket in broker.sent] == [10]


async def test_200_concurrent_orders_need_few_commits(engine: Engine, broker: ScriptedBroker) -> None:
    before = (await engine.rows("SELECT max(sequence) AS last FROM order_events"))[0]["last"] or 0
    orders = await asyncio.gather(*(engine.place() for _ in range(200)))
    assert len({order.order_id for order in orders}) == 200
    commits = await engine.rows(
        "SELECT count(DISTINCT xmin::text) AS commits FROM order_events WHERE kind = 'PLACED' AND sequence > $1", before
    )
    assert commits[0]["commits"] <= 20
    await eventually(lambda: len(broker.sent) == 200)
    assert len({ticket.tag for ticket in broker.sent}) == 200


async def test_a_denied_order_is_stored_and_not_sent(engine: Engine, broker: ScriptedBroker) -> None:
    await add_strategy(engine.database, capital=Decimal(10_000))
    denied = await engine.place_for("momo", 1)
    assert (denied.state, denied.reason) == ("DENIED", "RISK_CAPITAL")
    assert (await engine.order(denied.order_id)).state == "DENIED"
    await engine.accepted(await engine.place_for("momo", 1, quantity=7))
    assert [ticket.quantity for ticket in broker.sent] == [7]


async def test_an_exit_passes_the_capital_rule(engine: Engine, broker: ScriptedBroker) -> None:
    await add_strategy(engine.database, capital=Decimal(14_000))
    entry = await engine.place_for("momo", 1)
    broker.fill(await engine.accepted(entry), 10, "1400")
    await engine.wait_for(entry.order_id, "FILLED")
    assert (await engine.place_for("momo", 1)).state == "DENIED"
    assert (await engine.place_for("momo", 1, side="SELL")).state == "SUBMITTING"


async def test_a_closed_market_takes_exits_and_no_entries(engine: Engine, broker: ScriptedBroker) -> None:
    bought = await engine.place(quantity=10)
    broker.fill(await engine.accepted(bought), 10, "1400")
    await engine.wait_for(bought.order_id, "FILLED")
    engine.market.closed_because = Denial("MARKET_CLOSED", "NSE is closed until 09:00 tomorrow")

    entry = await engine.place(quantity=1)
    exit_by_hand = await engine.place(side="SELL", quantity=10)
    beyond = await engine.place(side="SELL", quantity=1)

    assert (entry.state, entry.reason, entry.message) == (
        "DENIED",
        "MARKET_CLOSED",
        "NSE is closed until 09:00 tomorrow",
    )
    assert exit_by_hand.state != "DENIED"
    assert beyond.state == "DENIED", "the working exit takes all that is open"


async def test_a_stale_epoch_is_superseded_and_leaves_nothing(engine: Engine, broker: ScriptedBroker) -> None:
    await add_strategy(engine.database, epoch=5)
    results = await asyncio.gather(
        engine.place_for("momo", 4), engine.place_for("momo", 5), engine.place(), return_exceptions=True
    )
    assert isinstance(results[0], LeaseSupersededError)
    assert [result.state for result in results[1:] if isinstance(result, OrderRecord)] == ["SUBMITTING"] * 2
    assert len(await engine.rows("SELECT 1 FROM orders")) == 2
    sequences = await engine.rows("SELECT sequence FROM order_events ORDER BY sequence")
    assert [row["sequence"] for row in sequences] == list(range(1, len(sequences) + 1))


async def test_nobody_holds_a_released_strategy(engine: Engine) -> None:
    await add_strategy(engine.database, epoch=5)
    await engine.database.pool.execute("UPDATE assignments SET instance_id = NULL")
    with pytest.raises(LeaseSupersededError, match="epoch 5"):
        await engine.place_for("momo", 5)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"instrument": "NIFTY 50"}, "instrument"),
        ({"instrument": "RELIANC"}, "instrument"),
        ({"price": Decimal("1400.01")}, "price"),
        ({"account_id": "ACC9"}, "account_id"),
    ],
)
async def test_bad_requests_store_nothing(engine: Engine, changes: dict[str, Any], field: str) -> None:
    with pytest.raises((InvalidArgumentError, NotFoundError)) as refused:
        await engine.place(**changes)
    assert [violation.field for violation in refused.value.violations] == [field]
    assert await engine.rows("SELECT 1 FROM orders") == []


async def test_with_several_accounts_one_must_be_named(engine: Engine) -> None:
    await add_account(engine.database, "ACC2")
    await engine.registry.accounts.refresh()
    with pytest.raises(InvalidArgumentError, match="ACC1, ACC2"):
        await engine.place()
    assert (await engine.place(ASHA, account_id=ACCOUNT)).account_id == ACCOUNT
