"""The canonical instrument key, `NSE:RELIANCE-EQ`, and what is known of an instrument.

A bare `RELIANCE` means the NSE EQ series. What is ambiguous or unknown is refused at registration, with suggestions.
Tokens are unique only within an exchange segment, so they travel together with it (SmartAPI scrip master).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Final

import msgspec

InstrumentKey = str

_KEY = re.compile(r"^(NSE|BSE|NFO|BFO|MCX|CDS|NCDEX):[A-Z0-9][A-Z0-9 &.\-]{0,48}$")

# exch_seg of the scrip master -> exchangeType of the market socket (SmartAPI WebSocket 2.0).
EXCHANGE_TYPE: Final[dict[str, int]] = {
    "NSE": 1,
    "NFO": 2,
    "BSE": 3,
    "BFO": 4,
    "MCX": 5,
    "NCDEX": 7,
    "CDS": 13,
}


class UnknownInstrumentError(ValueError):
    """The symbol names no instrument, or more than one."""


class Instrument(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """One row of the scrip master, in our terms. Prices in rupees; `tick_size` 0 for what cannot be traded (an index).

    Written as an array (150 K of them are kept and read at once): the order of the fields is the format, new ones come last.
    `name` is the underlying's short name for a future or an option, and the company's for cash.
    """

    key: InstrumentKey
    exchange: str
    symbol: str
    token: str
    name: str
    kind: str  # EQ, INDEX, FUT, OPT
    lot_size: int
    tick_size: Decimal
    instrument_type: str = ""  # the broker's: FUTIDX, OPTSTK, AMXIDX...; empty for cash
    expiry: date | None = None
    strike: Decimal | None = None
    option_type: str = ""  # CE, PE
    freeze_quantity: int = 0  # the most units of one order, as served; 0 is unknown
    has_closing_auction: bool = False

    @property
    def is_tradable(self) -> bool:
        """An index is not."""
        return self.kind != "INDEX"

    @property
    def exchange_type(self) -> int:
        """The market socket's number of this exchange segment."""
        return EXCHANGE_TYPE[self.exchange]


def make_key(exchange: str, symbol: str) -> InstrumentKey:
    """`NSE` and `Nifty 50` make `NSE:NIFTY 50`."""
    return f"{exchange}:{symbol.upper()}"


def is_key(text: str) -> bool:
    """Whether `text` has the form of a canonical key."""
    return bool(_KEY.match(text))


def resolve(text: str, instruments: Mapping[InstrumentKey, Instrument]) -> Instrument:
    """The instrument that a person or a strategy means by `text`; raises `UnknownInstrumentError` with what is near."""
    wanted = text.strip().upper()
    candidates = [wanted] if ":" in wanted else [f"NSE:{wanted}-EQ", f"NSE:{wanted}"]
    for candidate in candidates:
        if found := instruments.get(candidate):
            return found
    matches = [i for i in instruments.values() if i.symbol.upper() == wanted or i.name.upper() == wanted]
    if len(matches) == 1:
        return matches[0]
    if matches:
        choices = ", ".join(sorted(i.key for i in matches)[:5])
        raise UnknownInstrumentError(f"{text!r} is ambiguous: it may mean {choices}; give the whole key")
    raise UnknownInstrumentError(f"{text!r} is not in today's scrip master{_suggest(wanted, instruments)}")


def _suggest(wanted: str, keys: Iterable[InstrumentKey]) -> str:
    bare = {key.partition(":")[2].removesuffix("-EQ"): key for key in keys}
    near = difflib.get_close_matches(wanted.partition(":")[2] or wanted, bare, n=3, cutoff=0.6)
    return f"; did you mean {', '.join(bare[n] for n in near)}?" if near else "; search with GET /v1/instruments:search"
