"""Money is exact, whatever is done to it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewinds.money import format_rupees, from_e4, is_on_tick, parse_rupees, round_to_tick, to_e4

amounts = st.decimals(min_value=-10_000_000, max_value=10_000_000, places=4)
ticks = st.sampled_from([Decimal("0.01"), Decimal("0.05"), Decimal("0.10"), Decimal("0.0025"), Decimal("1")])


@given(amounts)
def test_rupees_survive_the_way_to_ten_thousandths_and_back(amount: Decimal) -> None:
    assert from_e4(to_e4(amount)) == amount


@given(amounts)
def test_what_is_formatted_is_parsed_to_the_same_amount(amount: Decimal) -> None:
    text = format_rupees(amount)
    assert parse_rupees(text, "price") == amount
    assert len(text.partition(".")[2]) >= 2


@given(amounts, ticks)
def test_rounding_lands_on_the_grid_within_half_a_tick(amount: Decimal, tick: Decimal) -> None:
    rounded = round_to_tick(amount, tick)
    assert is_on_tick(rounded, tick)
    assert abs(rounded - amount) <= tick / 2


@given(amounts, ticks)
def test_a_limit_price_never_gets_worse_by_rounding(amount: Decimal, tick: Decimal) -> None:
    assert round_to_tick(amount, tick, side="BUY") <= amount
    assert round_to_tick(amount, tick, side="SELL") >= amount


@pytest.mark.parametrize("text", ["", "abc", "NaN", "Infinity", "1.00001", "1,400", "1e400"])
def test_what_is_no_amount_is_refused_naming_the_field(text: str) -> None:
    with pytest.raises(ValueError, match=r"^price: "):
        parse_rupees(text, "price")


def test_a_tick_size_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        round_to_tick(Decimal(1), Decimal(0))
