"""What a guard does next."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine_server.oms.domain.guarding import Change, Place, Situation, Withdraw, next_step
from engine_server.oms.domain.protection import Quote
from engine_server.oms.domain.states import OrderState
from engine_server.oms.records import GuardRecord, OrderRecord
from tests.unit.oms.orders import NOON, RELIANCE, order_record


def guard(**changes: Any) -> GuardRecord:
    fields: dict[str, Any] = {
        "guard_id": "g1",
        "account_id": "ACC1",
        "user_id": "asha",
        "config_id": "momo",
        "request_key": "guard:g1",
        "body_sha256": "",
        "instrument": RELIANCE.key,
        "product": "MIS",
        "side": "SELL",
        "stop_price": Decimal(1380),
        "target_price": None,
        "trail": None,
        "state": "ACTIVE",
        "order_id": "x1",
        "created_at": NOON,
        "updated_at": NOON,
    }
    return GuardRecord(**{**fields, **changes})


def stop_order(**changes: Any) -> OrderRecord:
    fields: dict[str, Any] = {
        "order_id": "x1",
        "side": "SELL",
        "order_type": "SL",
        "origin": "GUARD",
        "is_exit": True,
        "quantity": 10,
        "price": Decimal("1373.10"),
        "trigger_price": Decimal(1380),
        "state": OrderState.OPEN,
    }
    return order_record(**{**fields, **changes})


def quote(price: str, age: float = 0.5) -> Quote:
    last = Decimal(price)
    return Quote(last, last, last + Decimal("0.05"), age)


def at(price: str, **changes: Any) -> Situation:
    fields: dict[str, Any] = {
        "guard": guard(),
        "instrument": RELIANCE,
        "open": 10,
        "order": stop_order(),
        "quote": quote(price),
        "waited_seconds": 60.0,
    }
    return Situation(**{**fields, **changes})


def test_it_waits_until_something_is_open_and_then_places_an_sl_order_for_all_of_it() -> None:
    waiting = guard(state="WAITING", order_id=None)
    assert next_step(at("1400", guard=waiting, order=None, open=0)).action is None
    step = next_step(at("1400", guard=waiting, order=None, open=7))
    assert step.action == Place(7, Decimal("1373.10"), Decimal(1380))
    assert step.guard.state == "ACTIVE"


def test_its_quantity_follows_what_is_open() -> None:
    assert next_step(at("1400")).action is None
    grown = next_step(at("1400", open=25)).action
    assert grown == Change(25, Decimal("1373.10"), Decimal(1380))
    part = stop_order(filled_quantity=4, state=OrderState.PARTIALLY_FILLED)
    assert next_step(at("1380", order=part, open=6)).action is None
    assert next_step(at("1400", order=part, open=3)).action == Change(7, Decimal("1373.10"), Decimal(1380))


def test_nothing_open_takes_the_exit_away_and_ends_it() -> None:
    assert next_step(at("1400", open=0)).action == Withdraw()
    ended = next_step(at("1400", open=0, order=stop_order(state=OrderState.CANCELLED)))
    assert (ended.guard.state, ended.action) == ("DONE", None)


def test_what_is_on_its_way_is_left_alone() -> None:
    for order in (
        stop_order(state=OrderState.SUBMITTING),
        stop_order(state=OrderState.UNKNOWN),
        stop_order(modify_requested=True),
        stop_order(cancel_requested=True),
    ):
        assert next_step(at("1300", order=order, open=25)).action is None


def test_a_jumped_stop_is_chased() -> None:
    step = next_step(at("1370"))
    assert step.action == Change(10, Decimal("1363.15"), Decimal(1380))
    assert step.guard.attempts == 1
    assert next_step(at("1370", quote=quote("1370", age=9))).action is None  # nobody knows where the market is


def test_a_trail_follows_the_market_and_never_goes_back() -> None:
    trailing = guard(trail=Decimal(15))
    step = next_step(at("1420", guard=trailing))
    assert step.guard.stop_price == Decimal(1405)
    assert isinstance(step.action, Change)
    assert step.action.trigger_price == Decimal(1405)
    moved = replace(trailing, stop_price=Decimal(1405))
    order = stop_order(trigger_price=Decimal(1405), price=Decimal("1398.00"))
    assert next_step(at("1410", guard=moved, order=order)).action is None


def test_stop_and_target_share_one_quantity() -> None:
    both = guard(target_price=Decimal(1450))
    step = next_step(at("1450", guard=both))
    assert (step.guard.state, step.action) == ("EXITING", Withdraw())
    gone = stop_order(state=OrderState.CANCELLED, reason="CANCELLED_ON_REQUEST")
    placed = next_step(at("1450", guard=step.guard, order=gone)).action
    assert placed == Place(10, Decimal(1450), None)
    resting = stop_order(order_type="LIMIT", price=Decimal(1450), trigger_price=None)
    assert next_step(at("1450", guard=step.guard, order=resting)).action is None
    back = next_step(at("1440", guard=step.guard, order=resting))
    assert (back.guard.state, back.action) == ("ACTIVE", Withdraw())
    again = next_step(at("1440", guard=back.guard, order=gone)).action
    assert again == Place(10, Decimal("1373.10"), Decimal(1380))


def test_a_stop_that_is_crossed_already_goes_to_the_market() -> None:
    step = next_step(at("1370", guard=guard(state="WAITING", order_id=None), order=None))
    assert step.action == Place(10, Decimal("1363.15"), None)


def test_what_the_broker_would_not_have_is_placed_again_with_patience() -> None:
    refused = stop_order(state=OrderState.REJECTED, message="no margin")
    assert next_step(at("1400", order=refused, waited_seconds=0.5)).action is None
    step = next_step(at("1400", order=refused, waited_seconds=1.5))
    assert step.action == Place(10, Decimal("1373.10"), Decimal(1380))
    assert step.guard.attempts == 1
    assert "no margin" in step.guard.message
    assert next_step(at("1400", order=refused, quote=None)).action is None  # the market sleeps


def test_a_short_position_is_guarded_from_above() -> None:
    short = guard(side="BUY", stop_price=Decimal(1420), target_price=Decimal(1350), trail=Decimal(15), state="WAITING")
    step = next_step(at("1400", guard=short, order=None))
    assert step.guard.stop_price == Decimal("1415.05")
    assert isinstance(step.action, Place)
    assert step.action.price > (step.action.trigger_price or 0)
    assert (
        next_step(at("1349.95", guard=replace(short, state="ACTIVE"), order=stop_order(side="BUY"))).action
        == Withdraw()
    )


@given(
    price=st.integers(1300, 1500),
    held=st.integers(0, 50),
    filled=st.integers(0, 9),
    state=st.sampled_from(["WAITING", "ACTIVE", "EXITING"]),
    order_state=st.sampled_from([*OrderState, None]),
    side=st.sampled_from(["SELL", "BUY"]),
)
def test_it_never_asks_for_more_than_is_open(
    price: int, held: int, filled: int, state: str, order_state: OrderState | None, side: str
) -> None:
    target = Decimal(1450) if side == "SELL" else Decimal(1310)
    order = None if order_state is None else stop_order(side=side, state=order_state, filled_quantity=filled)
    step = next_step(at(str(price), guard=guard(side=side, state=state, target_price=target), order=order, open=held))
    if isinstance(step.action, Place):
        assert order is None or order.state.is_terminal  # one exit at a time
        assert 0 < step.action.quantity <= held
    if isinstance(step.action, Change):
        assert order is not None
        assert step.action.quantity - order.filled_quantity <= held
