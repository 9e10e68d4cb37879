"""The protection price that a MARKET order is sent with, as a LIMIT (the broker allows algorithms no MARKET orders).

The slabs are the broker's own "market price protection" (protocol §3.1): so far from the best opposite price a MARKET
order may go. The price is rounded to the tick so that it is never beyond the slab.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from tradewinds.instruments import Instrument
from tradewinds.money import round_to_tick

MAXIMUM_QUOTE_AGE_SECONDS = 5.0

_INDEX_UNDERLYINGS = frozenset(
    {"NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "NIFTYNXT50", "SENSEX", "BANKEX", "SENSEX50"}
)
_INDEX_EXCHANGES = frozenset({"NFO", "BFO"})

_Slabs = Sequence[tuple[Decimal, Decimal]]  # (premium below, percent)
_ABOVE = Decimal("Infinity")
_CASH: _Slabs = ((_ABOVE, Decimal("0.5")),)
_INDEX_FUTURE: _Slabs = ((_ABOVE, Decimal("0.5")),)
_FUTURE: _Slabs = ((_ABOVE, Decimal(1)),)
_INDEX_OPTION: _Slabs = (
    (Decimal(10), Decimal(20)),
    (Decimal(20), Decimal(10)),
    (Decimal(50), Decimal(5)),
    (_ABOVE, Decimal("2.5")),
)
_STOCK_OPTION: _Slabs = (
    (Decimal(10), Decimal(40)),
    (Decimal(20), Decimal(20)),
    (Decimal(50), Decimal(10)),
    (_ABOVE, Decimal(5)),
)


@dataclass(frozen=True)
class Quote:
    """The last that is known of a price, in rupees (0 where there is none), and its age in REAL seconds."""

    last: Decimal
    bid: Decimal
    ask: Decimal
    age_seconds: float


class NoFreshQuoteError(Exception):
    """A MARKET order cannot be priced."""


def protection_price(instrument: Instrument, side: str, quote: Quote | None) -> Decimal:
    """The limit to send a MARKET order with; raises `NoFreshQuoteError` with the reason and the remedy."""
    if quote is None:
        raise NoFreshQuoteError(
            f"there is no quote of {instrument.key} to protect a MARKET order with; subscribe to it or use LIMIT"
        )
    if quote.age_seconds > MAXIMUM_QUOTE_AGE_SECONDS:
        raise NoFreshQuoteError(
            f"the last quote of {instrument.key} is {quote.age_seconds:.1f} s old, a MARKET order needs one of at most "
            f"{MAXIMUM_QUOTE_AGE_SECONDS:.0f} s; wait for the feed or use LIMIT"
        )
    opposite = quote.ask if side == "BUY" else quote.bid
    base = opposite if opposite > 0 else quote.last
    if base <= 0:
        raise NoFreshQuoteError(f"the quote of {instrument.key} has no price yet; use LIMIT")
    return limit_beyond(instrument, side, base)


def limit_beyond(instrument: Instrument, side: str, base: Decimal) -> Decimal:
    """The price that is the broker's protection away from `base`, on the tick grid and never beyond it."""
    fraction = _percent(instrument, base) / 100
    limit = base * (1 + fraction) if side == "BUY" else base * (1 - fraction)
    return max(round_to_tick(limit, instrument.tick_size, side=side), instrument.tick_size)


def _percent(instrument: Instrument, premium: Decimal) -> Decimal:
    return next(percent for below, percent in _slabs(instrument) if premium < below)


def _slabs(instrument: Instrument) -> _Slabs:
    is_index = instrument.exchange in _INDEX_EXCHANGES and instrument.name.upper() in _INDEX_UNDERLYINGS
    if instrument.kind == "FUT":
        return _INDEX_FUTURE if is_index else _FUTURE
    if instrument.kind == "OPT":
        # Commodity options have the index options' slabs.
        return _INDEX_OPTION if is_index or instrument.exchange == "MCX" else _STOCK_OPTION
    return _CASH
