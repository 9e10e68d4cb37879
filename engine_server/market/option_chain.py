"""Contracts of an underlying: its expiries, and the option chain around the money."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from engine_server.instruments.catalog import InstrumentCatalog
from tradewinds.errors import InvalidArgumentError, NotFoundError
from tradewinds.instruments import Instrument

CONTRACT_KINDS: Final = ("FUT", "OPT")
CONTRACT_EXCHANGES: Final = ("NFO", "BFO", "MCX", "CDS", "NCDEX")


@dataclass(frozen=True)
class ExpiryFacts:
    """One expiry of an underlying. `monthly`: the last of its month among those of its exchange and kind."""

    day: date
    exchange: str
    kind: str
    contracts: int
    monthly: bool


@dataclass(frozen=True)
class Strike:
    """A strike in rupees and its two contracts, where they are listed."""

    price: Decimal
    call: Instrument | None
    put: Instrument | None


@dataclass(frozen=True)
class Chain:
    """One expiry, by strike, lowest first. `money` is what its price is measured by, None where nothing is listed for it."""

    underlying: str
    expiry: date
    money: Instrument | None
    strikes: Sequence[Strike]

    def around(self, price: Decimal | None, count: int) -> Sequence[Strike]:
        """At most `count` strikes on each side of the strike nearest to `price`; in the middle of all without a price."""
        prices = [strike.price for strike in self.strikes]
        middle = len(prices) // 2 if price is None else _nearest(prices, price)
        return self.strikes[max(0, middle - count) : middle + count + 1]


def contracts(catalog: InstrumentCatalog, underlying: str, *, kind: str = "", exchange: str = "") -> list[Instrument]:
    """Its futures and options, near expiries first. Raises `InvalidArgumentError` and `NotFoundError` with what is near."""
    _check("kind", kind, CONTRACT_KINDS)
    _check("exchange", exchange, CONTRACT_EXCHANGES)
    every = catalog.contracts_of(underlying)
    if not every:
        near = ", ".join(catalog.near(underlying)) or "nothing"
        raise NotFoundError(f"{underlying!r} has no futures or options; near it: {near}", reason="UNKNOWN_UNDERLYING")
    return [i for i in every if kind in ("", i.kind) and exchange in ("", i.exchange)]


def expiries(listed: Sequence[Instrument]) -> list[ExpiryFacts]:
    """Nearest first."""
    counted = Counter((i.expiry, i.exchange, i.kind) for i in listed if i.expiry is not None)
    last: dict[tuple[str, str, int, int], date] = {}
    for day, exchange, kind in counted:
        month = (exchange, kind, day.year, day.month)
        last[month] = max(day, last.get(month, day))
    return [
        ExpiryFacts(day, exchange, kind, number, last[exchange, kind, day.year, day.month] == day)
        for (day, exchange, kind), number in sorted(counted.items())
    ]


def chain_of(catalog: InstrumentCatalog, underlying: str, *, expiry: date | None, exchange: str) -> Chain:
    """The chain of an expiry, the nearest when None is given. Raises as `contracts`, and for an expiry that is not listed."""
    options = contracts(catalog, underlying, kind="OPT", exchange=exchange)
    days = sorted({i.expiry for i in options if i.expiry is not None})
    if not days:
        raise NotFoundError(
            f"{underlying!r} has no options{f' on {exchange}' if exchange else ''}", reason="NO_OPTIONS"
        )
    wanted = expiry or days[0]
    if wanted not in days:
        shown = ", ".join(day.isoformat() for day in days[:12])
        raise InvalidArgumentError.field("expiry", f"{wanted} is no expiry of {underlying}; choose one of {shown}")
    chosen = [i for i in options if i.expiry == wanted]
    market = chosen[0].exchange  # an underlying that has options on two exchanges has two chains
    money = catalog.cash_of(underlying) or _future(contracts(catalog, underlying, kind="FUT"), market, wanted)
    return Chain(chosen[0].name, wanted, money, _strikes([i for i in chosen if i.exchange == market]))


def _future(futures: Sequence[Instrument], exchange: str, expiry: date) -> Instrument | None:
    """A commodity's or currency's options are on its next future."""
    return next((i for i in futures if i.exchange == exchange and i.expiry is not None and i.expiry >= expiry), None)


def _strikes(options: Sequence[Instrument]) -> list[Strike]:
    sides: Mapping[str, dict[Decimal, Instrument]] = {"CE": {}, "PE": {}}
    for option in options:
        if option.strike is not None:
            sides[option.option_type][option.strike] = option
    calls, puts = sides["CE"], sides["PE"]
    return [Strike(price, calls.get(price), puts.get(price)) for price in sorted(calls.keys() | puts.keys())]


def _nearest(prices: Sequence[Decimal], price: Decimal) -> int:
    after = bisect_left(prices, price)
    if after == len(prices) or (after > 0 and price - prices[after - 1] < prices[after] - price):
        return after - 1
    return after


def _check(field: str, value: str, allowed: Sequence[str]) -> None:
    if value and value not in allowed:
        raise InvalidArgumentError.field(field, f"{value!r} is none of {', '.join(allowed)}; leave it out for all")
