"""One scrip master in force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from engine_server.instruments.table import InstrumentTable


@dataclass(frozen=True)
class Listing:
    """`version` names the content; empty before the first scrip master. `trade_day` is the market day that it was fetched for."""

    version: str
    instruments: InstrumentTable
    trade_day: date | None = None


EMPTY_LISTING = Listing("", InstrumentTable.of([]))
