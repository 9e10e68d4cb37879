"""One scrip master in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from tradewinds.instruments import Instrument, InstrumentKey


@dataclass(frozen=True)
class Listing:
    """`version` names the content; empty before the first scrip master. `trade_day` is the market day that it was fetched for.
    `categories` counts instruments by `exchange|kind|underlying`."""

    version: str
    instruments: Mapping[InstrumentKey, Instrument]
    trade_day: date | None = None
    rows_by_exchange: Mapping[str, int] = field(default_factory=dict)
    categories: Mapping[str, int] = field(default_factory=dict)


EMPTY_LISTING = Listing("", {})
