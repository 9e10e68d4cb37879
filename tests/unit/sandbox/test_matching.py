"""When an order trades, and at what price."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.matching import FillReason, OwnBook, Touch, WorkingOrder
from sandbox.orders import Side
from tests.unit.sandbox.desk_rig import DeskRig


def test_a_crossing_buy_pays_the_ask_and_not_its_limit() -> None:
    rig = DeskRig()
    order = rig.place(price="941.00")
    assert (order.state.value, order.fill_value) == ("complete", 10 * 94_010)


def test_a_crossing_sell_gets_the_bid() -> None:
    rig = DeskRig()
    order = rig.place(price="930.00", transactiontype="SELL")
    assert (order.state.value, order.fill_value) == ("complete", 10 * 93_990)


def test_more_than_is_displayed_fills_in_steps_as_prints_come() -> None:
    rig = DeskRig()
    order = rig.place(price="940.10", quantity="250")
    assert (order.state.value, order.filled) == ("open", 100)
    rig.print_at(94_000)
    assert rig.order(order).filled == 200
    rig.print_at(94_000)
    assert rig.order(order).state.value == "complete"


def test_two_orders_between_prints_share_what_is_displayed() -> None:
    rig = DeskRig()
    first, second = rig.place(price="940.10", quantity="80"), rig.place(price="940.10", quantity="80")
    assert (first.filled, second.filled) == (80, 20)


def test_an_order_at_the_touch_waits_for_the_queue_before_it() -> None:
    rig = DeskRig()
    order = rig.place(price="939.90", quantity="10")  # joins 100 displayed
    rig.print_at(94_000, traded=500)  # trades above its price
    rig.print_at(93_990, traded=60, bid=93_990)
    assert rig.order(order).filled == 0
    rig.print_at(93_990, traded=45, bid=93_990)
    assert rig.order(order).filled == 5
    rig.print_at(93_990, traded=45, bid=93_990)
    assert rig.order(order).state.value == "complete"


def test_a_resting_order_trades_at_its_own_price_when_the_market_comes_through() -> None:
    rig = DeskRig()
    order = rig.place(price="935.00")
    rig.print_at(92_000)
    done = rig.order(order)
    assert (done.state.value, done.fill_value) == ("complete", 10 * 93_500)
    assert rig.news[-1].reason == FillReason.MARKET_CAME_THROUGH


def test_the_better_price_goes_first_and_then_the_earlier_order() -> None:
    rig = DeskRig()
    late_but_better = {"price": "935.10"}
    first = rig.place(price="935.00", quantity="60")
    second = rig.place(price="935.00", quantity="60")
    better = rig.place(quantity="60", **late_but_better)
    rig.print_at(93_490, bid_size=100, ask=93_500, ask_size=100)
    assert [rig.order(o).filled for o in (better, first, second)] == [60, 40, 0]


def test_a_large_crossing_order_walks_through_the_displayed_levels() -> None:
    touch = Touch(1, 9_990, 50, 10_000, 10, 9_995, 0, more_asks=((10_010, 20), (10_020, 30), (10_030, 99)))
    book = OwnBook()
    order = WorkingOrder("1", Side.BUY, 10_020, 100, 1)
    executions = book.on_arrival(order, touch)
    assert [(e.price, e.quantity) for e in executions] == [(10_000, 10), (10_010, 20), (10_020, 30)]
    assert {e.reason for e in executions} == {FillReason.TOOK_DISPLAYED}
    assert order.open_quantity == 40
    assert book.on_arrival(WorkingOrder("2", Side.BUY, 10_020, 5, 2), touch) == []


def test_an_order_behind_the_touch_queues_behind_what_its_level_shows() -> None:
    book = OwnBook()
    order = WorkingOrder("1", Side.BUY, 9_980, 10, 1)
    book.on_arrival(order, Touch(1, 9_990, 50, 10_000, 50, 9_995, 0, more_bids=((9_980, 30), (9_970, 10))))
    assert order.queue_ahead == 30
    hidden = WorkingOrder("2", Side.BUY, 9_900, 10, 2)
    book.on_arrival(hidden, Touch(1, 9_990, 50, 10_000, 50, 9_995, 0, more_bids=((9_980, 30),)))
    assert hidden.queue_ahead is None


def test_a_print_below_a_buy_order_has_gone_through_its_queue() -> None:
    book = OwnBook()
    order = WorkingOrder("1", Side.BUY, 9_980, 10, 1)
    book.on_arrival(order, Touch(1, 9_980, 500, 10_000, 50, 9_990, 0))
    (execution,) = book.on_print(Touch(2, 9_970, 50, 9_985, 50, 9_975, 40))
    assert (execution.price, execution.quantity, execution.reason) == (9_980, 10, FillReason.MARKET_CAME_THROUGH)


sides = st.sampled_from(list(Side))
prices = st.integers(9_900, 10_100)
sizes = st.integers(1, 60)


@st.composite
def touches(draw: st.DrawFn) -> tuple[int, int, int, int, int, int]:
    bid = draw(prices)
    ask = bid + draw(st.integers(1, 5))
    return bid, draw(sizes), ask, draw(sizes), draw(st.integers(bid, ask)), draw(st.integers(0, 80))


@settings(deadline=None)
@given(
    orders=st.lists(st.tuples(sides, prices, sizes), min_size=1, max_size=8),
    market=st.lists(touches(), min_size=1, max_size=12),
)
def test_no_execution_is_outside_its_limit_and_none_exceeds_its_order_or_the_market(
    orders: list[tuple[Side, int, int]], market: list[tuple[int, int, int, int, int, int]]
) -> None:
    book = OwnBook()
    limits = {f"{n}": order for n, order in enumerate(orders)}
    filled = dict.fromkeys(limits, 0)
    for number, touch in enumerate(Touch(n, *m) for n, m in enumerate(market)):
        executions = book.on_print(touch)
        if str(number) in limits:
            side, limit, quantity = limits[str(number)]
            order = WorkingOrder(str(number), side, limit, quantity, number)
            executions += book.on_arrival(order, touch)
        taken = {Side.BUY: 0, Side.SELL: 0}
        for execution in executions:
            side, limit, _ = limits[execution.order_id]
            filled[execution.order_id] += execution.quantity
            assert execution.quantity > 0
            assert side.sign * execution.price <= side.sign * limit
            taken[side] += execution.quantity
        assert taken[Side.BUY] <= touch.ask_size + touch.traded
        assert taken[Side.SELL] <= touch.bid_size + touch.traded
    still_open = {order.order_id: order.open_quantity for order in book}
    for order_id, (_, _, quantity) in list(limits.items())[: len(market)]:
        assert filled[order_id] + still_open.get(order_id, 0) == quantity
