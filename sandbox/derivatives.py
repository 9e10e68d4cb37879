"""The broker's derivatives data (smartapi_protocol 3.16), from the same prices that trade: greeks, movers, put-call ratio, build-up of
open interest. Movers and ratios are those of the names that always print; a real broker goes through all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from sandbox.errors import RefusedError
from sandbox.listing.contracts import MONTHS
from sandbox.listing.listing import MarketListing
from sandbox.listing.underlyings import Underlying
from sandbox.market import Quote
from sandbox.pricing.black_scholes import greeks
from sandbox.pricing.derived import RATE, DerivedTape, dividend_of
from sandbox.pricing.tape import MINUTE_MS
from sandbox.universe import Instrument, InstrumentKey, OptionType

_EXPIRIES = ("NEAR", "NEXT", "FAR")
_MOST = 10
_MOVERS: dict[str, tuple[bool, bool]] = {
    "PercOIGainers": (True, True),
    "PercOILosers": (True, False),
    "PercPriceGainers": (False, True),
    "PercPriceLosers": (False, False),
}
"""Datatype -> (by open interest, the greatest first)."""
_BUILD_UPS: dict[str, tuple[bool, bool]] = {
    "Long Built Up": (True, True),
    "Short Built Up": (False, True),
    "Short Covering": (True, False),
    "Long Unwinding": (False, False),
}
"""Datatype -> (price has risen, open interest has risen)."""
_STRIKES_EACH_SIDE = 10


class DerivativesData:
    """`quote` looks at any contract's market, `interest` at what is held of it; `listing.today` is the market's date."""

    def __init__(
        self,
        listing: MarketListing,
        tape: DerivedTape,
        quote: Callable[[InstrumentKey], Quote | None],
        interest: Callable[[Instrument, int], int],
        market_ms: Callable[[], int],
    ) -> None:
        self._listing = listing
        self._tape = tape
        self._quote = quote
        self._interest = interest
        self._market_ms = market_ms

    def greeks(self, name: str, expiry: str) -> list[dict[str, str]]:
        """Calls, then puts, near the money, by strike. Raises RefusedError AB9019 in words of the sandbox's own."""
        day = _day(expiry)
        underlying = next((u for u in self._of_names({name}) if u.segment == "NFO"), None)
        if underlying is None or day not in self._listing.expiries.options(underlying, self._listing.today):
            raise RefusedError("AB9019", f"No Data Available for {name} {expiry}")
        spot = self._quote(underlying.source)
        if spot is None:
            return []
        strikes = sorted(self._listing.contracts.strikes(underlying), key=lambda strike: abs(strike - spot.ltp))
        near = sorted(strikes[: 2 * _STRIKES_EACH_SIDE + 1])
        book = self._listing.contracts
        options = [book.option(underlying, day, strike, side) for side in OptionType for strike in near]
        return [self._greeks_of(option, spot.ltp, name, expiry) for option in options]

    def movers(self, datatype: str, expirytype: str) -> list[dict[str, Any]]:
        """At most ten. Raises RefusedError AB1007."""
        if datatype not in _MOVERS:
            raise RefusedError("AB1007", f"datatype: one of {', '.join(_MOVERS)}")
        by_interest, greatest = _MOVERS[datatype]
        changes = [(_interest_percent(q) if by_interest else _price_percent(q), q) for q in self._futures(expirytype)]
        chosen = sorted((c for c in changes if (c[0] > 0) == greatest), key=lambda c: c[0], reverse=greatest)
        return [_mover(quote, percent, by_interest) for percent, quote in chosen[:_MOST]]

    def build_up(self, datatype: str, expirytype: str) -> list[dict[str, Any]]:
        """Contracts by what price and open interest did together. Raises RefusedError AB1007."""
        if datatype not in _BUILD_UPS:
            raise RefusedError("AB1007", f"datatype: one of {', '.join(_BUILD_UPS)}")
        wanted = _BUILD_UPS[datatype]
        found = [q for q in self._futures(expirytype) if (q.ltp >= q.close, q.open_interest_change >= 0) == wanted]
        return [
            {
                "symbolToken": quote.instrument.token,
                "ltp": f"{quote.ltp / 100:.2f}",
                "netChange": f"{(quote.ltp - quote.close) / 100:.2f}",
                "percentChange": f"{_price_percent(quote):.2f}",
                "opnInterest": str(quote.open_interest),
                "netChangeOpnInterest": str(quote.open_interest_change),
                "tradingSymbol": quote.instrument.symbol,
            }
            for quote in found
        ]

    def put_call_ratio(self) -> list[dict[str, Any]]:
        """Open interest of puts over that of calls, of the nearest expiry, under the name of the nearest future."""
        rows = []
        for underlying in self._underlyings():
            future = self._future(underlying, 0)
            days = self._listing.expiries.options(underlying, self._listing.today)
            if future is None or not days:
                continue
            held = {side: self._held(underlying, days[0], side) for side in OptionType}
            rows.append(
                {"pcr": round(held[OptionType.PUT] / max(1, held[OptionType.CALL]), 2), "tradingSymbol": future.symbol}
            )
        return rows

    def intraday(self, exchange: str) -> list[dict[str, str]]:
        """What may be traded with intraday leverage, and how much of it."""
        shares = self._listing.shares.values()
        chosen = (i for i in shares if i.exchange == exchange and i.tradable and not i.is_cautionary)
        return [{"Exchange": exchange, "SymbolName": i.symbol, "Multiplier": "5.0"} for i in chosen]

    def cautionary(self) -> list[dict[str, str]]:
        """Shares under surveillance: an order for one needs `scripconsent`."""
        message = "Security is under surveillance of the exchange: trade with care"
        return [
            {"token": i.token, "symbol": i.symbol, "message": message}
            for i in self._listing.shares.values()
            if i.is_cautionary
        ]

    def _greeks_of(self, option: Instrument, spot: int, name: str, expiry: str) -> dict[str, str]:
        now_ms = self._market_ms()
        terms = self._tape.terms(option, now_ms // MINUTE_MS * MINUTE_MS)
        call, quote = option.option_type is OptionType.CALL, self._quote(option.key)
        found = greeks(spot / 100, option.strike / 100, terms.years, terms.volatility, RATE, dividend_of(option), call)
        return {
            "name": name,
            "expiry": expiry,
            "strikePrice": f"{option.strike / 100:.6f}",
            "optionType": "CE" if call else "PE",
            "delta": f"{found.delta:.6f}",
            "gamma": f"{found.gamma:.6f}",
            "theta": f"{found.theta:.6f}",
            "vega": f"{found.vega:.6f}",
            "impliedVolatility": f"{terms.volatility * 100:.6f}",
            "tradeVolume": f"{quote.volume if quote else 0:.6f}",
        }

    def _futures(self, expirytype: str) -> Iterator[Quote]:
        if expirytype not in _EXPIRIES:
            raise RefusedError("AB1007", f"expirytype: one of {', '.join(_EXPIRIES)}")
        for underlying in self._underlyings():
            future = self._future(underlying, _EXPIRIES.index(expirytype))
            quote = self._quote(future.key) if future is not None else None
            if quote is not None:
                yield quote

    def _future(self, underlying: Underlying, number: int) -> Instrument | None:
        days = self._listing.expiries.futures(underlying, self._listing.today)
        return self._listing.contracts.future(underlying, days[number]) if number < len(days) else None

    def _held(self, underlying: Underlying, day: date, side: OptionType) -> int:
        spot, book = self._quote(underlying.source), self._listing.contracts
        if spot is None:
            return 0
        strikes = sorted(book.strikes(underlying), key=lambda strike: abs(strike - spot.ltp))[:_STRIKES_EACH_SIDE]
        now_ms = self._market_ms()
        return sum(self._interest(book.option(underlying, day, strike, side), now_ms) for strike in strikes)

    def _underlyings(self) -> Iterator[Underlying]:
        return (u for u in self._of_names({i.name for i in self._listing.core}) if u.segment == "NFO")

    def _of_names(self, names: set[str]) -> Iterator[Underlying]:
        return (underlying for underlying in self._listing.contracts if underlying.name in names)


def _day(expiry: str) -> date | None:
    """Of `25JAN2024`."""
    day, month, year = expiry[:2], expiry[2:5].upper(), expiry[5:]
    if month not in MONTHS or not (day + year).isdigit():
        return None
    try:
        return date(int(year), MONTHS.index(month) + 1, int(day))
    except ValueError:
        return None


def _price_percent(quote: Quote) -> float:
    return 100 * (quote.ltp - quote.close) / quote.close if quote.close else 0.0


def _interest_percent(quote: Quote) -> float:
    return quote.open_interest_change_percent


def _mover(quote: Quote, percent: float, by_interest: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "tradingSymbol": quote.instrument.symbol,
        "percentChange": round(percent, 2),
        "symbolToken": int(quote.instrument.token),
        "opnInterest": quote.open_interest,
        "netChangeOpnInterest": quote.open_interest_change,
    }
    if not by_interest:
        row |= {"ltp": quote.ltp / 100, "netChange": (quote.ltp - quote.close) / 100}
    return row
