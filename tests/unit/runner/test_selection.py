"""What a selector means, given what the engine answers."""

from __future__ import annotations

from decimal import Decimal

import pytest

from strategy_runner.market_calls import Chain, Expiry, Strike
from strategy_runner.selection import choose_expiry, choose_option, future_key
from tradewinds.instruments import UnknownInstrumentError
from tradewinds.sdk.selectors import Selector, fut, opt

EXPIRIES = [
    Expiry("2026-11-24", "NFO", is_monthly=True),
    Expiry("2026-12-01", "NFO", is_monthly=False),
    Expiry("2026-12-29", "NFO", is_monthly=True),
]
STRIKES = tuple(Strike(Decimal(strike), f"C{strike}", f"P{strike}") for strike in range(24_300, 24_800, 100))
CHAIN = Chain(Decimal("24530.55"), STRIKES)


@pytest.mark.parametrize(
    ("selector", "day"),
    [
        (fut("NIFTY"), "2026-11-24"),
        (fut("NIFTY", 1), "2026-12-01"),
        (fut("NIFTY", "monthly+1"), "2026-12-29"),
        (opt("NIFTY", "weekly+1", "ATM", "CE"), "2026-12-01"),
    ],
)
def test_expiries_are_counted(selector: Selector, day: str) -> None:
    assert choose_expiry(selector, EXPIRIES).day == day


def test_what_is_beyond_the_last_expiry_says_which_there_are() -> None:
    with pytest.raises(UnknownInstrumentError, match="only 2 such expiries: 2026-11-24, 2026-12-29"):
        choose_expiry(fut("NIFTY", "monthly+2"), EXPIRIES)


def test_a_future_is_named_as_the_exchange_does() -> None:
    assert future_key("NIFTY", EXPIRIES[0]) == "NFO:NIFTY24NOV26FUT"


@pytest.mark.parametrize(
    ("strike", "option_type", "key"),
    [("ATM", "CE", "C24500"), ("ATM+2", "CE", "C24700"), ("ATM-2", "PE", "P24300"), ("24600", "PE", "P24600")],
)
def test_strikes_are_counted_from_the_one_nearest_to_the_price(strike: str, option_type: str, key: str) -> None:
    assert choose_option(opt("NIFTY", 0, strike, option_type), CHAIN) == key


@pytest.mark.parametrize(
    ("strike", "chain", "words"),
    [
        ("ATM+3", CHAIN, "not so many strikes on that side of 24530.55"),
        ("24650", CHAIN, "no such strike within 50 of the money; near it: 24600, 24700"),
        ("ATM", Chain(None, STRIKES), "NIFTY has no price yet"),
        ("24300", Chain(None, (Strike(Decimal(24_300), "", "P"),)), "there is no CE at 24300"),
    ],
)
def test_what_there_is_not_is_said(strike: str, chain: Chain, words: str) -> None:
    with pytest.raises(UnknownInstrumentError, match=words):
        choose_option(opt("NIFTY", 0, strike, "CE"), chain)
