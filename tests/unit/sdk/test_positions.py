"""A strategy's book equals what its fills add up to."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tradewinds.sdk import Position, Product, Side

fills = st.lists(
    st.tuples(
        st.sampled_from(Side),
        st.integers(1, 500),
        st.decimals(min_value="0.05", max_value="5000", places=2),
    ),
    max_size=30,
)


@given(fills)
def test_realised_and_open_value_equal_the_cash_that_moved(trades: list[tuple[Side, int, Decimal]]) -> None:
    position = Position("NSE:X-EQ", Product.MIS)
    cash = Decimal(0)
    for side, quantity, price in trades:
        position = position.after(side, quantity, price)
        cash += -price * quantity if side is Side.BUY else price * quantity
    open_value = position.net_quantity * (position.average_price or Decimal(0))
    assert abs(position.realised_pnl - (cash + open_value)) < Decimal("0.000001")
    assert (position.average_price is None) == (position.net_quantity == 0)


def test_turning_from_long_to_short_begins_a_new_average() -> None:
    long = Position("NSE:X-EQ", Product.MIS).after(Side.BUY, 10, Decimal(100))
    short = long.after(Side.SELL, 15, Decimal(110))
    assert (short.net_quantity, short.average_price, short.realised_pnl) == (-5, Decimal(110), Decimal(100))
