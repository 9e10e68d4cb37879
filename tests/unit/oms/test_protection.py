"""The protection price of a MARKET order."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_server.oms.domain.protection import NoFreshQuoteError, Quote, protection_price
from tests.unit.oms.orders import NIFTY_FUTURE, RELIANCE
from tradewinds.instruments import Instrument
from tradewinds.money import is_on_tick

QUOTE = Quote(last=Decimal(1400), bid=Decimal("1399.95"), ask=Decimal("1400.05"), age_seconds=0.2)


def option(name: str, exchange: str = "NFO") -> Instrument:
    return msgspec.structs.replace(NIFTY_FUTURE, kind="OPT", name=name, exchange=exchange, tick_size=Decimal("0.05"))


def test_a_buy_goes_half_a_percent_above_the_best_ask() -> None:
    assert protection_price(RELIANCE, "BUY", QUOTE) == Decimal("1407.05")  # 1407.05025 rounded down


def test_a_sell_goes_half_a_percent_below_the_best_bid() -> None:
    assert protection_price(RELIANCE, "SELL", QUOTE) == Decimal("1393.00")  # 1392.95025 rounded up


def test_without_depth_the_last_price_serves() -> None:
    assert protection_price(RELIANCE, "BUY", replace(QUOTE, ask=Decimal(0))) == Decimal(1407)


@pytest.mark.parametrize(
    ("instrument", "price", "expected"),
    [
        (NIFTY_FUTURE, "24000", "24120.00"),  # index future 0.5 %
        (msgspec.structs.replace(NIFTY_FUTURE, name="RELIANCE"), "1400", "1414.00"),  # stock future 1 %
        (option("NIFTY"), "8", "9.60"),  # below 10: 20 %
        (option("NIFTY"), "10", "11.00"),
        (option("NIFTY"), "40", "42.00"),
        (option("NIFTY"), "100", "102.50"),
        (option("RELIANCE"), "8", "11.20"),  # stock options: 40 %
        (option("RELIANCE"), "60", "63.00"),
        (option("GOLDM", "MCX"), "60", "61.50"),
    ],
)
def test_slabs_are_the_brokers(instrument: Instrument, price: str, expected: str) -> None:
    quote = replace(QUOTE, ask=Decimal(price))
    assert protection_price(instrument, "BUY", quote) == Decimal(expected)


@pytest.mark.parametrize(
    ("quote", "says"),
    [
        (None, "no quote"),
        (replace(QUOTE, age_seconds=5.1), "5.1 s old"),
        (replace(QUOTE, last=Decimal(0), ask=Decimal(0)), "no price"),
    ],
)
def test_without_a_fresh_price_it_is_refused(quote: Quote | None, says: str) -> None:
    with pytest.raises(NoFreshQuoteError, match=says):
        protection_price(RELIANCE, "BUY", quote)


@given(st.integers(min_value=1, max_value=2_000_000), st.sampled_from(["BUY", "SELL"]))
def test_it_is_on_the_grid_and_never_beyond_the_slab(ticks: int, side: str) -> None:
    base = ticks * RELIANCE.tick_size
    price = protection_price(RELIANCE, side, replace(QUOTE, bid=base, ask=base))
    assert is_on_tick(price, RELIANCE.tick_size)
    if side == "BUY":
        assert base <= price <= base * Decimal("1.005")
    else:
        assert base * Decimal("0.995") <= price <= base
