"""The instruments this broker lists. Symbols, tokens and ticks are NSE's own, as Angel One's scrip master has them (2026)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

InstrumentKey: TypeAlias = tuple[str, str]
"""(exchange, token): tokens are unique only inside an exchange."""

STREAM_EXCHANGE_TYPES: Mapping[str, int] = {"NSE": 1}
"""REST exchange -> exchangeType of the market socket, for the exchanges that are listed here."""


class InstrumentKind(StrEnum):
    """What it is; an index has a price and cannot be traded."""

    EQUITY = "equity"
    INDEX = "index"


@dataclass(frozen=True, slots=True)
class Instrument:
    """`tick` and `base_price` are paise; `base_price` is where generated prices revert to."""

    exchange: str
    token: str
    symbol: str
    name: str
    tick: int
    base_price: int
    kind: InstrumentKind = InstrumentKind.EQUITY
    lot: int = 1
    replay_names: tuple[str, ...] = ()

    @property
    def key(self) -> InstrumentKey:
        return (self.exchange, self.token)

    @property
    def tradable(self) -> bool:
        return self.kind is not InstrumentKind.INDEX

    @property
    def is_bank(self) -> bool:
        """Whether the Nifty Bank of the generated prices follows it."""
        return self.name in _BANKS


class Universe:
    """The listed instruments and the ways to look one up."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self._by_key = {instrument.key: instrument for instrument in instruments}
        self._by_replay_name = {
            name: instrument
            for instrument in self._by_key.values()
            for name in (instrument.symbol, instrument.name, *instrument.replay_names)
        }

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)

    def find(self, exchange: str, token: str) -> Instrument | None:
        return self._by_key.get((exchange, token))

    def named(self, replay_name: str) -> Instrument | None:
        """By the name recorded data use: `RELIANCE`, `RELIANCE-EQ`, `NIFTY 50`."""
        return self._by_replay_name.get(replay_name)

    def search(self, exchange: str, text: str) -> list[Instrument]:
        """Instruments of the exchange whose trading symbol contains the text."""
        wanted = text.upper()
        return [i for i in self if i.exchange == exchange and wanted in i.symbol.upper()]

    def with_ticks(self, ticks: Mapping[InstrumentKey, int]) -> Universe:
        """The same listing on other tick grids (paise): recorded prices decide theirs."""
        return Universe(replace(i, tick=ticks.get(i.key, i.tick)) for i in self)


_BANKS = frozenset({"SBIN", "HDFCBANK", "ICICIBANK", "AXISBANK", "KOTAKBANK"})


def _equity(token: str, name: str, tick: int, base_rupees: int) -> Instrument:
    return Instrument("NSE", token, f"{name}-EQ", name, tick, base_rupees * 100)


def _index(token: str, symbol: str, name: str, recorded_as: str, base_rupees: int) -> Instrument:
    return Instrument(
        "NSE", token, symbol, name, 5, base_rupees * 100, InstrumentKind.INDEX, replay_names=(recorded_as,)
    )


DEFAULT_UNIVERSE = Universe(
    [
        _index("99926000", "Nifty 50", "NIFTY", "NIFTY 50", 25_400),
        _index("99926009", "Nifty Bank", "BANKNIFTY", "NIFTY BANK", 57_200),
        _equity("2885", "RELIANCE", 10, 1_420),
        _equity("11536", "TCS", 10, 3_050),
        _equity("1594", "INFY", 10, 1_510),
        _equity("3045", "SBIN", 10, 940),
        _equity("1333", "HDFCBANK", 5, 985),
        _equity("4963", "ICICIBANK", 10, 1_380),
        _equity("11483", "LT", 10, 3_890),
        _equity("5900", "AXISBANK", 10, 1_220),
        _equity("1922", "KOTAKBANK", 5, 425),
        _equity("1660", "ITC", 5, 405),
        _equity("10604", "BHARTIARTL", 10, 2_010),
        _equity("1394", "HINDUNILVR", 10, 2_440),
    ]
)
