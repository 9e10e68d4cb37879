"""The broker's scrip master: from its JSON to `Instrument` rows, refused as a whole where it cannot be trusted.

One JSON array of objects, regenerated daily, about 150 K rows: token, symbol, name, expiry, strike, lotsize, instrumenttype,
exch_seg, tick_size (paise), all texts; newer files add freeze_qty and is_cas_enabled, and some producers write numbers
(SmartAPI, instruments). An empty file has been seen in the wild.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final

import msgspec

from tradewinds.instruments import EXCHANGE_TYPE, Instrument, InstrumentKey, is_key, make_key

# (exchange, token) -> symbol: what every genuine file holds.
ANCHORS: Final[Mapping[tuple[str, str], str]] = {
    ("NSE", "3045"): "NSE:SBIN-EQ",
    ("NSE", "99926000"): "NSE:NIFTY 50",
}
_PAISE = Decimal(100)
_MAX_PAISE = Decimal(10**12)
_FINEST_PRICE = Decimal("0.0001")
_MAX_SKIPPED_SHARE: Final = 0.05


class ScripMasterError(ValueError):
    """The scrip master cannot be trusted; the last good one stays in force."""


class _Row(msgspec.Struct):
    """What we read of a row; whatever else is in it does not matter."""

    token: str | int
    symbol: str
    exch_seg: str
    name: str = ""
    lotsize: str | int | float = "1"
    instrumenttype: str = ""
    tick_size: str | int | float = "0"


@dataclass(frozen=True)
class ScripMaster:
    """A file that was accepted: its instruments, the content hash that names it, and how many rows were left out, by reason."""

    instruments: Mapping[InstrumentKey, Instrument]
    version: str
    skipped: Mapping[str, int]


def parse(content: bytes, *, minimum_rows: int) -> ScripMaster:
    """Read and judge a file; raises `ScripMasterError` naming what is wrong with it."""
    instruments: dict[InstrumentKey, Instrument] = {}
    skipped: Counter[str] = Counter()
    rows = _rows(content)
    for row in rows:
        instrument = _instrument(row)
        if isinstance(instrument, str):
            skipped[instrument] += 1
        elif instrument.key in instruments:
            skipped["duplicate key"] += 1
        else:
            instruments[instrument.key] = instrument
    _judge(len(rows), instruments, skipped, minimum_rows)
    return ScripMaster(instruments, hashlib.sha256(content).hexdigest()[:16], dict(skipped))


def _rows(content: bytes) -> list[_Row]:
    try:
        return msgspec.json.decode(content, type=list[_Row])
    except msgspec.DecodeError as e:  # a wrong type is one too
        raise ScripMasterError(f"not a JSON array of scrip rows ({len(content)} bytes): {e}") from e


def _instrument(row: _Row) -> Instrument | str:
    """The row in our terms, or why it is left out."""
    kind = _kind(row.instrumenttype)
    if kind is None:
        return f"instrument type {row.instrumenttype}"
    if row.exch_seg not in EXCHANGE_TYPE:
        return f"exchange {row.exch_seg}"
    key = make_key(row.exch_seg, row.symbol)
    token = str(row.token)
    if not is_key(key):
        return "unusual symbol"
    if not token.isascii() or not token.isdigit():
        return "token is not a number"
    lot_size, tick_size = _number(row.lotsize), _rupees(row.tick_size)
    if lot_size is None or lot_size < 1 or lot_size != int(lot_size):
        return "lot size"
    if tick_size is None or tick_size < 0 or (tick_size == 0 and kind != "INDEX"):
        return "tick size"
    return Instrument(
        key=key,
        exchange=row.exch_seg,
        symbol=row.symbol,
        token=token,
        name=row.name or row.symbol,
        kind=kind,
        lot_size=int(lot_size),
        tick_size=tick_size,
    )


def _kind(instrument_type: str) -> str | None:
    """EQ, INDEX, FUT or OPT; None for what can be neither traded nor watched (spot underlyings and the like)."""
    if instrument_type == "":
        return "EQ"
    if instrument_type == "AMXIDX":
        return "INDEX"
    return {"FUT": "FUT", "OPT": "OPT"}.get(instrument_type[:3])


@lru_cache(1024)  # 150 K rows, a few hundred different numbers
def _number(value: str | float) -> Decimal | None:
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


@lru_cache(1024)
def _rupees(paise: str | float) -> Decimal | None:
    number = _number(paise)
    return (number / _PAISE).quantize(_FINEST_PRICE) if number is not None and abs(number) < _MAX_PAISE else None


def _judge(
    rows: int, instruments: Mapping[InstrumentKey, Instrument], skipped: Mapping[str, int], minimum_rows: int
) -> None:
    if len(instruments) < minimum_rows:
        raise ScripMasterError(
            f"{len(instruments)} usable rows of {rows}, at least {minimum_rows} are expected (SCRIP_MASTER_MINIMUM_ROWS); "
            f"left out: {dict(skipped)}"
        )
    broken = sum(count for reason, count in skipped.items() if not reason.startswith(("instrument type", "exchange")))
    if broken > rows * _MAX_SKIPPED_SHARE:
        raise ScripMasterError(f"{broken} of {rows} rows are broken: {dict(skipped)}")
    for (exchange, token), key in ANCHORS.items():
        found = instruments.get(key)
        if found is None or (found.exchange, found.token) != (exchange, token):
            there = f"its token there is {found.token}" if found else "it is not there"
            raise ScripMasterError(f"{key} must have token {token}: {there}")
