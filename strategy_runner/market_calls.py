"""Port: what a runner asks the engine about the market. The gRPC adapter is `engine_market.py`."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from tradewinds.bars import Bar
from tradewinds.sdk.phases import KnownDay, PhaseSpan


class MarketCallError(Exception):
    """The engine did not answer, or refused: then (`is_final`) asking the same again does not help."""

    def __init__(self, message: str, *, is_final: bool = False) -> None:
        super().__init__(message)
        self.is_final = is_final


@dataclass(frozen=True)
class Expiry:
    """One expiry of an underlying."""

    day: str  # YYYY-MM-DD
    exchange: str
    is_monthly: bool


@dataclass(frozen=True)
class Strike:
    """One row of an option chain: the contracts' canonical keys, empty where there is none."""

    strike: Decimal
    call: str
    put: str


@dataclass(frozen=True)
class Chain:
    """The strikes around the money, lowest first; no price where the underlying is not quoted."""

    underlying_price: Decimal | None
    strikes: tuple[Strike, ...]


@dataclass(frozen=True)
class CalendarDays:
    """What the calendar knows of a few days."""

    spans: tuple[PhaseSpan, ...] = ()
    days: tuple[KnownDay, ...] = ()


class MarketCalls(Protocol):
    """All raise `MarketCallError`."""

    async def past_bars(self, key: str, interval: str, count: int) -> list[Bar]:
        """The last closed bars, oldest first."""
        ...

    async def expiries(self, underlying: str, kind: str) -> list[Expiry]:
        """The expiries of an underlying's contracts, nearest first."""
        ...

    async def chain(self, underlying: str, expiry: str, strikes: int) -> Chain:
        """An option chain, so many strikes to each side of the money."""
        ...

    async def calendar(self, first_day: str, last_day: str) -> CalendarDays:
        """The phases of these days."""
        ...
