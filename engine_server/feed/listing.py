"""One scrip master in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tradewinds.instruments import Instrument, InstrumentKey


@dataclass(frozen=True)
class Listing:
    """`version` names the content; empty before the first scrip master."""

    version: str
    instruments: Mapping[InstrumentKey, Instrument]


EMPTY_LISTING = Listing("", {})
