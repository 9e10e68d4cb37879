"""The Trading service as callers see it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc
import pytest

from engine_server.broker.scripted import ScriptedBroker
from engine_server.oms.domain.protection import Quote
from tests.integration.oms.engine import ACCOUNT, Engine, add_account, add_strategy
from tests.integration.oms.trading_server import Trading, serving
from tests.support.waiting import eventually
from tradewinds import auth, errors
from tradewinds.ids import new_id
from tradewinds.v1 import common_pb2
from tradewinds.v1 import trading_pb2 as pb


@pytest.fixture
async def trading(engine: Engine, tmp_path: Path) -> AsyncIterator[Trading]:
    async with serving(engine, tmp_path) as trading:
        yield trading


def request(**changes: Any) -> pb.PlaceOrderRequest:
    fields: dict[str, Any] = {
        "request_id": new_id("req"),
        "instrument": "RELIANCE",
        "side": common_pb2.SIDE_BUY,
        "quantity": 10,
        "order_type": common_pb2.ORDER_TYPE_LIMIT,
        "price": "1400",
    }
    return pb.PlaceOrderRequest(**{**fields, **changes})


async def failure(call: Any) -> errors.TradewindsError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return errors.from_rpc_error(raised.value)


async def test_place_get_and_list(engine: Engine, trading: Trading) -> None:
    asha = trading.as_("asha")
    placed = await trading.stub.PlaceOrder(request(request_id="r1"), metadata=asha)
    assert placed.state == pb.ORDER_STATE_SUBMITTING
    assert (placed.account_id, placed.instrument, placed.price) == (ACCOUNT, "NSE:RELIANCE-EQ", "1400.00")
    assert (placed.product, placed.user_id, placed.epoch) == (common_pb2.PRODUCT_MIS, "asha", 0)
    again = await trading.stub.PlaceOrder(request(request_id="r1"), metadata=asha)
    assert again.order_id == placed.order_id
    await engine.wait_for(placed.order_id, "OPEN")
    got = await trading.stub.GetOrder(pb.GetOrderRequest(order_id=placed.order_id), metadata=asha)
    assert (got.state, bool(got.broker_order_id)) == (pb.ORDER_STATE_OPEN, True)
    period = pb.ListOrdersRequest(end=placed.created_at)
    assert list((await trading.stub.ListOrders(period, metadata=asha)).orders) == []
    period = pb.ListOrdersRequest(start=placed.created_at)
    assert [o.order_id for o in (await trading.stub.ListOrders(period, metadata=asha)).orders] == [placed.order_id]
    listed = await trading.stub.ListOrders(pb.ListOrdersRequest(state=pb.ORDER_STATE_OPEN), metadata=asha)
    assert [order.order_id for order in listed.orders] == [placed.order_id]
    none = await trading.stub.ListOrders(pb.ListOrdersRequest(state=pb.ORDER_STATE_FILLED), metadata=asha)
    assert list(none.orders) == []


async def test_lists_page_from_newest_to_oldest(engine: Engine, trading: Trading) -> None:
    asha = trading.as_("asha")
    placed = [(await trading.stub.PlaceOrder(request(), metadata=asha)).order_id for _ in range(5)]
    seen: list[str] = []
    token = ""
    while True:
        page = await trading.stub.ListOrders(pb.ListOrdersRequest(page_size=2, page_token=token), metadata=asha)
        seen += [order.order_id for order in page.orders]
        token = page.next_page_token
        if not token:
            break
    assert seen == placed[::-1]
    refused = await failure(trading.stub.ListOrders(pb.ListOrdersRequest(page_token="nonsense"), metadata=asha))
    assert refused.violations[0].field == "page_token"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"side": common_pb2.SIDE_UNSPECIFIED}, "side"),
        ({"order_type": common_pb2.ORDER_TYPE_UNSPECIFIED}, "order_type"),
        ({"price": "abc"}, "price"),
        ({"price": "1400.03"}, "price"),
        ({"request_id": ""}, "request_id"),
        ({"quantity": 0}, "quantity"),
        ({"instrument": "NOPE"}, "instrument"),
        ({"config_id": "momo"}, "config_id"),
        ({"epoch": 3}, "epoch"),
    ],
)
async def test_a_bad_field_is_named(trading: Trading, changes: dict[str, Any], field: str) -> None:
    refused = await failure(trading.stub.PlaceOrder(request(**changes), metadata=trading.as_("asha")))
    assert isinstance(refused, errors.InvalidArgumentError)
    assert [violation.field for violation in refused.violations] == [field]


async def test_a_reused_request_id_is_told_apart(trading: Trading) -> None:
    asha = trading.as_("asha")
    await trading.stub.PlaceOrder(request(request_id="r1"), metadata=asha)
    refused = await failure(trading.stub.PlaceOrder(request(request_id="r1", quantity=11), metadata=asha))
    assert refused.reason == "REQUEST_ID_REUSED"


async def test_anothers_orders_do_not_exist(engine: Engine, trading: Trading) -> None:
    await add_account(engine.database, "ACC2", "ravi")
    order = await trading.stub.PlaceOrder(request(), metadata=trading.as_("asha"))
    ravi, operator = trading.as_("ravi"), trading.as_("ops", auth.OPERATOR)
    by_id = pb.GetOrderRequest(order_id=order.order_id)
    assert (await failure(trading.stub.GetOrder(by_id, metadata=ravi))).reason == "NOT_FOUND"
    assert list((await trading.stub.ListOrders(pb.ListOrdersRequest(), metadata=ravi)).orders) == []
    for call in (
        trading.stub.CancelOrder(pb.CancelOrderRequest(order_id=order.order_id), metadata=ravi),
        trading.stub.ListOrders(pb.ListOrdersRequest(account_id=ACCOUNT), metadata=ravi),
        trading.stub.ListPositions(pb.ListPositionsRequest(account_id=ACCOUNT), metadata=ravi),
        trading.stub.ListTrades(pb.ListTradesRequest(account_id=ACCOUNT), metadata=ravi),
        trading.stub.PlaceOrder(request(account_id=ACCOUNT), metadata=ravi),
    ):
        assert (await failure(call)).reason == "NOT_FOUND"
    assert (await trading.stub.GetOrder(by_id, metadata=operator)).order_id == order.order_id
    assert len((await trading.stub.ListOrders(pb.ListOrdersRequest(), metadata=operator)).orders) == 1


async def test_an_operator_cancels_but_does_not_place(engine: Engine, trading: Trading) -> None:
    order = await trading.stub.PlaceOrder(request(), metadata=trading.as_("asha"))
    await engine.wait_for(order.order_id, "OPEN")
    operator = trading.as_("ops", auth.OPERATOR)
    assert (await failure(trading.stub.PlaceOrder(request(), metadata=operator))).reason == "PERMISSION_DENIED"
    wish = pb.CancelOrderRequest(order_id=order.order_id, reason="end of day")
    assert (await trading.stub.CancelOrder(wish, metadata=operator)).cancel_requested
    await engine.wait_for(order.order_id, "CANCELLED")
    assert (await failure(trading.stub.CancelOrder(wish, metadata=operator))).reason == "ORDER_ENDED"


async def test_a_paused_strategy_may_not_enter_from_the_moment_it_is_told(engine: Engine, trading: Trading) -> None:
    await add_strategy(engine.database, epoch=3)
    runner = trading.as_("runner-0", auth.RUNNER)
    await trading.stub.PlaceOrder(request(config_id="momo", epoch=3), metadata=runner)
    await engine.database.pool.execute("UPDATE strategy_configs SET is_paused = true")
    engine.registry.strategies.forget("momo")
    denied = await trading.stub.PlaceOrder(request(config_id="momo", epoch=3), metadata=runner)
    assert (denied.state, denied.reason) == (pb.ORDER_STATE_DENIED, "STRATEGY_PAUSED")
    person = await trading.stub.PlaceOrder(request(), metadata=trading.as_("asha"))
    assert person.state == pb.ORDER_STATE_SUBMITTING


async def test_a_runner_speaks_for_its_strategy_under_its_epoch(engine: Engine, trading: Trading) -> None:
    await add_strategy(engine.database, epoch=3)
    runner = trading.as_("runner-0", auth.RUNNER)
    order = await trading.stub.PlaceOrder(request(config_id="momo", epoch=3), metadata=runner)
    assert (order.config_id, order.epoch, order.user_id, order.account_id) == ("momo", 3, "asha", ACCOUNT)
    stale = await failure(trading.stub.PlaceOrder(request(config_id="momo", epoch=2), metadata=runner))
    assert stale.reason == "LEASE_SUPERSEDED"
    for changes, field in (({}, "config_id"), ({"config_id": "momo"}, "epoch")):
        refused = await failure(trading.stub.PlaceOrder(request(**changes), metadata=runner))
        assert [violation.field for violation in refused.violations] == [field]
    unknown = await failure(trading.stub.PlaceOrder(request(config_id="nope", epoch=1), metadata=runner))
    assert unknown.reason == "NOT_FOUND"


async def test_trades_and_positions_are_valued_at_the_last_price(
    engine: Engine, broker: ScriptedBroker, trading: Trading
) -> None:
    await add_strategy(engine.database)
    runner, asha = trading.as_("runner-0", auth.RUNNER), trading.as_("asha")
    order = await trading.stub.PlaceOrder(request(config_id="momo", epoch=1), metadata=runner)
    broker.fill((await engine.wait_for(order.order_id, "OPEN")).broker_order_id or "", 10, "1400.05")
    await engine.wait_for(order.order_id, "FILLED")
    trades = (await trading.stub.ListTrades(pb.ListTradesRequest(config_id="momo"), metadata=asha)).trades
    assert [(t.trade_id, t.quantity, t.price) for t in trades] == [(f"{order.order_id}-10", 10, "1400.05")]
    unvalued = (await trading.stub.ListPositions(pb.ListPositionsRequest(), metadata=asha)).positions
    assert [(p.net_quantity, p.average_price, p.last_price, p.unrealised_pnl) for p in unvalued] == [
        (10, "1400.05", "", "")
    ]
    own = await engine.place(quantity=3)
    broker.fill(await engine.accepted(own), 3, "1400.05")
    await engine.wait_for(own.order_id, "FILLED")
    (total,) = (await trading.stub.ListPositions(pb.ListPositionsRequest(), metadata=asha)).positions
    assert (total.net_quantity, total.unowned_quantity) == (13, 3)  # a person's own
    sold = await engine.place(side="SELL", quantity=3)
    broker.fill(await engine.accepted(sold), 3, "1400.05")
    await engine.wait_for(sold.order_id, "FILLED")
    trading.quotes.last["NSE:RELIANCE-EQ"] = Quote(Decimal("1401.05"), Decimal(0), Decimal(0), 0.1)
    for wanted in (pb.ListPositionsRequest(), pb.ListPositionsRequest(config_id="momo")):
        (position,) = (await trading.stub.ListPositions(wanted, metadata=asha)).positions
        assert position.config_id == wanted.config_id
        assert (position.last_price, position.unrealised_pnl, position.realised_pnl) == ("1401.05", "10.00", "0.00")


async def test_a_watch_begins_with_the_working_orders_and_goes_on_live(
    engine: Engine, broker: ScriptedBroker, trading: Trading
) -> None:
    asha = trading.as_("asha")
    ended = await trading.stub.PlaceOrder(request(), metadata=asha)
    broker.fill((await engine.wait_for(ended.order_id, "OPEN")).broker_order_id or "", 10, "1400")
    await engine.wait_for(ended.order_id, "FILLED")
    resting = await trading.stub.PlaceOrder(request(), metadata=asha)
    await engine.wait_for(resting.order_id, "OPEN")
    watch = trading.stub.WatchOrders(pb.WatchOrdersRequest(), metadata=asha)
    snapshot = await watch.read()
    assert [order.order_id for order in snapshot.orders] == [resting.order_id]
    beat = await watch.read()
    assert (list(beat.orders), beat.cursor) == ([], snapshot.cursor)
    broker.fill((await engine.order(resting.order_id)).broker_order_id or "", 10, "1400")
    changed = await next_with_orders(watch)
    assert [order.state for order in changed.orders] == [pb.ORDER_STATE_FILLED]
    assert int(changed.cursor) > int(snapshot.cursor)
    trading.stopping.set()
    while not (last := await watch.read()).HasField("end"):
        pass
    assert last.end.reason == "SERVER_STOPPING"
    assert await watch.read() == grpc.aio.EOF


async def test_a_watch_resumes_from_its_cursor_without_a_gap(engine: Engine, trading: Trading) -> None:
    asha = trading.as_("asha")
    first = await trading.stub.PlaceOrder(request(), metadata=asha)
    await engine.wait_for(first.order_id, "OPEN")
    watch = trading.stub.WatchOrders(pb.WatchOrdersRequest(), metadata=asha)
    cursor = (await watch.read()).cursor
    watch.cancel()
    missed = await trading.stub.PlaceOrder(request(), metadata=asha)
    await engine.wait_for(missed.order_id, "OPEN")
    resumed = trading.stub.WatchOrders(pb.WatchOrdersRequest(cursor=cursor), metadata=asha)
    replayed = await resumed.read()
    assert [(order.order_id, order.state) for order in replayed.orders] == [(missed.order_id, pb.ORDER_STATE_OPEN)]
    live = await trading.stub.PlaceOrder(request(), metadata=asha)
    assert {order.order_id for order in (await next_with_orders(resumed)).orders} == {live.order_id}
    resumed.cancel()
    for bad in ("x", "999999", "-1"):
        wrong = trading.stub.WatchOrders(pb.WatchOrdersRequest(cursor=bad), metadata=asha)
        assert (await failure(wrong.read())).violations[0].field == "cursor"


async def next_with_orders(watch: Any) -> pb.WatchOrdersResponse:
    async def read() -> pb.WatchOrdersResponse | None:
        response = await watch.read()
        return response if response.orders else None

    found = await eventually(read)
    assert found is not None
    return found


async def test_a_repetition_may_give_another_reason_and_a_novel_is_refused(trading: Trading) -> None:
    asked = request(reason="risen 0.4 %")
    first = await trading.stub.PlaceOrder(asked, metadata=trading.as_("asha"))
    asked.reason = "risen 0.40 %"
    again = await trading.stub.PlaceOrder(asked, metadata=trading.as_("asha"))
    assert again.order_id == first.order_id
    refused = await failure(trading.stub.PlaceOrder(request(reason="x" * 501), metadata=trading.as_("asha")))
    assert "reason: has 501 characters" in refused.message


async def test_the_audit_has_from_where_what_was_before_and_the_tag(engine: Engine, trading: Trading) -> None:
    through_the_gateway = (*trading.as_("asha"), ("x-forwarded-for", "203.0.113.7, 10.0.0.1"))
    placed = await trading.stub.PlaceOrder(request(reason=" a breakout "), metadata=through_the_gateway)
    await engine.accepted(await engine.order(placed.order_id))
    wish = pb.ModifyOrderRequest(order_id=placed.order_id, price="1399", reason="cheaper")
    await trading.stub.ModifyOrder(wish, metadata=through_the_gateway)
    await eventually(lambda: engine.rows("SELECT 1 FROM orders WHERE price = 1399"), what="it is changed")
    await trading.stub.CancelOrder(pb.CancelOrderRequest(order_id=placed.order_id), metadata=trading.as_("asha"))
    rows = await engine.rows(
        "SELECT action, reason, source, before, after FROM audit_log WHERE subject_type = 'order' ORDER BY audit_id"
    )
    assert [row["action"] for row in rows] == ["order.place", "order.modify", "order.cancel"]
    assert [row["reason"] for row in rows] == ["a breakout", "cheaper", ""]
    assert [row["source"] for row in rows[:2]] == ["203.0.113.7"] * 2
    assert "127.0.0.1" in rows[2]["source"]  # without a gateway: the peer itself
    assert [row["after"]["tag"] for row in rows] == [placed.tag] * 3
    assert [row["before"] for row in rows[1:]] == [
        {"quantity": 10, "price": "1400", "trigger_price": None},
        {"state": "OPEN", "filled_quantity": 0},
    ]
