"""Options are priced off their underlying: parity, bounds, and the same by ones as in bulk."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.pricing.black_scholes import greeks, option_price, option_prices

forwards, strikes = st.floats(50, 50_000), st.floats(50, 50_000)
years = st.one_of(st.just(0.0), st.floats(1e-10, 1))  # a millisecond before its expiry, at the least
volatilities = st.floats(0.05, 1)


@given(forwards, strikes, years, volatilities, st.floats(0.9, 1))
def test_a_call_less_its_put_is_the_forward_less_the_strike(
    forward: float, strike: float, time: float, volatility: float, discount: float
) -> None:
    call, put = (option_price(forward, strike, time, volatility, discount, side) for side in (True, False))
    assert call - put == pytest.approx(discount * (forward - strike), abs=1e-6 * (forward + strike))
    assert -1e-9 <= call <= discount * forward + 1e-6
    assert -1e-9 <= put <= discount * strike + 1e-6


@given(forwards, strikes, years, volatilities)
def test_a_call_gains_when_its_underlying_rises_and_a_put_loses(
    forward: float, strike: float, time: float, volatility: float
) -> None:
    higher = forward * 1.01
    assert (
        option_price(higher, strike, time, volatility, 1.0, True)
        >= option_price(forward, strike, time, volatility, 1.0, True) - 1e-9 * strike
    )
    assert (
        option_price(higher, strike, time, volatility, 1.0, False)
        <= option_price(forward, strike, time, volatility, 1.0, False) + 1e-9 * strike
    )


@given(forwards, strikes, years, volatilities, st.booleans())
def test_in_bulk_it_is_the_same_price(
    forward: float, strike: float, time: float, volatility: float, call: bool
) -> None:
    one = option_price(forward, strike, time, volatility, 0.99, call)
    (bulk,) = option_prices(
        np.array([forward]), strike, np.array([time]), np.array([volatility]), np.array([0.99]), call
    ).tolist()
    assert bulk == pytest.approx(one, abs=1e-6 * (forward + strike))


def test_an_expired_option_is_worth_what_it_is_in_the_money_and_has_no_greeks() -> None:
    assert option_price(25_400, 25_000, 0, 0.2, 1.0, True) == 400
    assert option_price(25_400, 25_000, 0, 0.2, 1.0, False) == 0
    assert greeks(25_400, 25_000, 0, 0.2, 0.06, 0, True).delta == 0
