"""Everything that is listed beside the demo's instruments. Nothing of it is made before somebody asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from functools import cached_property

from sandbox.listing.contracts import ContractBook
from sandbox.listing.expiries import ExpiryCalendar
from sandbox.listing.real_rows import RealRows
from sandbox.listing.shares import bse_shares, other_indices, other_nse_shares
from sandbox.listing.underlyings import (
    Underlying,
    commodity_underlyings,
    currency_underlyings,
    index_underlyings,
    spots,
    stock_underlyings,
)
from sandbox.phases import TradingCalendar
from sandbox.universe import Instrument, InstrumentKey, OptionType

TRADED_SEGMENTS = ("NSE", "BSE", "NFO", "BFO", "MCX")
"""NCDEX and CDS are in the scrip master; the broker takes no orders for them any more."""
_MAX_HITS = 500


class MarketListing:
    """`today` is the market's date: the owner moves it on. `core` are the instruments of the demo."""

    def __init__(
        self, core: Iterable[Instrument], calendar: TradingCalendar, today: date, real: RealRows | None = None
    ) -> None:
        self.core = tuple(core)
        self.today = today
        self.real = real
        self._calendar = calendar
        self.expiries = ExpiryCalendar(calendar)

    def of_day(self, on: date) -> MarketListing:
        """A listing of its own for another thread, as of a market day."""
        return MarketListing(self.core, self._calendar, on, self.real)

    @cached_property
    def shares(self) -> dict[InstrumentKey, Instrument]:
        """The cash segment and the indices, the demo's own included; real rows instead of invented ones of the same token."""
        others = [*other_indices(), *other_nse_shares()]
        real = list(self.real.cash()) if self.real else []
        taken = {i.symbol for i in real}
        others = [i for i in others if i.symbol not in taken]
        nse = {i.key: i for i in (*self.core, *others, *real)} | {i.key: i for i in self.core}
        tradable = [i for i in nse.values() if i.exchange == "NSE" and i.tradable]
        return {i.key: i for i in (*nse.values(), *bse_shares(tradable))}

    @cached_property
    def spots(self) -> dict[InstrumentKey, Instrument]:
        """What commodities are priced off."""
        return {i.key: i for i in spots()}

    @cached_property
    def contracts(self) -> ContractBook:
        """Everything with an expiry."""
        underlyings = [
            *index_underlyings(),
            *stock_underlyings(i for i in self.shares.values() if i.exchange == "NSE"),
            *commodity_underlyings(),
            *currency_underlyings(),
        ]
        return ContractBook(underlyings, self.expiries, self._reference_price)

    def find(self, exchange: str, token: str) -> Instrument | None:
        if exchange in ("NSE", "BSE"):
            return self.shares.get((exchange, token))
        if (exchange, token) in self.spots:
            return self.spots[exchange, token]
        if exchange not in TRADED_SEGMENTS:
            return None
        if self.real is not None and (found := self.real.contract((exchange, token), self.shares, self.contracts)):
            return found
        return self.contracts.find(exchange, token)

    def search(self, exchange: str, text: str) -> list[Instrument]:
        """At most some hundreds, as the broker cuts too; the core is not repeated."""
        if exchange in ("NSE", "BSE"):
            mine = {i.key for i in self.core}
            hits = (i for i in self.shares.values() if i.exchange == exchange and text in i.symbol.upper())
            return [i for i in hits if i.key not in mine][:_MAX_HITS]
        if exchange not in TRADED_SEGMENTS or not text:
            return []
        found: list[Instrument] = []
        for underlying in self.contracts:
            if underlying.segment == exchange and (
                text.startswith(underlying.name) or underlying.name.startswith(text)
            ):
                found += [i for i in self.listed(underlying) if i.symbol.startswith(text)]
            if len(found) >= _MAX_HITS:
                break
        return found[:_MAX_HITS]

    def listed(self, underlying: Underlying) -> Iterator[Instrument]:
        """Today's contracts, futures first."""
        book = self.contracts
        yield from book.futures(underlying, self.today)
        for expiry in self.expiries.options(underlying, self.today):
            for strike in book.strikes(underlying):
                for side in OptionType:
                    yield book.option(underlying, expiry, strike, side)

    def was_listed(self, contract: Instrument, on: date) -> bool:
        """Whether a contract could be traded on a date. A share always could."""
        if contract.expiry is None or (self.real is not None and contract.key in self.real):
            return contract.expiry is None or on <= contract.expiry
        if on > contract.expiry:
            return False
        underlying = self.contracts.underlying(contract.exchange, contract.name)
        if underlying is None:
            return False
        listed = self.expiries.options if contract.option_type else self.expiries.futures
        return contract.expiry in listed(underlying, on)

    def _reference_price(self, key: InstrumentKey) -> int:
        return (self.shares.get(key) or self.spots[key]).base_price
