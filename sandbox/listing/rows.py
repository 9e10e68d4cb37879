"""The scrip master's rows as text, in blocks: 150,000 rows are made without 150,000 objects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import islice

from sandbox.listing.contracts import expiry_number, expiry_text, strike_number, symbol_end, symbol_stem
from sandbox.listing.layout import ScripLayout, ScripSize
from sandbox.listing.listing import MarketListing
from sandbox.listing.underlyings import Sort, Underlying
from sandbox.phases import CLOSING_AUCTION_FROM
from sandbox.universe import Instrument, OptionType

_SMALL_BLOCKS = 3
"""Futures, and options of two expiries."""
_CURRENCY_STRIKE_UNITS, _USUAL_STRIKE_UNITS = 100_000, 1
_CURRENCY_TICK = "0.250000"
"""A quarter of a paisa."""


def blocks(listing: MarketListing, on: date, layout: ScripLayout, size: ScripSize = ScripSize.FULL) -> Iterator[str]:
    """Comma-separated objects, some hundreds to some ten thousand characters at a time. All values but one are strings."""
    if size is ScripSize.SMALL:
        yield from _small(listing, on, layout)
        return
    if listing.real is not None:
        yield from _real(listing, on, layout)
    cash = [i for i in listing.shares.values() if listing.real is None or i.key not in listing.real]
    for n in range(0, len(cash), 200):
        yield ",".join(share_row(i, on, layout) for i in cash[n : n + 200])
    for underlying in listing.contracts:
        yield from _contracts(listing, underlying, on, layout)


def _small(listing: MarketListing, on: date, layout: ScripLayout) -> Iterator[str]:
    yield ",".join(share_row(i, on, layout) for i in listing.core)
    names = {i.name for i in listing.core}
    for underlying in listing.contracts:
        if underlying.segment == "NFO" and underlying.name in names:
            yield from islice(_contracts(listing, underlying, on, layout), _SMALL_BLOCKS)


def share_row(instrument: Instrument, on: date, layout: ScripLayout) -> str:
    """`strike` is -1 for shares and 0 for indices; an index has no tick."""
    tradable = instrument.tradable
    fields: dict[str, str | bool] = {
        "token": instrument.token,
        "symbol": instrument.symbol,
        "name": instrument.name,
        "expiry": "",
        "strike": "-1.000000" if tradable else "0.000000",
        "lotsize": str(instrument.lot_size),
        "instrumenttype": instrument.instrument_type,
        "exch_seg": instrument.exchange,
        "tick_size": f"{instrument.tick_size if tradable else 0}.000000",
    }
    if layout is ScripLayout.NEW:
        fields["freeze_qty"] = str(instrument.freeze_quantity)
        fields["is_cas_enabled"] = instrument.has_closing_auction and on >= CLOSING_AUCTION_FROM
    return json.dumps(fields, separators=(",", ":"))


def _contracts(listing: MarketListing, underlying: Underlying, on: date, layout: ScripLayout) -> Iterator[str]:
    currency = underlying.sort is Sort.CURRENCY
    tick = _CURRENCY_TICK if currency else f"{underlying.future_tick}.000000"
    futures = [e for e in listing.expiries.futures(underlying, on) if not _is_real(listing, underlying, e)]
    if futures:
        yield ",".join(
            _block(listing, underlying, expiry, tick, layout, [(0, symbol_end(0, None), "-1")]) for expiry in futures
        )
    units = _CURRENCY_STRIKE_UNITS if currency else _USUAL_STRIKE_UNITS
    tick = _CURRENCY_TICK if currency else f"{underlying.option_tick}.000000"
    strikes = listing.contracts.strikes(underlying)
    terms = [
        (strike_number(underlying, strike, side), symbol_end(strike, side), str(strike * units))
        for strike in strikes
        for side in OptionType
    ]
    for expiry in listing.expiries.options(underlying, on):
        if not _is_real(listing, underlying, expiry):
            yield _block(listing, underlying, expiry, tick, layout, terms)


def _block(
    listing: MarketListing,
    underlying: Underlying,
    expiry: date,
    tick: str,
    layout: ScripLayout,
    terms: Sequence[tuple[int, str, str]],
) -> str:
    """The rows of (part of the token, end of the symbol, strike column) of one expiry; what they share is written once."""
    stem = symbol_stem(underlying, expiry, listing.contracts.is_monthly(underlying, expiry))
    kind = underlying.future_type if terms[0][1] == symbol_end(0, None) else underlying.option_type
    first = expiry_number(underlying, expiry)
    before = f'","name":"{underlying.name}","expiry":"{expiry_text(expiry)}","strike":"'
    after = (
        f'.000000","lotsize":"{underlying.lot(expiry)}","instrumenttype":"{kind}",'
        f'"exch_seg":"{underlying.segment}","tick_size":"{tick}"'
    )
    if layout is ScripLayout.NEW:
        after += f',"freeze_qty":"{underlying.freeze_quantity}","is_cas_enabled":false'
    return ",".join(
        [
            f'{{"token":"{first + number}","symbol":"{stem}{end}{before}{column}{after}}}'
            for number, end, column in terms
        ]
    )


def _is_real(listing: MarketListing, underlying: Underlying, expiry: date) -> bool:
    if listing.real is None:
        return False
    return (underlying.segment, underlying.name, expiry_text(expiry)) in listing.real.expiries


def _real(listing: MarketListing, on: date, layout: ScripLayout) -> Iterator[str]:
    assert listing.real is not None  # noqa: S101 - the caller has looked
    lines: list[str] = []
    for row in listing.real.live(on):
        fields = dict(row)
        if layout is ScripLayout.NEW:
            fields = {"freeze_qty": "0", "is_cas_enabled": False, **fields}
        else:
            fields.pop("freeze_qty", None)
            fields.pop("is_cas_enabled", None)
        lines.append(json.dumps(fields, separators=(",", ":")))
        if len(lines) == 200:
            yield ",".join(lines)
            lines = []
    if lines:
        yield ",".join(lines)
