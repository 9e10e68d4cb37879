"""The sample strategy does what it says."""

from __future__ import annotations

import csv
import gzip
import os
import random
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from strategies.momentum import MomentumStrategy
from tradewinds.sdk import Side
from tradewinds.sdk.testing import StrategyHarness

PARAMS = {"symbols": ["RELIANCE", "TCS"], "execution_interval": 5, "capital_allocated": 100000}
DATA = Path(os.environ.get("TRADEWINDS_MARKET_DATA") or Path(__file__).parents[3] / "../shared/data")


async def rising(harness: StrategyHarness, symbol: str = "RELIANCE", looks: int = 3) -> None:
    for step in range(looks):
        await harness.tick(symbol, Decimal(1400) + step)
        await harness.advance("5s")


async def started(**changes: object) -> StrategyHarness:
    harness = StrategyHarness(MomentumStrategy, {**PARAMS, "lookback": 2, **changes})
    await harness.start()
    return harness


async def test_it_buys_what_rises_with_a_marketable_limit_within_its_share() -> None:
    harness = await started()
    await rising(harness)
    (order,) = harness.placed()
    assert (order.instrument, order.side, order.order_type) == ("NSE:RELIANCE-EQ", "BUY", "LIMIT")
    limit = Decimal(order.price)
    assert limit > Decimal("1402.05")
    assert limit % Decimal("0.05") == 0
    assert 49_000 < order.quantity * limit <= 50_000


async def test_a_flat_or_falling_price_is_left_alone() -> None:
    harness = await started()
    for price in ("1400", "1400", "1400", "1399", "1398"):
        await harness.tick("RELIANCE", price)
        await harness.advance("5s")
    assert harness.placed() == []


async def test_an_entry_that_does_not_fill_is_cancelled() -> None:
    harness = await started()
    await rising(harness)
    await harness.advance("5s")
    assert harness.working() == []
    assert harness.strategy.orders() == []


async def test_it_sells_when_the_price_turns() -> None:
    harness = await started()
    await rising(harness)
    await harness.fill(harness.working()[0])
    for price in ("1399", "1398"):
        await harness.tick("RELIANCE", price)
        await harness.advance("5s")
    entry, exit_ = harness.placed()
    assert (exit_.side, exit_.quantity) == ("SELL", entry.quantity)
    assert Decimal(exit_.price) < Decimal("1398.95")


async def test_it_sells_after_max_hold_and_a_crash_does_not_restart_that_clock() -> None:
    harness = await started(max_hold=30)
    await rising(harness)
    await harness.fill(harness.working()[0])
    await harness.advance("20s")
    await harness.crash_and_restart()
    await harness.tick("RELIANCE", "1403")
    assert len(harness.placed()) == 1
    await harness.advance("10s")
    assert [order.side for order in harness.placed()] == ["BUY", "SELL"]


async def test_it_says_once_that_a_share_does_not_buy_one_lot() -> None:
    harness = await started(capital_allocated=100)
    await rising(harness, looks=4)
    assert harness.placed() == []
    assert harness.notifications[0].dedupe_key == "NSE:RELIANCE-EQ"


def exposure(harness: StrategyHarness) -> Decimal:
    held = sum((p.net_quantity * (p.average_price or 0) for p in harness.strategy.positions()), Decimal(0))
    entering = (o for o in harness.strategy.orders() if o.side is Side.BUY)
    return held + sum((o.remaining * (o.price or 0) for o in entering), Decimal(0))


async def test_on_a_wandering_price_it_trades_often_and_never_beyond_its_capital() -> None:
    harness = StrategyHarness(MomentumStrategy, PARAMS, fills_marketable=True)
    await harness.start()
    walk, price = random.Random(7), {"RELIANCE": 1400.0, "TCS": 3900.0}
    for _ in range(600):
        for symbol, value in price.items():
            price[symbol] = value + walk.gauss(0, value * 0.0002)
            await harness.tick(symbol, Decimal(round(price[symbol] * 20)) / 20)
            assert exposure(harness) <= 100_000
        await harness.advance(1)
    assert len([o for o in harness.placed() if o.side is Side.SELL]) > 5


def recorded_ticks(minutes: int) -> Iterator[tuple[datetime, str, str]]:
    with gzip.open(DATA / "ticks/nse_ticks_2021-06-08.csv.gz", "rt") as file:
        first: datetime | None = None
        for row in csv.DictReader(file):
            moment = datetime.fromisoformat(row["ts"])
            first = first or moment
            if (moment - first).total_seconds() > minutes * 60:
                return
            if row["symbol"] in PARAMS["symbols"]:  # type: ignore[operator]
                yield moment, row["symbol"], row["ltp"]


async def test_on_recorded_prices_it_trades() -> None:
    if not DATA.is_dir():
        pytest.skip(f"no recorded market data in {DATA}; set TRADEWINDS_MARKET_DATA")
    ticks = list(recorded_ticks(minutes=10))
    harness = StrategyHarness(MomentumStrategy, PARAMS, start=ticks[0][0], fills_marketable=True)
    await harness.start()
    for moment, symbol, price in ticks:
        if (behind := (moment - harness.now).total_seconds()) >= 0.1:
            await harness.advance(behind)
        await harness.tick(symbol, price)
        assert exposure(harness) <= 100_000
    assert len(harness.placed()) > 10
