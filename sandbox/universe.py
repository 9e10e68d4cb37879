"""The instruments this broker lists, as its order desk and its price feeds see them.

Symbols, tokens, ticks, lots and ISINs of the demo's instruments are NSE's own, as Angel One's scrip master has them (2026).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Protocol, TypeAlias

InstrumentKey: TypeAlias = tuple[str, str]
"""(exchange, token): tokens are unique only inside an exchange."""

STREAM_EXCHANGE_TYPES: Mapping[str, int] = {"NSE": 1, "NFO": 2, "BSE": 3, "BFO": 4, "MCX": 5, "NCDEX": 7, "CDS": 13}
"""REST exchange -> exchangeType of the market socket (smartapi_protocol 4.2)."""

INDEX_TYPE = "AMXIDX"
"""The scrip master's instrumenttype of every index."""

NO_BAND = 0
"""A price band of 0 per cent means that the contract has none."""


class InstrumentKind(StrEnum):
    """What it is; an index has a price and cannot be traded."""

    EQUITY = "equity"
    INDEX = "index"
    FUTURE = "future"
    OPTION = "option"


class OptionType(StrEnum):
    """European, both of them."""

    CALL = "CE"
    PUT = "PE"


@dataclass(frozen=True, slots=True)
class Instrument:
    """One scrip. `tick_size`, `strike` and `base_price` are paise; `base_price` is where generated prices revert to.

    `band_percent` is the circuit filter round the previous close (NO_BAND: none). `freeze_quantity` is the largest quantity
    of one order, 0 where there is no such limit. A contract has `expiry` and the key of its `underlying`; an option has
    `strike` and `option_type` too; a share of BSE follows the one of NSE that is its `underlying`. `instrument_type` is the
    scrip master's: FUTIDX, OPTSTK and so on for contracts. `replay_names` are the names that recorded data use beside symbol and name.
    """

    exchange: str
    token: str
    symbol: str
    name: str
    tick_size: int
    base_price: int
    kind: InstrumentKind = InstrumentKind.EQUITY
    lot_size: int = 1
    replay_names: tuple[str, ...] = ()
    isin: str = ""
    band_percent: int = 10
    freeze_quantity: int = 0
    is_cautionary: bool = False
    has_closing_auction: bool = False
    expiry: date | None = None
    strike: int = 0
    option_type: OptionType | None = None
    underlying: InstrumentKey | None = None
    instrument_type: str = ""

    @property
    def key(self) -> InstrumentKey:
        return (self.exchange, self.token)

    @property
    def tradable(self) -> bool:
        return self.kind is not InstrumentKind.INDEX

    @property
    def is_derivative(self) -> bool:
        return self.kind in (InstrumentKind.FUTURE, InstrumentKind.OPTION)

    def circuits(self, previous_close: int) -> tuple[int, int]:
        """(lower, upper) limit of today's orders in paise, on the grid. Without a band: one tick, and twenty times the close."""
        tick, band = self.tick_size, self.band_percent
        if band == NO_BAND:
            return tick, max(20 * previous_close // tick * tick, 1_000 * tick)
        lower = -(-previous_close * (100 - band) // 100 // tick) * tick
        return max(tick, lower), previous_close * (100 + band) // 100 // tick * tick

    @property
    def is_bank(self) -> bool:
        """Whether the Nifty Bank of the generated prices follows it."""
        return self.name in _BANKS


class Listing(Protocol):
    """Everything that the exchanges list beside the demo's own instruments; made when it is asked for."""

    def find(self, exchange: str, token: str) -> Instrument | None: ...

    def search(self, exchange: str, text: str) -> list[Instrument]: ...


class Universe:
    """The instruments that always have prices, those that have some when somebody asks, and the ways to look one up.

    Iterating gives the former alone: the latter are some 150,000.
    """

    def __init__(self, instruments: Iterable[Instrument], listing: Listing | None = None) -> None:
        self._by_key = {instrument.key: instrument for instrument in instruments}
        self._listing = listing
        self._by_replay_name = {
            name: instrument
            for instrument in self._by_key.values()
            for name in (instrument.symbol, instrument.name, *instrument.replay_names)
        }

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)

    def __contains__(self, key: InstrumentKey) -> bool:
        """Whether it always has a price."""
        return key in self._by_key

    def find(self, exchange: str, token: str) -> Instrument | None:
        """Also a contract that has expired: positions in it are still to be shown. Look at its `expiry` before trading it."""
        found = self._by_key.get((exchange, token))
        if found is None and self._listing is not None:
            return self._listing.find(exchange, token)
        return found

    def named(self, replay_name: str) -> Instrument | None:
        """By the name recorded data use: `RELIANCE`, `RELIANCE-EQ`, `NIFTY 50`."""
        return self._by_replay_name.get(replay_name)

    def search(self, exchange: str, text: str) -> list[Instrument]:
        """Instruments of the exchange whose trading symbol contains the text; contracts whose symbol begins with it."""
        wanted = text.upper()
        found = [i for i in self if i.exchange == exchange and wanted in i.symbol.upper()]
        return found + (self._listing.search(exchange, wanted) if self._listing is not None else [])

    def with_ticks(self, ticks: Mapping[InstrumentKey, int]) -> Universe:
        """The same instruments on other tick grids (paise): recorded prices decide theirs."""
        return Universe(replace(i, tick_size=ticks.get(i.key, i.tick_size)) for i in self)

    def with_base_prices(self, prices: Mapping[InstrumentKey, int]) -> Universe:
        """The same instruments at other prices (paise): strikes lie round those."""
        return Universe(replace(i, base_price=prices.get(i.key, i.base_price)) for i in self)

    def with_listing(self, listing: Listing) -> Universe:
        """The same instruments, and all that are listed beside them."""
        return Universe(self, listing)


_BANKS = frozenset({"SBIN", "HDFCBANK", "ICICIBANK", "AXISBANK", "KOTAKBANK"})


def _equity(token: str, isin: str, name: str, tick_size: int, base_rupees: int) -> Instrument:
    """Its shares have futures: the band is the ten per cent of F&O stocks, and since August 2026 the day ends in an auction."""
    freeze = _FREEZE_VALUE_RUPEES // base_rupees
    return Instrument(
        "NSE",
        token,
        f"{name}-EQ",
        name,
        tick_size,
        base_rupees * 100,
        isin=isin,
        freeze_quantity=freeze,
        has_closing_auction=True,
    )


def _index(token: str, symbol: str, name: str, recorded_as: str, base_rupees: int) -> Instrument:
    return Instrument(
        "NSE",
        token,
        symbol,
        name,
        5,
        base_rupees * 100,
        InstrumentKind.INDEX,
        replay_names=(recorded_as,),
        band_percent=NO_BAND,
        instrument_type=INDEX_TYPE,
    )


_FREEZE_VALUE_RUPEES = 100_000_000
"""Cash freeze quantities are published per scrip; those captured are worth some ten crore rupees."""

DEFAULT_UNIVERSE = Universe(
    [
        _index("99926000", "Nifty 50", "NIFTY", "NIFTY 50", 25_400),
        _index("99926009", "Nifty Bank", "BANKNIFTY", "NIFTY BANK", 57_200),
        _equity("2885", "INE002A01018", "RELIANCE", 10, 1_420),
        _equity("11536", "INE467B01029", "TCS", 10, 3_050),
        _equity("1594", "INE009A01021", "INFY", 10, 1_510),
        _equity("3045", "INE062A01020", "SBIN", 10, 940),
        _equity("1333", "INE040A01034", "HDFCBANK", 5, 985),
        _equity("4963", "INE090A01021", "ICICIBANK", 10, 1_380),
        _equity("11483", "INE018A01030", "LT", 10, 3_890),
        _equity("5900", "INE238A01034", "AXISBANK", 10, 1_220),
        _equity("1922", "INE237A01036", "KOTAKBANK", 5, 425),
        _equity("1660", "INE154A01025", "ITC", 5, 405),
        _equity("10604", "INE397D01024", "BHARTIARTL", 10, 2_010),
        _equity("1394", "INE030A01027", "HINDUNILVR", 10, 2_440),
    ]
)
