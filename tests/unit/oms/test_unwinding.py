"""What a kill switch cancels and closes, and in which order."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_server.oms.domain.kill_switch import KillAction
from engine_server.oms.domain.risk.limits import Scope
from engine_server.oms.domain.states import OrderState
from engine_server.oms.domain.unwinding import Closing, Step, foreign_lines, next_step, selection_of
from engine_server.oms.records import OrderRecord, PositionRecord
from tests.unit.oms.orders import NOON, RELIANCE, order_record, position_record
from tests.unit.oms.risk_views import kill_switch

FUTURE = "NFO:NIFTY24NOV26FUT"


def position(net: int, config_id: str = "", instrument: str = RELIANCE.key, product: str = "MIS") -> PositionRecord:
    return position_record(net, "100", config_id=config_id, instrument=instrument, product=product)


def resting(**changes: Any) -> OrderRecord:
    return order_record(**{"state": OrderState.OPEN, **changes})


def step(positions: list[PositionRecord], working: list[OrderRecord] | None = None, **changes: Any) -> Step:
    scope = changes.pop("scope", Scope.ACCOUNT)
    foreign, excess = foreign_lines(changes.pop("foreign", [])), changes.pop("excess", {})
    kill = kill_switch(changes.pop("action", KillAction.SQUARE_OFF), scope, **changes)
    return next_step(selection_of(kill), working or [], positions, foreign, excess, NOON)


def test_nothing_is_closed_while_something_works() -> None:
    order = resting()
    now = step([position(10)], [order])
    assert (list(now.cancel), list(now.close), now.open_orders, now.open_positions) == ([order], [], 1, 1)
    assert list(step([position(10)], [resting(cancel_requested=True)]).cancel) == []  # asked for already


def test_shorts_are_bought_back_before_longs_are_sold() -> None:
    both = [position(10), position(-65, instrument=FUTURE, product="NRML")]
    assert list(step(both).close) == [Closing(None, FUTURE, "NRML", "BUY", 65)]
    assert list(step([position(10)]).close) == [Closing(None, RELIANCE.key, "MIS", "SELL", 10)]


def test_an_exit_that_waits_is_left_alone_and_then_priced_anew() -> None:
    exit_ = resting(request_id="kill-1-a", side="SELL", created_at=NOON - timedelta(seconds=1))
    young = step([position(10)], [exit_])
    assert (list(young.cancel), list(young.close), young.is_finished) == ([], [], False)
    late = resting(request_id="kill-1-a", side="SELL", created_at=NOON - timedelta(seconds=2))
    assert list(step([position(10)], [late]).cancel) == [late]


@pytest.mark.parametrize(
    ("ours", "excess", "closes"),
    [(10, 4, 6), (10, 10, 0), (10, 15, 0), (10, -5, 10), (-10, -4, 6), (-10, -12, 0), (-10, 3, 10)],
)
def test_what_the_broker_does_not_have_is_not_closed_there(ours: int, excess: int, closes: int) -> None:
    line = {(RELIANCE.key, "MIS"): excess}
    of_account = step([position(ours)], excess=line)
    of_strategy = step([position(ours, "momo")], excess=line, scope=Scope.STRATEGY, subject_id="momo")
    for now in (of_account, of_strategy):
        assert [closing.quantity for closing in now.close] == ([closes] if closes else [])
        assert now.is_finished is (closes == 0)  # by our books: the proof at the broker is still to come


def test_an_accounts_position_is_shared_out_among_the_books_that_hold_it() -> None:
    books = [position(15), position(20, "a"), position(5, "b"), position(-10, "c")]
    closings = step(books).close
    assert [(c.config_id, c.side, c.quantity) for c in closings] == [("a", "SELL", 15)]
    assert step([position(0), position(10, "a"), position(-10, "b")]).is_finished  # no position at the broker


def test_a_strategys_square_off_closes_its_own_book_alone() -> None:
    books = [position(25), position(20, "momo"), position(5, "other")]
    closings = step(books, scope=Scope.STRATEGY).close
    assert [(c.config_id, c.quantity) for c in closings] == [("momo", 20)]


def test_delivered_shares_stay_unless_they_are_asked_for() -> None:
    held = [position(10, product="CNC")]
    assert step(held).is_finished
    assert len(step(held, include_holdings=True).close) == 1


def test_what_others_ordered_is_not_touched() -> None:
    theirs = resting(origin="EXTERNAL")
    assert list(step([], [theirs]).cancel) == []
    assert step([], [theirs]).is_finished
    bought = order_record(origin="EXTERNAL", filled_quantity=30, state=OrderState.FILLED, quantity=30)
    assert step([position(30)], foreign=[bought]).is_finished
    assert [c.quantity for c in step([position(40)], foreign=[bought]).close] == [10]
    assert step([position(-5)], foreign=[order_record(origin="EXTERNAL", side="SELL", filled_quantity=5)]).is_finished


def test_cancel_all_closes_nothing() -> None:
    now = step([position(10)], action=KillAction.CANCEL_ALL)
    assert (list(now.close), now.open_positions) == ([], 1)


@given(
    st.integers(-100, 100),
    st.lists(st.integers(-100, 100), max_size=4),
    st.integers(-100, 100),
)
def test_never_more_is_closed_than_is_open_and_never_the_wrong_way(total: int, books: list[int], foreign: int) -> None:
    held = [position(total), *(position(net, f"s{n}") for n, net in enumerate(books))]
    theirs = order_record(origin="EXTERNAL", side="BUY" if foreign > 0 else "SELL", filled_quantity=abs(foreign))
    closings = step(held, foreign=[theirs]).close
    assert sum(c.quantity for c in closings) <= abs(total)
    assert all(c.side == ("SELL" if total > 0 else "BUY") for c in closings)
    for c in closings:
        if c.config_id is not None:
            book = books[int(c.config_id[1:])]
            assert c.quantity <= abs(book)
            assert book * total > 0


def test_the_price_of_a_position_plays_no_part() -> None:
    assert list(step([position_record(10, "0", config_id="", average_price=Decimal(0))]).close) != []
