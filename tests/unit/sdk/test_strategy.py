"""What a strategy may rely on, through the test harness."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tradewinds.sdk import (
    BaseStrategy,
    Guard,
    OrderArgumentError,
    OrderHandle,
    OrderState,
    Params,
    Position,
    Product,
    Signal,
    StateError,
    StopReason,
    Tick,
    Trade,
    UnknownInstrumentError,
    every,
)
from tradewinds.sdk.checkpoint import Checkpoint
from tradewinds.sdk.testing import StrategyHarness


class Diary(BaseStrategy):
    """Writes down what it is called with."""

    class Params(Params):
        symbol: str = "RELIANCE"

    def __init__(self) -> None:
        self.diary: list[Any] = []

    async def on_feed_resumed(self) -> None:
        self.diary.append("resumed")

    def on_tick(self, tick: Tick) -> None:
        self.diary.append(("tick", tick.symbol, tick.last_price))

    def on_order(self, order: OrderHandle) -> None:
        self.diary.append(("order", order.state, order.filled))

    async def on_trade(self, trade: Trade) -> None:
        self.diary.append(("trade", trade.quantity, trade.price, self.position(trade.instrument).net_quantity))

    def on_feed_stale(self) -> None:
        self.diary.append("stale")

    def on_start(self) -> None:
        self.diary.append("start")

    def on_stop(self, reason: StopReason) -> None:
        self.diary.append(reason)


async def started(strategy_class: type[BaseStrategy] = Diary) -> StrategyHarness:
    harness = StrategyHarness(strategy_class)
    await harness.start()
    return harness


async def test_callbacks_may_be_plain_or_async_and_come_in_order() -> None:
    harness = await started()
    await harness.tick("RELIANCE", "1400.05")
    order = harness.strategy.buy("RELIANCE", 10, Decimal("1400.10"))
    assert (order.state, order.is_working, order.remaining) == (OrderState.PENDING_SUBMIT, True, 10)
    await harness.feed(is_stale=True)
    await harness.feed(is_stale=False)
    await harness.fill(harness.working()[0], 4)
    await harness.fill(harness.working()[0])
    await harness.stop()
    assert harness.strategy.diary == [
        "start",
        ("tick", "NSE:RELIANCE-EQ", Decimal("1400.05")),
        "stale",
        ("order", OrderState.OPEN, 0),
        "resumed",
        ("order", OrderState.PARTIALLY_FILLED, 4),
        ("trade", 4, Decimal("1400.10"), 4),
        ("order", OrderState.FILLED, 10),
        ("trade", 6, Decimal("1400.10"), 10),
        StopReason.STOP,
    ]
    assert order.id == "order-1"
    assert order.average_price == Decimal("1400.10")
    assert harness.strategy.orders() == []


async def test_reads_take_a_bare_symbol_or_the_key() -> None:
    harness = await started()
    assert harness.strategy.quote("RELIANCE") is None
    await harness.tick("RELIANCE", "1400")
    assert harness.strategy.quote("NSE:RELIANCE-EQ").last_price == 1400
    assert harness.strategy.position("reliance").net_quantity == 0
    assert harness.strategy.now == harness.now
    with pytest.raises(UnknownInstrumentError, match="did you mean NSE:RELIANCE-EQ"):
        harness.strategy.quote("RELIANCEE")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0,), "positive whole number"),
        ((-5,), "positive whole number"),
        ((1.5,), "positive whole number"),
        ((True,), "positive whole number"),
        ((1, 1400.05), "float"),
        ((1, Decimal("-1")), "positive number of rupees"),
        ((1, Decimal("NaN")), "positive number of rupees"),
    ],
)
async def test_an_order_that_can_never_be_right_raises_at_once(arguments: tuple[Any, ...], words: str) -> None:
    harness = await started()
    with pytest.raises(OrderArgumentError, match=words):
        harness.strategy.buy("RELIANCE", *arguments)
    with pytest.raises(OrderArgumentError, match="reason: has 501 characters"):
        harness.strategy.buy("RELIANCE", 1, reason="x" * 501)
    assert harness.placed() == []


async def test_the_prices_given_decide_the_order_type() -> None:
    harness = await started()
    harness.strategy.buy("RELIANCE", 1)
    harness.strategy.buy("RELIANCE", 1, "1400.05")
    harness.strategy.sell("RELIANCE", 1, 1390, trigger_price=1391, product="CNC")
    assert [(o.order_type, o.price, o.trigger_price, o.product) for o in harness.placed()] == [
        ("MARKET", "", "", "MIS"),
        ("LIMIT", "1400.05", "", "MIS"),
        ("SL", "1390", "1391", "CNC"),
    ]
    with pytest.raises(OrderArgumentError, match="needs a"):
        harness.strategy.buy("RELIANCE", 1, trigger_price=1391)


async def test_a_working_order_is_changed_and_says_so() -> None:
    harness = await started()
    order = harness.strategy.buy("RELIANCE", 10, 1400)
    await harness.tick("RELIANCE", 1500)
    assert harness.strategy.modify(order, price="1401.50", quantity=12) is order
    assert order.modify_requested
    await harness.tick("RELIANCE", 1500)
    assert (order.price, order.quantity, order.modify_requested) == (Decimal("1401.50"), 12, False)
    await harness.fill(harness.working()[0])
    harness.strategy.modify(order, price=1)  # it has ended: nothing happens
    assert order.state is OrderState.FILLED


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"trigger_price": 1390}, "a LIMIT order cannot become a SL order"),
        ({"quantity": 4}, "4 have filled already; cancel the rest"),
        ({"quantity": 0}, "positive whole number"),
        ({"price": -1}, "positive number of rupees"),
        ({"price": 1.5}, "is a float"),
    ],
)
async def test_a_change_that_can_never_be_right_is_refused_at_once(changes: dict[str, Any], words: str) -> None:
    harness = await started()
    order = harness.strategy.buy("RELIANCE", 10, 1400)
    await harness.tick("RELIANCE", 1500)
    await harness.fill(harness.working()[0], 4)
    with pytest.raises(OrderArgumentError, match=words):
        harness.strategy.modify(order, **changes)
    assert not order.modify_requested


async def test_a_guard_is_asked_for_and_its_answer_is_told() -> None:
    class Guarded(Diary):
        def on_guard(self, guard: Guard) -> None:
            self.diary.append((guard.state, guard.is_refused, guard.message))

    harness = await started(Guarded)
    harness.strategy.protect("RELIANCE", stop="1390", target=1450)
    assert [(g.instrument, g.stop_price, g.target_price, g.trail) for g in harness.guards] == [
        ("NSE:RELIANCE-EQ", "1390", "1450", "")
    ]
    await harness.guard("RELIANCE", "REFUSED", message="nothing is open")
    assert harness.strategy.diary[-1] == ("REFUSED", True, "nothing is open")
    with pytest.raises(OrderArgumentError, match="trail: must be a positive number"):
        harness.strategy.protect("RELIANCE", stop=1390, trail=0)
    await harness.stop(StopReason.MOVE)
    harness.strategy.protect("RELIANCE", stop=1390)
    assert len(harness.guards) == 1


async def test_cancel_is_asked_once_and_ended_orders_are_left_alone() -> None:
    harness = await started()
    order = harness.strategy.buy("RELIANCE", 1, 1400)
    harness.strategy.cancel(order)
    harness.strategy.cancel(order)
    await harness.tick("RELIANCE", 1500)
    assert order.state is OrderState.CANCELLED
    assert harness.strategy.cancel(order).state is OrderState.CANCELLED


async def test_square_off_exits_only_what_no_order_exits_already() -> None:
    harness = await started()
    await harness.tick("RELIANCE", 1400)
    harness.strategy.buy("RELIANCE", 10, 1400)
    await harness.tick("RELIANCE", 1400)
    await harness.fill(harness.working()[0])
    exiting = harness.strategy.sell("RELIANCE", 4, 1450)
    entry = harness.strategy.buy("RELIANCE", 3, 1300)
    await harness.tick("RELIANCE", 1400)
    (rest,) = harness.strategy.square_off()
    assert (rest.side, rest.quantity, rest.order_type) == ("SELL", 6, "MARKET")
    assert entry.cancel_requested
    assert not exiting.cancel_requested
    assert harness.strategy.square_off("RELIANCE") == []


async def test_orders_are_refused_in_on_stop_when_the_strategy_only_moves() -> None:
    class Leaver(Diary):
        def on_stop(self, reason: StopReason) -> None:
            self.last = self.buy("RELIANCE", 1, 1400)

    moved, stopped = await started(Leaver), await started(Leaver)
    await moved.stop(StopReason.MOVE)
    await stopped.stop(StopReason.STOP)
    assert (moved.strategy.last.state, moved.strategy.last.reason) == (OrderState.DENIED, "STOPPING")
    assert moved.placed() == []
    assert len(stopped.placed()) == 1


async def test_timers_fire_in_market_time_decorated_or_not() -> None:
    class Clockwork(Diary):
        def on_start(self) -> None:
            self.timer = self.every("2s", self.beat)

        def beat(self) -> None:
            self.diary.append(f"beat {self.now:%H:%M:%S}")

        @every("5s")
        async def look(self) -> None:
            self.diary.append(f"look {self.now:%H:%M:%S}")

    harness = await started(Clockwork)
    await harness.advance("5s")
    harness.strategy.timer.cancel()
    await harness.advance("5s")
    assert harness.strategy.diary == [
        "beat 09:15:02",
        "beat 09:15:04",
        "look 09:15:05",
        "look 09:15:10",
    ]


async def test_notifications_and_metrics_are_checked_and_sent() -> None:
    harness = await started()
    harness.strategy.notify("Title", "text", dedupe_key="once")
    harness.strategy.metric("pnl", Decimal("1.5"))
    assert (harness.notifications[0].title, harness.metrics[0].value) == ("Title", 1.5)
    with pytest.raises(ValueError, match="title"):
        harness.strategy.notify(" ")
    with pytest.raises(ValueError, match="finite"):
        harness.strategy.metric("pnl", float("nan"))


class Ladder(BaseStrategy):
    """After each fill it sells twice what was filled, decided from state and position."""

    class Params(Params):
        symbol: str = "RELIANCE"

    def on_trade(self, trade: Trade) -> None:
        self.state["fills"] = self.state.get("fills", 0) + 1
        if trade.side == "BUY":
            self.sell("RELIANCE", self.position("RELIANCE").net_quantity, trade.price + self.state["fills"])
            self.sell("RELIANCE", 1, trade.price + 2)


async def test_a_fill_replayed_after_a_crash_makes_the_same_orders_once() -> None:
    harness = await started(Ladder)
    harness.strategy.buy("RELIANCE", 10, 1400)
    await harness.tick("RELIANCE", 1400)
    before_the_fill = harness.checkpoint
    await harness.fill(harness.working()[0])
    placed = harness.placed()
    assert len(placed) == 3
    for old in (Checkpoint(), before_the_fill, harness.checkpoint):
        await harness.crash_and_restart(from_checkpoint=old)
        assert harness.placed() == placed
        assert harness.strategy.state == {"fills": 1}
        assert harness.strategy.position("RELIANCE").net_quantity == 10
        assert [o.request_id for o in harness.strategy.orders()] == [p.request_id for p in placed[1:]]


async def test_what_a_person_booked_to_it_is_its_position_though_it_follows_no_such_instrument() -> None:
    """An external fill that was attributed to it: a strategy that asks for the position of each order's instrument must not crash."""
    harness = await started()
    booked = Position("NSE:SBIN-EQ", Product.MIS, -2, Decimal(900))
    await harness.crash_and_restart(from_checkpoint=Checkpoint(positions=(booked,)))
    assert harness.strategy.position("NSE:SBIN-EQ") == booked
    with pytest.raises(UnknownInstrumentError):
        harness.strategy.position("NSE:TCS-EQ")


async def test_state_that_json_cannot_hold_is_refused_with_a_remedy() -> None:
    harness = await started()
    harness.strategy.state = {"seen": {1, 2}}
    with pytest.raises(StateError, match="keep numbers, strings"):
        await harness.tick("RELIANCE", 1)
    harness.strategy.state = {5: "x"}
    with pytest.raises(StateError, match="keys must be strings"):
        await harness.tick("RELIANCE", 1)
    harness.strategy.state = {"everything": "x" * 1_000_000}
    with pytest.raises(StateError, match="1,000,000 are kept; keep in it what a restart needs"):
        await harness.tick("RELIANCE", 1)


async def test_an_exception_passes_through_to_whoever_runs_the_strategy() -> None:
    class Faulty(Diary):
        def on_tick(self, tick: Tick) -> None:
            raise ZeroDivisionError(tick.symbol)

    harness = await started(Faulty)
    with pytest.raises(ZeroDivisionError):
        await harness.tick("RELIANCE", 1)


async def test_an_order_says_whether_it_only_takes_away_from_what_is_held() -> None:
    harness = await started()
    strategy = harness.strategy
    strategy.buy("RELIANCE", 10, 1400)
    await harness.fill(harness.working()[0])
    strategy.sell("RELIANCE", 6, 1500)
    strategy.sell("RELIANCE", 4, 1500)
    strategy.sell("RELIANCE", 1, 1500)  # beyond what is held, with the others
    strategy.buy("RELIANCE", 1, 1400)
    strategy.sell("RELIANCE", 1, 1500, product="CNC")  # another position
    assert [order.reduces for order in harness.placed()] == [False, True, True, False, False, False]


async def test_it_is_told_what_comes_from_outside_and_what_it_holds_when_the_books_are_right() -> None:
    class Listening(Diary):
        def on_signal(self, signal: Signal) -> None:
            self.state["signal"] = [signal.data, signal.sender]

        def on_reconciled(self, positions: list[Position]) -> None:
            self.state["holds"] = [[p.instrument, p.net_quantity] for p in positions]

    harness = await started(Listening)
    harness.strategy.buy("RELIANCE", 10, 1400)
    await harness.fill(harness.working()[0])
    await harness.signal({"action": "reduce"}, sender="asha")
    await harness.reconciled()
    assert harness.checkpoint.state["signal"] == [{"action": "reduce"}, "asha"]
    assert harness.checkpoint.state["holds"] == [["NSE:RELIANCE-EQ", 10]]


async def test_what_a_guard_keeps_at_the_exchange_is_no_exit_of_the_strategy() -> None:
    harness = await started()
    strategy = harness.strategy
    strategy.buy("RELIANCE", 10, 1400)
    await harness.fill(harness.working()[0])
    strategy.protect("RELIANCE", stop="1380")
    await harness.guard("RELIANCE", "ACTIVE")
    (stop,) = harness.working()
    assert (stop.side, stop.quantity, stop.origin) == ("SELL", 10, "GUARD")
    assert strategy.orders() == []
    await harness.crash_and_restart()
    (exit_,) = harness.strategy.square_off()
    assert (exit_.side, exit_.quantity) == ("SELL", 10)
