"""A lane of orders: in order, retried under the same id, and honest about what it does not know."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from msgspec import structs

from strategy_runner.gate import OrderGate
from strategy_runner.order_calls import RefusedError, UnansweredError
from strategy_runner.orders import OrderLane
from strategy_runner.protocol import CancelFailed, GuardAnswered, ModifyFailed, OrderPlaced, PlaceFailed
from tests.support.waiting import eventually
from tests.unit.runner.reports import place
from tradewinds.sdk.commands import CancelOrder, ModifyOrder, PlaceOrder, ProtectPosition
from tradewinds.sdk.guards import Guard
from tradewinds.sdk.vocabulary import OrderState, Product

REFUSED = RefusedError("RISK_CAPITAL", "too much")
SILENT = UnansweredError("UNAVAILABLE: connection refused")


class Desk:
    """A lane, its engine (answers as scripted, then well), its clock and what it answered."""

    def __init__(self, *script: Exception) -> None:
        self.seconds = 0.0
        self.seconds_per_call = 0.0
        self.script = list(script)
        self.calls: list[tuple[str, str]] = []
        self.answers: list[OrderPlaced | PlaceFailed | CancelFailed | ModifyFailed | GuardAnswered] = []
        self.is_followed = True
        self.gate = OrderGate(self.monotonic)
        self.gate.configure(1_000)
        self.gate.note_registered(0)
        self.lane = OrderLane(
            config_id="c",
            epoch=3,
            calls=self,
            gate=self.gate,
            clock=self,
            answer=self.answers.append,
            is_followed=lambda: self.is_followed,
        )

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    async def place(self, config_id: str, epoch: int, order: PlaceOrder) -> str:
        assert (config_id, epoch) == ("c", 3)
        self._answer("place", order.request_id)
        return f"order-of-{order.request_id}"

    async def cancel(self, config_id: str, epoch: int, order_id: str) -> None:
        self._answer("cancel", order_id)

    async def modify(self, config_id: str, epoch: int, order_id: str, change: ModifyOrder) -> None:
        self._answer("modify", f"{order_id} {change.price}")

    async def protect(self, config_id: str, epoch: int, wish: ProtectPosition) -> str:
        self._answer("protect", wish.stop_price)
        return "ACTIVE"

    def _answer(self, verb: str, subject: str) -> None:
        self.calls.append((verb, subject))
        self.seconds += self.seconds_per_call
        if self.script:
            raise self.script.pop(0)


@asynccontextmanager
async def serving(desk: Desk) -> AsyncIterator[OrderLane]:
    task = asyncio.create_task(desk.lane.run())
    try:
        yield desk.lane
        await desk.lane.drain(5)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_commands_go_in_the_order_of_the_strategy_and_a_cancel_finds_its_order() -> None:
    desk = Desk()
    async with serving(desk) as lane:
        lane.submit(place("r1"))
        lane.submit(CancelOrder(request_id="r1", order_id=""))
        lane.submit(place("r2"))
    assert desk.calls == [("place", "r1"), ("cancel", "order-of-r1"), ("place", "r2")]
    assert [a.request_id for a in desk.answers if isinstance(a, OrderPlaced)] == ["r1", "r2"]


async def test_an_unanswered_order_is_asked_again_under_the_same_id() -> None:
    desk = Desk(SILENT, SILENT)
    async with serving(desk) as lane:
        lane.submit(place("r1"))
    assert desk.calls == [("place", "r1")] * 3
    assert desk.answers == [OrderPlaced(request_id="r1", order_id="order-of-r1")]


async def test_a_refusal_is_denied_with_the_engines_reason() -> None:
    desk = Desk(REFUSED)
    async with serving(desk) as lane:
        lane.submit(place("r1"))
    assert desk.answers == [
        PlaceFailed(request_id="r1", state=OrderState.DENIED, reason="RISK_CAPITAL", message="too much")
    ]


async def test_a_refusal_after_silence_is_unknown_since_the_first_try_may_have_worked() -> None:
    desk = Desk(SILENT, REFUSED)
    async with serving(desk) as lane:
        lane.submit(place("r1"))
    (answer,) = desk.answers
    assert isinstance(answer, PlaceFailed)
    assert answer.state is OrderState.UNKNOWN


async def test_a_closed_gate_denies_without_a_call() -> None:
    desk = Desk()
    desk.seconds = 2_000
    async with serving(desk) as lane:
        lane.submit(place("r1"))
    (answer,) = desk.answers
    assert isinstance(answer, PlaceFailed)
    assert (answer.state, answer.reason) == (OrderState.DENIED, "RUNNER_GATE_CLOSED")
    assert desk.calls == []


async def test_a_gate_that_closes_between_two_tries_ends_the_trying() -> None:
    desk = Desk(SILENT)
    desk.gate.configure(5)
    desk.seconds_per_call = 6
    async with serving(desk) as lane:
        lane.submit(place("r1"))
    (answer,) = desk.answers
    assert isinstance(answer, PlaceFailed)
    assert (answer.state, answer.reason) == (OrderState.UNKNOWN, "RUNNER_GATE_CLOSED")
    assert len(desk.calls) == 1


async def test_trying_ends_after_ten_seconds() -> None:
    desk = Desk(SILENT, SILENT, SILENT)
    desk.seconds_per_call = 6
    async with serving(desk) as lane:
        lane.submit(place("r1"))
    assert len(desk.calls) == 2
    assert isinstance(desk.answers[0], PlaceFailed)
    assert desk.answers[0].reason == "ENGINE_SILENT"


async def test_an_unknown_order_that_the_event_log_never_tells_of_was_not_placed() -> None:
    desk = Desk(SILENT, REFUSED, SILENT, REFUSED)
    desk.is_followed = False
    async with serving(desk) as lane:
        lane.submit(place("r1"))
        lane.submit(place("r2"))
        await eventually(lambda: len(desk.answers) == 2)
        lane.note_event("r2")  # this one exists
        desk.seconds = 31
        await asyncio.sleep(1.1)  # one sweep while the log is not followed: absence proves nothing
        assert len(desk.answers) == 2
        desk.is_followed = True
        await eventually(lambda: len(desk.answers) == 3)
    last = desk.answers[-1]
    assert isinstance(last, PlaceFailed)
    assert (last.request_id, last.state) == ("r1", OrderState.NOT_PLACED)


async def test_a_full_lane_denies_at_once() -> None:
    desk = Desk()
    for number in range(1_001):
        desk.lane.submit(place(f"r{number}"))
    (answer,) = desk.answers
    assert isinstance(answer, PlaceFailed)
    assert (answer.request_id, answer.reason) == ("r1000", "RUNNER_QUEUE_FULL")


async def test_a_cancel_of_an_ended_order_is_left_to_the_orders_own_event() -> None:
    desk = Desk(RefusedError("ORDER_ENDED", "it is filled"))
    async with serving(desk) as lane:
        lane.submit(CancelOrder(request_id="r1", order_id="o1"))
    assert desk.answers == []


async def test_a_cancel_passes_a_closed_gate_and_tells_when_it_fails() -> None:
    desk = Desk(RefusedError("GATE_CLOSED", "no session"))
    desk.seconds = 2_000
    async with serving(desk) as lane:
        lane.submit(CancelOrder(request_id="r1", order_id="o1"))
        lane.submit(CancelOrder(request_id="r2", order_id=""))
    assert desk.calls == [("cancel", "o1")]
    assert [(a.request_id, a.reason) for a in desk.answers if isinstance(a, CancelFailed)] == [
        ("r1", "GATE_CLOSED"),
        ("r2", "ORDER_NOT_PLACED"),
    ]


async def test_an_unwell_strategy_gets_no_entries_but_its_exits_and_cancels_and_recovers() -> None:
    desk = Desk()
    async with serving(desk) as lane:
        lane.deny_entries("blocked: its loop has not gone round for 15 s")
        lane.submit(place("r1"))
        lane.submit(structs.replace(place("r2"), reduces=True))
        lane.submit(CancelOrder(request_id="r0", order_id="o0"))
        await lane.drain(5)
        lane.deny_entries("")
        lane.submit(place("r3"))
    assert desk.calls == [("place", "r2"), ("cancel", "o0"), ("place", "r3")]
    assert desk.answers[0] == PlaceFailed(
        request_id="r1",
        state=OrderState.DENIED,
        reason="STRATEGY_UNWELL",
        message="no entries: blocked: its loop has not gone round for 15 s",
    )


def change(request_id: str = "r1", order_id: str = "") -> ModifyOrder:
    return ModifyOrder(request_id=request_id, order_id=order_id, quantity=0, price="1401.00", trigger_price="")


WISH = ProtectPosition(
    instrument="NSE:RELIANCE-EQ", product=Product.MIS, stop_price="1390.00", target_price="", trail=""
)


async def test_a_change_finds_its_order_and_a_refused_one_says_why() -> None:
    desk = Desk()
    async with serving(desk) as lane:
        lane.submit(place("r1"))
        lane.submit(change())
        await lane.drain(5)
        desk.script = [RefusedError("CHANGE_PENDING", "another change is on its way")]
        lane.submit(change())
        lane.submit(change("unknown"))
    assert desk.calls[1:] == [("modify", "order-of-r1 1401.00")] * 2
    assert desk.answers[1:] == [
        ModifyFailed(request_id="r1", reason="CHANGE_PENDING", message="another change is on its way"),
        ModifyFailed(request_id="unknown", reason="ORDER_NOT_PLACED", message="the order has not reached the engine"),
    ]


async def test_a_change_needs_the_gate_a_guard_does_not() -> None:
    desk = Desk()
    async with serving(desk) as lane:
        desk.seconds = 2_000
        lane.submit(change(order_id="o1"))
        lane.submit(WISH)
    assert desk.calls == [("protect", "1390.00")]
    first, second = desk.answers
    assert isinstance(first, ModifyFailed)
    assert first.reason == "RUNNER_GATE_CLOSED"
    assert second == GuardAnswered(Guard(instrument="NSE:RELIANCE-EQ", product=Product.MIS, state="ACTIVE"))


async def test_a_guard_is_asked_for_again_and_a_refusal_is_told() -> None:
    desk = Desk(SILENT, RefusedError("INVALID", "the stop is above the market"))
    async with serving(desk) as lane:
        lane.submit(WISH)
    assert desk.calls == [("protect", "1390.00")] * 2
    (answer,) = desk.answers
    assert isinstance(answer, GuardAnswered)
    assert answer.guard.is_refused
    assert answer.guard.message == "the stop is above the market"
