"""The sample of opening-range breakout does what it says."""

from __future__ import annotations

from decimal import Decimal

from strategies.opening_range import OpeningRangeStrategy
from tradewinds.sdk.testing import StrategyHarness
from tradewinds.sdk.vocabulary import OrderState

KEY = "NSE:TCS-EQ"


async def after_the_opening() -> StrategyHarness:
    harness = StrategyHarness(
        OpeningRangeStrategy, {"symbols": ["TCS"], "quantity": 10, "minutes": 3}, fills_marketable=True
    )
    await harness.start()
    for low, high in ((3000, 3005), (2998, 3010), (3003, 3008)):
        await harness.advance("1m")
        await harness.bar("TCS", low, low=low, high=high)
    return harness


async def test_a_break_of_the_range_is_bought_once_with_a_stop_at_its_low() -> None:
    harness = await after_the_opening()
    assert harness.strategy.state["ranges"] == {KEY: ("3010.00", "2998.00")}
    await harness.tick("TCS", "3010")
    assert harness.placed() == []
    await harness.tick("TCS", "3010.05")
    entry, stop = harness.placed()
    assert (entry.side, entry.quantity, entry.order_type) == ("BUY", 10, "MARKET")
    assert (stop.side, stop.quantity, stop.order_type, stop.trigger_price) == ("SELL", 10, "SL", "2998.00")
    assert Decimal(stop.price) < Decimal(stop.trigger_price)
    await harness.fill(harness.working()[0], price="2998")
    await harness.tick("TCS", "3020")
    assert len(harness.placed()) == 2, "once a day"


async def test_it_takes_its_stop_back_before_it_sells_in_the_afternoon() -> None:
    harness = await after_the_opening()
    await harness.tick("TCS", "3011")
    await harness.advance("6h")
    assert harness.strategy.position("TCS").net_quantity == 0
    assert [order.order_type for order in harness.placed()] == ["MARKET", "SL", "MARKET"]


async def test_what_was_done_today_survives_a_crash_and_ends_with_the_day() -> None:
    harness = await after_the_opening()
    await harness.tick("TCS", "3011")
    await harness.crash_and_restart()
    assert harness.strategy.state["done"] == [KEY]
    await harness.advance("24h")
    assert harness.strategy.state["done"] == []


async def test_a_rejected_entry_is_told() -> None:
    harness = StrategyHarness(OpeningRangeStrategy, {"symbols": ["TCS"], "minutes": 1})
    await harness.start()
    await harness.advance("1m")
    await harness.bar("TCS", 3000)
    await harness.tick("TCS", 3001)
    await harness.end(harness.working()[0], OrderState.REJECTED, "MARGIN", "not enough")
    assert [n.title for n in harness.notifications] == [f"{KEY} was not bought"]
