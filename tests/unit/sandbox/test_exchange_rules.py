"""Limit price protection of contracts, in the captured words."""

from __future__ import annotations

from datetime import date

import pytest

from sandbox.exchange_rules import beyond_price_protection
from sandbox.orders import Side
from sandbox.universe import DEFAULT_UNIVERSE, Instrument, InstrumentKind, OptionType

EXPIRY = date(2026, 11, 26)
OPTION = Instrument(
    *("NFO", "1", "X26000CE", "X", 5, 10_000), InstrumentKind.OPTION, expiry=EXPIRY, option_type=OptionType.CALL
)  # fmt: skip
FUTURE = Instrument("NFO", "2", "XFUT", "X", 5, 2_500_000, InstrumentKind.FUTURE, expiry=EXPIRY)
SHARE = DEFAULT_UNIVERSE.find("NSE", "3045")
LIMIT = "Order price is beyond the Limit Price Protection range defined by the exchange. Please"
STOP = (
    "Difference between limit price and trigger price for SL Limit Order is beyond the exchange's Permissible range of"
)


@pytest.mark.parametrize(
    ("instrument", "price", "trigger", "side", "ltp", "text"),
    [
        (OPTION, 14_000, 0, Side.BUY, 10_000, ""),
        (OPTION, 14_005, 0, Side.BUY, 10_000, f"{LIMIT} reduce the limit price below 140.00"),
        (OPTION, 5_995, 0, Side.SELL, 10_000, f"{LIMIT} increase the limit price above 60.00"),
        (OPTION, 20_000, 0, Side.SELL, 10_000, ""),
        (OPTION, 4_005, 0, Side.BUY, 2_000, f"{LIMIT} reduce the limit price below 40.00"),
        (FUTURE, 2_575_005, 0, Side.BUY, 2_500_000, f"{LIMIT} reduce the limit price below 25750.00"),
        (OPTION, 12_005, 10_000, Side.BUY, 9_000, f"{STOP} 20.00. Consider reducing the limit price below 120.00"),
        (OPTION, 12_000, 10_000, Side.BUY, 9_000, ""),
        (SHARE, 1, 0, Side.SELL, 94_000, ""),
    ],
)
def test_a_contracts_limit_may_not_lie_too_far_from_the_market(
    instrument: Instrument, price: int, trigger: int, side: Side, ltp: int, text: str
) -> None:
    assert (beyond_price_protection(instrument, price, trigger, side, ltp) or "") == text
