"""An order's life at the broker."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.clock import day_start_ms
from sandbox.errors import RefusedError
from sandbox.faults.names import FaultName
from sandbox.market import Quote
from sandbox.order_entry import check_change_allowed, read_modification, read_new_order
from sandbox.orders import IllegalTransitionError, Order, OrderEvent, advance, restored
from sandbox.positions import PositionBook, restored_fill
from sandbox.ticks import Tick
from sandbox.universe import DEFAULT_UNIVERSE
from tests.unit.sandbox.desk_rig import DAY, SBIN, DeskRig, order_body


def test_a_resting_order_goes_from_validation_to_open_in_the_brokers_words() -> None:
    rig = DeskRig()
    order = rig.place(price="900.00")
    assert [news.order.shown_status for news in rig.news] == ["validation pending", "open pending", "open"]
    assert order.exchange_ms == rig.now_ms
    assert order.order_id[:6] == "241004"
    assert len(order.order_id) == 15


def test_nothing_happens_before_the_latency_has_passed() -> None:
    rig = DeskRig()
    order = rig.desk.place(read_new_order(order_body(), DEFAULT_UNIVERSE))
    rig.mono_ns += 24_000_000  # the way to the broker takes half of the rig's 50 ms
    rig.desk.run_due()
    assert rig.order(order).shown_status == "validation pending"


def test_a_cancel_is_confirmed_later_and_keeps_what_was_filled() -> None:
    rig = DeskRig()
    order = rig.place(price="940.10", quantity="250")
    rig.desk.request_cancel(rig.order(order))
    assert rig.order(order).shown_status == "cancel pending"
    rig.pass_latency()
    done = rig.order(order)
    assert (done.state.value, done.filled, done.cancelled_quantity) == ("cancelled", 100, 150)


def test_an_order_may_trade_while_its_cancel_is_under_way() -> None:
    rig = DeskRig()
    order = rig.place(price="935.00")
    rig.desk.request_cancel(rig.order(order))
    rig.print_at(92_000)
    rig.pass_latency()
    assert rig.order(order).state.value == "complete"


def test_a_cancel_sent_before_the_order_reached_the_exchange_follows_it() -> None:
    rig = DeskRig()
    order = rig.desk.place(read_new_order(order_body(price="900.00"), DEFAULT_UNIVERSE))
    rig.desk.request_cancel(order)
    rig.pass_latency()
    rig.pass_latency()
    assert rig.events(order) == ["received", "cancel_requested", "sent_to_exchange", "accepted", "cancelled"]


def test_a_modified_price_may_cross_at_once() -> None:
    rig = DeskRig()
    order = rig.place(price="900.00")
    done = rig.modify(order, price="945.00")
    assert (done.state.value, done.fill_value) == ("complete", 10 * 94_010)


def test_less_quantity_at_the_same_price_keeps_the_place_in_the_queue_and_more_loses_it() -> None:
    less, more = DeskRig(), DeskRig()
    kept, lost = less.place(price="939.90", quantity="20"), more.place(price="939.90", quantity="20")
    for rig in (less, more):
        rig.print_at(93_990, traded=90, bid=93_990)
    less.modify(kept, quantity="15")
    more.modify(lost, quantity="25")
    for rig in (less, more):
        rig.print_at(93_990, traded=25, bid=93_990)
    assert (less.order(kept).filled, more.order(lost).filled) == (15, 0)


def test_a_modification_off_the_grid_is_refused_by_the_exchange_and_the_order_stays() -> None:
    rig = DeskRig()
    order = rig.place(price="900.00")
    after = rig.modify(order, price="900.03")
    assert (after.state.value, after.price) == ("open", 90_000)
    assert "tick size 0.10" in after.text


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"price": "940.05"}, "Order price 940.05 is not a multiple of the tick size 0.10"),
        ({"quantity": "100000"}, "RMS:Margin Exceeds,Required:"),
        ({"quantity": "1000000"}, "RMS:Rule: Check freeze quantity for NSE: quantity 1000000 is above 106382"),
        ({"price": "1034.10"}, "17070 : Order price 1034.10 is higher than the current upper circuit limit of 1034.00"),
        ({"price": "845.90"}, "17070 : Order price 845.90 is lower than the current lower circuit limit of 846.00"),
        ({"tradingsymbol": "Nifty 50", "symboltoken": "99926000"}, "is an index and cannot be traded"),
        ({"transactiontype": "SELL", "producttype": "DELIVERY"}, "Check T1 holdings"),
        (
            {"variety": "STOPLOSS", "ordertype": "STOPLOSS_LIMIT", "triggerprice": "950.00", "price": "945.00"},
            "must be at or above its trigger price",
        ),
    ],
)
def test_the_risk_desk_rejects_later_with_a_text(changes: dict[str, Any], text: str) -> None:
    rig = DeskRig(cash=100_000_000)
    order = rig.place(**changes)
    assert rig.events(order) == ["received", "sent_to_exchange", "rejected"]
    assert text in order.text


def test_a_stop_waits_for_its_trigger_and_then_trades_as_a_limit_order() -> None:
    rig = DeskRig()
    stop = {"variety": "STOPLOSS", "ordertype": "STOPLOSS_LIMIT", "transactiontype": "SELL"}
    order = rig.place(price="934.00", triggerprice="935.00", **stop)
    rig.print_at(93_600)
    assert rig.order(order).shown_status == "trigger pending"
    rig.print_at(93_480)
    done = rig.order(order)
    assert (done.state.value, done.fill_value) == ("complete", 10 * 93_470)
    assert rig.events(order)[-3:] == ["armed", "triggered", "filled"]


def test_a_stop_whose_trigger_has_been_passed_triggers_on_arrival() -> None:
    rig = DeskRig()
    stop = {"variety": "STOPLOSS", "ordertype": "STOPLOSS_LIMIT", "triggerprice": "930.00", "price": "950.00"}
    order = rig.place(**stop)
    assert rig.events(order)[-3:] == ["armed", "triggered", "filled"]


def test_an_armed_stop_can_be_turned_into_a_limit_order() -> None:
    rig = DeskRig()
    stop = {"variety": "STOPLOSS", "ordertype": "STOPLOSS_LIMIT", "triggerprice": "960.00", "price": "961.00"}
    order = rig.place(**stop)
    done = rig.modify(order, ordertype="LIMIT", price="945.00")
    assert done.state.value == "complete"


def test_closing_a_position_needs_no_funds() -> None:
    rig = DeskRig(cash=200_000)  # 2,000 rupees: enough for ten shares at a fifth
    assert rig.place(price="941.00").state.value == "complete"
    assert "Margin Exceeds" in rig.place(price="941.00").text
    assert rig.place(price="939.00", transactiontype="SELL").state.value == "complete"


def test_two_orders_that_only_fit_one_by_one_are_not_both_rejected() -> None:
    rig = DeskRig(cash=200_000)
    placed = [rig.desk.place(read_new_order(order_body(price="900.00"), DEFAULT_UNIVERSE)) for _ in range(2)]
    rig.pass_latency()
    assert sorted(rig.order(o).state.value for o in placed) == ["open", "rejected"]


def test_a_new_day_ends_open_orders_and_carries_positions_at_cost() -> None:
    rig = DeskRig()
    rig.place(price="941.00", producttype="MARGIN")
    rig.place(price="939.00", quantity="4", transactiontype="SELL", producttype="MARGIN")
    resting = rig.place(price="900.00", producttype="MARGIN")
    rig.pass_to(day_start_ms(DAY + 1))
    assert rig.order(resting).state.value == "cancelled"
    (position,) = rig.book.positions
    assert (position.net, position.buys.quantity, position.carried_buys.quantity) == (6, 0, 6)
    assert rig.book.ledger.cash == rig.cash + 4 * (93_990 - 94_010)
    assert rig.book.todays_orders() == []


def test_changes_of_a_finished_order_or_under_another_variety_are_refused() -> None:
    rig = DeskRig()
    done = rig.place(price="941.00")
    with pytest.raises(RefusedError, match="AB1013 Order not found: it is complete"):
        check_change_allowed(done, "NORMAL")
    resting = rig.place(price="900.00")
    with pytest.raises(RefusedError, match="AB1008"):
        check_change_allowed(resting, "STOPLOSS")
    with pytest.raises(RefusedError, match="AB4038"):
        read_modification({"variety": "NORMAL", "ordertype": "MARKET"}, resting)


def test_a_transition_that_the_table_does_not_know_is_a_defect() -> None:
    rig = DeskRig()
    done = rig.place(price="941.00")
    with pytest.raises(IllegalTransitionError, match="complete"):
        advance(done, OrderEvent.CANCELLED, 0)


actions = st.one_of(
    st.tuples(st.just("place"), st.sampled_from(["BUY", "SELL"]), st.integers(-8, 8), st.integers(1, 300)),
    st.tuples(st.just("print"), st.integers(-6, 6), st.integers(0, 400), st.integers(1, 200)),
    st.tuples(st.just("modify"), st.integers(0, 5), st.integers(-8, 8), st.integers(1, 300)),
    st.tuples(st.just("cancel"), st.integers(0, 5), st.just(0), st.just(0)),
    st.tuples(st.just("wait"), st.just(0), st.just(0), st.just(0)),
)


@settings(max_examples=150, deadline=None)
@given(history=st.lists(actions, max_size=40))
def test_whatever_happens_quantities_add_up_and_positions_are_the_sum_of_fills(history: list[tuple[Any, ...]]) -> None:
    rig = DeskRig()
    mid = 94_000
    for kind, a, b, c in history:
        live = rig.book.live()
        if kind == "place":
            body = order_body(transactiontype=a, price=str((mid + 10 * b) / 100), quantity=c)
            rig.desk.place(read_new_order(body, DEFAULT_UNIVERSE))
        elif kind == "print":
            mid = 94_000 + 10 * a
            rig.print_at(mid, traded=b, ask_size=c, bid_size=c)
        elif kind == "wait":
            rig.pass_latency()
        elif live:
            _change(rig, live[a % len(live)], kind, mid + 10 * b, c)
    _assert_books_agree(rig)


def _change(rig: DeskRig, order: Order, kind: str, price: int, quantity: int) -> None:
    if kind == "cancel":
        rig.desk.request_cancel(order)
    elif quantity > order.filled:
        body = {"variety": order.variety, "price": str(price / 100), "quantity": quantity}
        rig.desk.request_modify(order, read_modification(body, order))


def _assert_books_agree(rig: DeskRig) -> None:
    by_order: dict[str, int] = defaultdict(int)
    for fill in rig.book.todays_fills():
        by_order[fill.order_id] += fill.quantity
    for order in rig.book.todays_orders():
        assert order.filled == by_order[order.order_id]
        if order.state.value != "rejected":
            assert order.filled + order.open_quantity + order.cancelled_quantity == order.quantity
        assert restored(order.snapshot()) == order
    for news in rig.news:
        if news.fill is not None:
            assert news.order.side.sign * news.fill.price <= news.order.side.sign * news.order.price
    rebuilt = PositionBook()
    for fill in rig.book.todays_fills():
        rebuilt.apply(restored_fill(fill.snapshot()))
    assert list(rebuilt) == list(rig.book.positions)
    bought = sum(f.quantity * f.side.sign for f in rig.book.todays_fills())
    assert sum(position.net for position in rig.book.positions) == bought
    exposure = sum(leg.quantity for _, leg in rig.book.exposure.legs())
    at_exchange = [o for o in rig.book.live() if o.state.value in ("open", "trigger pending")]
    assert exposure == sum(o.open_quantity for o in at_exchange)


@pytest.mark.parametrize(
    ("name", "text"), [(FaultName.ASYNC_REJECT, "async_reject"), (FaultName.MARGIN_REJECT, "RMS:Margin Exceeds")]
)
def test_an_accepted_order_is_rejected_later_where_a_fault_asks_for_it(name: FaultName, text: str) -> None:
    rig = DeskRig()
    rig.fault(name, route="NSE:3045")
    rejected = rig.place()
    assert rejected.state.value == "rejected"
    assert text in rejected.text
    assert rig.place().state.value == "open", "it struck once"


def test_an_order_trades_after_its_cancel_where_a_fault_asks_for_it() -> None:
    rig = DeskRig()
    rig.fault(FaultName.LATE_FILL_AFTER_CANCEL, route="NSE:3045")
    order = rig.place(price="920.00")
    assert rig.cancel(order).state.value == "cancelled"
    assert rig.order(order).filled == 0
    rig.pass_latency()
    late = rig.order(order)
    assert (late.state.value, late.filled) == ("cancelled", 10)
    assert rig.book.positions.by_key[(*SBIN, "INTRADAY")].net == 10


def test_more_than_was_ordered_trades_where_a_fault_asks_for_it() -> None:
    rig = DeskRig()
    rig.fault(FaultName.OVERFILL, route="NSE:3045")
    order = rig.place(price="945.00")
    rig.print_at(94_000, traded=100)
    assert (rig.order(order).filled, rig.order(order).quantity) == (20, 10)
    assert [record["reason"] for record in rig.truth.of_kind("fill")][-1] == "a fault was asked for"


def test_nothing_prints_and_nothing_trades_in_a_halt_until_it_ends() -> None:
    rig = DeskRig()
    shown: list[Tick] = []

    def show(tick: Tick) -> Quote:
        shown.append(tick)
        return rig.board.apply(tick)

    def print_now() -> None:
        rig.trading.on_tick(Tick(SBIN, rig.now_ms, 94_000, 100, 100), show)

    rig.fault(FaultName.INDEX_HALT, delay_seconds=60)
    print_now()
    order = rig.place(price="945.00")
    print_now()
    assert (shown, rig.order(order).state.value) == ([], "open")
    rig.clock.jump_to(rig.now_ms + 60_000)
    print_now()
    assert len(shown) == 1
    assert rig.order(order).state.value == "complete"
