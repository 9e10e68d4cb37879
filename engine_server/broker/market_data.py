"""The port that the feed knows the broker's data side by: quotes and history by request. Orders are another port (`port.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from tradewinds.instruments import Instrument


@dataclass(frozen=True)
class QuoteReport:
    """A quote that was asked for. Prices in rupees; None where there is none; times are market time."""

    exchange: str
    token: str
    last_price: Decimal
    bid_price: Decimal | None
    ask_price: Decimal | None
    volume: int
    open_interest: int
    close_price: Decimal | None
    lower_circuit: Decimal | None
    upper_circuit: Decimal | None
    traded_at: datetime | None


@dataclass(frozen=True)
class Candle:
    """One candle of the broker's history; prices in rupees, `start` is market time."""

    start: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int


class MarketDataSource(Protocol):
    """The broker's data by request, with a session that somebody else has opened. Every call waits for its rate budget, is one
    request with a deadline, and raises `BrokerError` (`SessionExpiredError` and `ThrottledError` among them).
    """

    async def quotes(self, instruments: Sequence[Instrument]) -> Sequence[QuoteReport]:
        """Full quotes of at most 50 instruments; those that the broker does not quote are missing."""
        ...

    async def candles(self, instrument: Instrument, interval: str, start: datetime, end: datetime) -> Sequence[Candle]:
        """Candles of `interval` (`tradewinds.bars.INTERVAL_MINUTES`) from `start` to `end` inclusive, oldest first; any span:
        it is asked in the pieces that the broker allows, and a piece that fails is asked again with backoff before it raises.
        """
        ...

    async def open_interest(
        self, instrument: Instrument, interval: str, start: datetime, end: datetime
    ) -> Sequence[tuple[datetime, int]]:
        """Open interest in units at the end of each interval; live derivatives only."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
