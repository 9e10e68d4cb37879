"""What a selector means today: pure choices, and the questions that they need."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from strategy_runner.market_calls import Chain, Expiry, MarketCalls, Strike
from tradewinds.instruments import UnknownInstrumentError, make_key
from tradewinds.sdk.selectors import Selector

_MOST_STRIKES = 50


async def key_of(selector: Selector, market: MarketCalls) -> str:
    """The canonical key; raises `UnknownInstrumentError` and `MarketCallError`."""
    expiry = choose_expiry(selector, await market.expiries(selector.underlying, selector.kind))
    if selector.kind == "FUT":
        return future_key(selector.underlying, expiry)
    strikes = min(_MOST_STRIKES, abs(selector.steps) + 2) if not selector.strike else _MOST_STRIKES
    return choose_option(selector, await market.chain(selector.underlying, expiry.day, strikes))


def choose_expiry(selector: Selector, expiries: Sequence[Expiry]) -> Expiry:
    """The one that the selector counts to; raises `UnknownInstrumentError`."""
    eligible = [expiry for expiry in expiries if expiry.is_monthly or not selector.is_monthly]
    if selector.expiry >= len(eligible):
        there = ", ".join(expiry.day for expiry in eligible[:5]) or "none"
        raise UnknownInstrumentError(f"{selector.text}: there are only {len(eligible)} such expiries: {there}")
    return eligible[selector.expiry]


def future_key(underlying: str, expiry: Expiry) -> str:
    """As the exchange names it: NFO:NIFTY26DEC24FUT."""
    return make_key(expiry.exchange, f"{underlying}{date.fromisoformat(expiry.day):%d%b%y}FUT")


def choose_option(selector: Selector, chain: Chain) -> str:
    """The contract so many strikes from the money, or at the strike; raises `UnknownInstrumentError`."""
    row = _named(selector, chain) if selector.strike else _counted(selector, chain)
    key = row.call if selector.option_type == "CE" else row.put
    if not key:
        raise UnknownInstrumentError(f"{selector.text}: there is no {selector.option_type} at {row.strike:f}")
    return key


def _named(selector: Selector, chain: Chain) -> Strike:
    wanted = Decimal(selector.strike)
    row = next((row for row in chain.strikes if row.strike == wanted), None)
    if row is None:
        near = ", ".join(
            f"{row.strike:f}" for row in sorted(chain.strikes, key=lambda row: abs(row.strike - wanted))[:3]
        )
        raise UnknownInstrumentError(
            f"{selector.text}: there is no such strike within {_MOST_STRIKES} of the money; near it: {near}"
        )
    return row


def _counted(selector: Selector, chain: Chain) -> Strike:
    price = chain.underlying_price
    if price is None:
        raise UnknownInstrumentError(
            f"{selector.text}: {selector.underlying} has no price yet, so there is no money to count from"
        )
    if not chain.strikes:
        raise UnknownInstrumentError(f"{selector.text}: there are no strikes")
    money = min(range(len(chain.strikes)), key=lambda number: abs(chain.strikes[number].strike - price))
    if not 0 <= money + selector.steps < len(chain.strikes):
        raise UnknownInstrumentError(f"{selector.text}: there are not so many strikes on that side of {price:f}")
    return chain.strikes[money + selector.steps]
