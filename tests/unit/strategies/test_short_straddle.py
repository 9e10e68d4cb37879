"""The sample of a short straddle does what it says, and never leaves a leg without a guard or half a straddle on."""

from __future__ import annotations

from decimal import Decimal

from strategies.short_straddle import ShortStraddleStrategy
from tradewinds.instruments import Instrument
from tradewinds.sdk import opt
from tradewinds.sdk.checkpoint import Checkpoint
from tradewinds.sdk.testing import StrategyHarness
from tradewinds.sdk.vocabulary import OrderState


def option(option_type: str) -> Instrument:
    symbol = f"NIFTY24NOV2624500{option_type}"
    return Instrument(
        key=f"NFO:{symbol}", exchange="NFO", symbol=symbol, token=option_type, name="NIFTY", kind="OPT",
        lot_size=75, tick_size=Decimal("0.05"),
    )  # fmt: skip


CALL, PUT = option("CE"), option("PE")


async def started(*, with_put: bool = True) -> StrategyHarness:
    harness = StrategyHarness(ShortStraddleStrategy, {"capital_allocated": 200000, "lots": 2}, instruments=[])
    harness.means(opt("NIFTY", "weekly", "ATM", "CE"), CALL)
    if with_put:
        harness.means(opt("NIFTY", "weekly", "ATM", "PE"), PUT)
    await harness.start()
    await harness.advance("5m")
    return harness


async def sold() -> StrategyHarness:
    harness = await started()
    for leg, price in ((CALL, "100"), (PUT, "80")):
        await harness.fill(next(o for o in harness.working() if o.instrument == leg.key), price=price)
    return harness


async def test_it_sells_both_legs_and_guards_each_as_soon_as_it_is_sold() -> None:
    harness = await sold()
    assert [(o.instrument, o.side, o.quantity) for o in harness.placed()] == [
        (CALL.key, "SELL", 150),
        (PUT.key, "SELL", 150),
    ]
    assert [(g.instrument, g.stop_price) for g in harness.guards] == [(CALL.key, "130.0"), (PUT.key, "104.0")]


async def test_a_leg_whose_guard_is_refused_ends_both() -> None:
    harness = await sold()
    await harness.guard(CALL.key, "ACTIVE")
    assert [(o.instrument, o.trigger_price) for o in harness.working()] == [(CALL.key, "130.0")]
    await harness.guard(PUT.key, "REFUSED", "PRICE_BAND", "beyond the band")
    assert [(o.instrument, o.side, o.order_type) for o in harness.working()] == [
        (CALL.key, "BUY", "SL"),  # the engine takes it back when the exit comes
        (CALL.key, "BUY", "MARKET"),
        (PUT.key, "BUY", "MARKET"),
    ]
    assert "is not guarded: leaving" in harness.notifications[0].title


async def test_in_the_afternoon_both_legs_are_bought_back() -> None:
    harness = await sold()
    await harness.advance("6h")
    assert [(o.side, o.order_type, o.quantity) for o in harness.working()] == [("BUY", "MARKET", 150)] * 2
    for order in harness.working():
        await harness.fill(order, price="50")
    assert harness.strategy.positions() == []


async def test_a_leg_that_is_refused_ends_the_other_one_too() -> None:
    harness = await started()
    call, put = harness.working()
    await harness.fill(call, price="100")
    await harness.end(put, OrderState.REJECTED, "MARGIN", "not enough")
    assert [(o.instrument, o.order_type) for o in harness.working()] == [(CALL.key, "MARKET")]
    assert "was not sold: leaving" in harness.notifications[0].title


async def test_without_both_contracts_nothing_is_sold() -> None:
    harness = await started(with_put=False)
    assert harness.placed() == []
    assert harness.notifications[0].title == "No straddle today"


async def test_a_crash_between_the_legs_and_their_guards_sells_nothing_twice_and_guards_both() -> None:
    harness = await sold()
    before = harness.placed()
    await harness.crash_and_restart(from_checkpoint=Checkpoint())
    assert harness.placed() == before
    assert {g.instrument for g in harness.guards[2:]} == {CALL.key, PUT.key}  # said again: it moves the same guard
