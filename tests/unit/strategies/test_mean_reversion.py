"""The sample of mean reversion does what it says."""

from __future__ import annotations

from strategies.mean_reversion import MeanReversionStrategy
from tradewinds.sdk.testing import StrategyHarness

CALM = ["1400", "1401", "1399", "1400.5", "1399.5"]


async def started(**changes: object) -> StrategyHarness:
    harness = StrategyHarness(
        MeanReversionStrategy, {"symbols": ["TCS"], "length": 5, "quantity": 10, "entry_deviations": 1.5, **changes}
    )
    harness.past_bars("TCS", "5m", CALM)
    await harness.start()
    await harness.tick("TCS", "1400")
    return harness


async def close(harness: StrategyHarness, price: str) -> None:
    await harness.advance("5m")
    await harness.tick("TCS", price)
    await harness.bar("TCS", price, interval="5m")


async def test_it_buys_what_has_fallen_far_and_leaves_at_the_average() -> None:
    harness = await started()
    await close(harness, "1399")
    assert harness.placed() == []
    await close(harness, "1380")
    (entry,) = harness.working()
    assert (entry.side, entry.quantity, entry.price) == ("BUY", 10, "1380.00")
    await harness.fill(entry)
    await close(harness, "1385")
    assert harness.working() == []
    await close(harness, "1402")
    assert (harness.working()[0].side, harness.working()[0].quantity) == ("SELL", 10)


async def test_an_entry_that_has_not_filled_within_a_bar_is_taken_back() -> None:
    harness = await started()
    await close(harness, "1380")
    await close(harness, "1390")
    assert harness.working() == []
    assert len(harness.placed()) == 1


async def test_it_leaves_at_its_stop_and_the_stop_can_be_moved_while_it_runs() -> None:
    harness = await started()
    await close(harness, "1380")
    await harness.fill(harness.working()[0])
    await close(harness, "1370")  # less than 1 % below
    assert harness.working() == []
    await harness.change_params(stop_percent="0.5")
    await close(harness, "1370")
    assert harness.working()[0].side == "SELL"


async def test_nothing_stays_over_night() -> None:
    harness = await started()
    await close(harness, "1380")
    await harness.fill(harness.working()[0])
    await harness.advance("6h")
    assert harness.working()[0].side == "SELL"
