"""Changing working orders, and exits that make room for themselves and never exceed what is open."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine_server.broker.port import NotSent, Outcome, Refused, ReportStatus, Unknown
from engine_server.broker.scripted import ScriptedBroker
from engine_server.oms import modifying
from engine_server.oms.changing import ChangeRequest
from engine_server.oms.directory import Caller
from engine_server.oms.pacer import PacerSettings
from engine_server.oms.records import OrderRecord
from tests.integration.oms.engine import ASHA, FAST, RUNNER, Engine, add_account, add_strategy, running_engine
from tests.integration.oms.test_trading_rpc import failure
from tests.integration.oms.trading_server import serving
from tests.support.waiting import eventually
from tradewinds.database.session import Database
from tradewinds.errors import InvalidArgumentError, NotFoundError, PreconditionError
from tradewinds.v1 import trading_pb2 as pb


async def change(engine: Engine, order: OrderRecord, caller: Caller = ASHA, **changes: object) -> OrderRecord:
    request = ChangeRequest(order_id=order.order_id, actor=caller.subject, **changes)  # type: ignore[arg-type]
    return await engine.registry.modify(request, caller)


async def opened(engine: Engine, broker: ScriptedBroker, quantity: int = 10, **changes: object) -> OrderRecord:
    """A strategy's position."""
    entry = await engine.place_for("momo", 1, quantity=quantity, **changes)
    broker.fill(await engine.accepted(entry), quantity, "1400")
    return await engine.wait_for(entry.order_id, "FILLED")


async def test_a_change_says_everything_again_and_shows_in_the_order(engine: Engine, broker: ScriptedBroker) -> None:
    order = await engine.place(order_type="SL", trigger_price=Decimal(1399))
    await engine.accepted(order)
    pending = await change(engine, order, price=Decimal("1401.05"), quantity=12)
    assert (pending.state, pending.modify_requested) == ("OPEN", True)
    changed = await engine.wait_for(order.order_id, "OPEN", modify_requested=False)
    assert (changed.price, changed.quantity, changed.trigger_price) == (Decimal("1401.05"), 12, Decimal(1399))
    (sent,) = broker.changes_sent
    assert (sent.order_type, sent.trigger_price, sent.quantity) == ("SL", Decimal(1399), 12)
    broker.fill(changed.broker_order_id or "", 12, "1400")
    await engine.wait_for(order.order_id, "FILLED", filled_quantity=12)  # no overfill: 12 were ordered by then
    audit = await engine.rows("SELECT before FROM audit_log WHERE action = 'order.modify'")
    assert audit[0]["before"]["quantity"] == 10


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Refused("AB2001", "price out of range"), "AB2001: price out of range"),
        (NotSent("no connection"), "no connection"),
    ],
)
async def test_a_change_that_was_not_made_leaves_the_order_as_it_was(
    engine: Engine, broker: ScriptedBroker, answer: Outcome, words: str
) -> None:
    order = await engine.place()
    await engine.accepted(order)
    broker.modifications.append(answer)
    await change(engine, order, price=Decimal(1405))
    failed = await engine.wait_for(order.order_id, "OPEN", modify_requested=False)
    assert failed.price == Decimal(1400)
    assert words in failed.message


@pytest.mark.parametrize("made", [True, False])
async def test_an_unclear_change_is_settled_by_the_books_and_never_sent_again(
    engine: Engine, broker: ScriptedBroker, made: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modifying, "SETTLE_SECONDS", 0.3)
    order = await engine.place()
    broker_order_id = await engine.accepted(order)
    broker.modifications.append(Unknown("timed out"))
    await change(engine, order, price=Decimal(1405))
    await eventually(lambda: broker.changes_sent)
    if made:
        broker.report(broker_order_id, price=Decimal(1405), stream=False)
    settled = await engine.wait_for(order.order_id, "OPEN", modify_requested=False)
    assert settled.price == (Decimal(1405) if made else Decimal(1400))
    assert len(broker.changes_sent) == 1


async def test_a_change_asked_for_by_an_engine_that_died_is_settled_by_the_book(
    database: Database, broker: ScriptedBroker
) -> None:
    await add_account(database)
    paced = replace(FAST, pacer=PacerSettings(limit=1, window_seconds=60))
    async with running_engine(database, broker, settings=paced) as first:
        order = await first.place()
        broker_order_id = await first.accepted(order)
        await change(first, order, price=Decimal(1405))
    broker.report(broker_order_id, price=Decimal(1405), stream=False)
    async with running_engine(database, broker, owner="engine-1") as second:
        settled = await second.wait_for(order.order_id, "OPEN", modify_requested=False)
        assert settled.price == Decimal(1405)


async def test_what_cannot_be_changed_is_refused_with_the_reason(engine: Engine, broker: ScriptedBroker) -> None:
    order = await engine.place()
    broker_order_id = await engine.accepted(order)
    with pytest.raises(InvalidArgumentError, match="at least one of"):
        await change(engine, order)
    with pytest.raises(InvalidArgumentError, match="tick grid"):
        await change(engine, order, price=Decimal("1400.01"))
    with pytest.raises(InvalidArgumentError, match="a LIMIT order has none"):
        await change(engine, order, trigger_price=Decimal(1400))
    with pytest.raises(NotFoundError):
        await change(engine, order, Caller("ravi"), price=Decimal(1405))
    broker.fill(broker_order_id, 4, "1400")
    await engine.wait_for(order.order_id, "PARTIALLY_FILLED")
    with pytest.raises(InvalidArgumentError, match="4 are filled already"):
        await change(engine, order, quantity=4)
    broker.cancels.append(Unknown("slow"))
    await engine.cancel(order.order_id)
    with pytest.raises(PreconditionError) as pending:
        await change(engine, order, price=Decimal(1405))
    assert pending.value.reason == "CHANGE_PENDING"
    broker.report(broker_order_id, status=ReportStatus.CANCELLED)
    await engine.wait_for(order.order_id, "CANCELLED")
    with pytest.raises(PreconditionError) as ended:
        await change(engine, order, price=Decimal(1405))
    assert ended.value.reason == "ORDER_ENDED"


async def test_a_change_passes_the_rules_as_the_order_that_it_makes(engine: Engine, broker: ScriptedBroker) -> None:
    await add_strategy(engine.database, capital=Decimal(20_000))
    order = await engine.place_for("momo", 1)
    await engine.accepted(order)
    with pytest.raises(PreconditionError) as denied:
        await change(engine, order, RUNNER, config_id="momo", epoch=1, quantity=20)
    assert denied.value.reason == "RISK_CAPITAL"
    assert (await change(engine, order, RUNNER, config_id="momo", epoch=1, quantity=14)).modify_requested


async def test_modify_over_the_api(engine: Engine, broker: ScriptedBroker, tmp_path: Path) -> None:
    order = await engine.place()
    await engine.accepted(order)
    async with serving(engine, tmp_path) as trading:
        asha = trading.as_("asha", "trader")
        request = pb.ModifyOrderRequest(order_id=order.order_id, price="1402.50", reason="nearer")
        assert (await trading.stub.ModifyOrder(request, metadata=asha)).modify_requested
        await engine.wait_for(order.order_id, "OPEN", price=Decimal("1402.50"))
        refused = await failure(trading.stub.ModifyOrder(request, metadata=trading.as_("asha", "operator")))
        assert refused.reason == "PERMISSION_DENIED"


async def test_exits_never_close_more_than_is_open(engine: Engine, broker: ScriptedBroker) -> None:
    await add_strategy(engine.database)
    await opened(engine, broker)
    first = await engine.place_for("momo", 1, side="SELL", quantity=6, price=Decimal(1500))
    assert (first.state, first.is_exit) == ("SUBMITTING", True)
    second = await engine.place_for("momo", 1, side="SELL", quantity=6, price=Decimal(1510))
    assert (second.state, second.reason) == ("DENIED", "EXIT_EXCEEDS_OPEN")
    assert "exit at most 4" in second.message
    third = await engine.place_for("momo", 1, side="SELL", quantity=20, price=Decimal(1510), reduce_only=True)
    assert third.reason == "EXIT_EXCEEDS_OPEN"
    person = await engine.place(side="SELL", quantity=6, price=Decimal(1500))
    assert person.reason == "EXIT_EXCEEDS_OPEN"  # the account's exits are counted together
    assert (await engine.place_for("momo", 1, side="SELL", quantity=4, price=Decimal(1510))).state == "SUBMITTING"


async def test_an_exit_waits_until_the_resting_entry_that_it_would_meet_is_gone(
    engine: Engine, broker: ScriptedBroker
) -> None:
    await add_strategy(engine.database)
    await opened(engine, broker)
    resting = await engine.place_for("momo", 1, price=Decimal(1390))
    resting_id = await engine.accepted(resting)
    broker.cancels.append(Unknown("slow"))
    exit_order = await engine.place_for("momo", 1, side="SELL", price=Decimal(1385))
    assert exit_order.state == "PENDING_SUBMIT"
    await eventually(lambda: broker.cancels_sent == [resting_id])
    assert len(broker.sent) == 2
    broker.fill(resting_id, 3, "1390")  # a part of it was faster
    broker.report(resting_id, status=ReportStatus.CANCELLED, raw_status="cancelled")
    await engine.wait_for(exit_order.order_id, "OPEN", quantity=10)
    assert [ticket.side for ticket in broker.sent] == ["BUY", "BUY", "SELL"]


async def test_an_exit_that_waited_closes_no_more_than_is_left(engine: Engine, broker: ScriptedBroker) -> None:
    await add_strategy(engine.database)
    await opened(engine, broker)
    resting = await engine.place_for("momo", 1, price=Decimal(1390))
    resting_id = await engine.accepted(resting)
    other = await engine.place_for("momo", 1, side="SELL", quantity=4, price=Decimal(1500))
    other_id = await engine.accepted(other)
    broker.cancels.append(Unknown("slow"))
    waiting = await engine.place_for("momo", 1, side="SELL", quantity=6, price=Decimal(1385))
    assert waiting.state == "PENDING_SUBMIT"
    # More of the other exit is filled than it had: what is open has shrunk to 2.
    broker.fill(other_id, 8, "1500")
    await engine.wait_for(other.order_id, "FILLED", filled_quantity=8)
    broker.report(resting_id, status=ReportStatus.CANCELLED, raw_status="cancelled")
    await engine.wait_for(waiting.order_id, "OPEN", quantity=2)
    assert broker.sent[-1].quantity == 2


async def test_more_than_the_freeze_quantity_goes_as_attempts_at_one_intent(
    engine: Engine, broker: ScriptedBroker
) -> None:
    sliced: dict[str, Any] = {"instrument": "NIFTY24NOV26FUT", "product": "NRML", "price": Decimal(26_000)}
    order = await engine.place(request_id="r1", quantity=65 * 60, **sliced)
    assert (order.quantity, order.attempt) == (1_755, 1)
    assert (await engine.place(request_id="r1", quantity=65 * 60, **sliced)).order_id == order.order_id
    await eventually(lambda: len(broker.book) == 3)
    assert sorted(ticket.quantity for ticket in broker.sent) == [390, 1_755, 1_755]
    assert len({ticket.tag for ticket in broker.sent}) == 3
    assert all(ticket.tag[:13] == order.tag[:13] for ticket in broker.sent)  # the tag says which intent it is
    attempts = await engine.queries.attempts(order)
    assert [(one.attempt, one.quantity, one.request_id) for one in attempts] == [(2, 1_755, "r1#2"), (3, 390, "r1#3")]
    broker.fill(await engine.accepted(order), 1_755, "26000")
    await engine.wait_for(order.order_id, "FILLED")
    await engine.accepted(attempts[0])
    await engine.accepted(attempts[1])
    await engine.cancel(order.order_id)  # who cancels the first means the whole intent
    for one in attempts:
        await engine.wait_for(one.order_id, "CANCELLED")
    too_much = await engine.place(quantity=65 * 27 * 21, **sliced)
    assert too_much.reason == "QUANTITY_TOO_LARGE"


async def test_entries_leave_room_for_exits_and_cancels(database: Database, broker: ScriptedBroker) -> None:
    await add_account(database)
    await add_strategy(database)
    paced = replace(FAST, pacer=PacerSettings(limit=5, window_seconds=60, reserve=2))
    async with running_engine(database, broker, settings=paced) as engine:
        await opened(engine, broker)
        entries = [await engine.place_for("momo", 1, price=Decimal(1300 + n)) for n in range(4)]
        assert [order.state for order in entries] == ["SUBMITTING", "SUBMITTING", "PENDING_SUBMIT", "PENDING_SUBMIT"]
        leaving = await engine.place_for("momo", 1, side="SELL", price=Decimal(1500))
        assert leaving.state == "SUBMITTING"
        await engine.accepted(entries[0])
        await engine.cancel(entries[0].order_id)
        await engine.wait_for(entries[0].order_id, "CANCELLED")
        assert (await engine.order(entries[3].order_id)).state == "PENDING_SUBMIT"
