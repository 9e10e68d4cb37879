"""The broker's scrip master: from its JSON to `Instrument` rows, refused as a whole where it cannot be trusted.

One JSON array of objects, regenerated daily, about 150 K rows: token, symbol, name, expiry (DDMMMYYYY), strike (rupees x 100, of
currencies x 10,000,000; -1 or 0 where there is none), lotsize, instrumenttype, exch_seg, tick_size (paise), all texts; newer files
add freeze_qty and is_cas_enabled, and some producers write numbers (SmartAPI, instruments). An empty file has been seen in the wild.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
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
_STRIKE_SCALE: Final[Mapping[str, Decimal]] = {"CDS": Decimal(10_000_000)}
_MAX_NUMBER = Decimal(10**12)
_FINEST_PRICE = Decimal("0.0001")
_MAX_SKIPPED_SHARE: Final = 0.05
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], start=1
    )
}
_Cell = str | int | float | bool | None


class ScripMasterError(ValueError):
    """The scrip master cannot be trusted; the last good one stays in force."""


class _Row(msgspec.Struct, gc=False):
    """What we read of a row; whatever else is in it does not matter."""

    token: _Cell = ""
    symbol: str = ""
    exch_seg: str = ""
    name: str | None = ""
    expiry: str | None = ""
    strike: _Cell = "0"
    lotsize: _Cell = "1"
    instrumenttype: str | None = ""
    tick_size: _Cell = "0"
    freeze_qty: _Cell = "0"
    is_cas_enabled: _Cell = False
    option_type: str | None = ""


@dataclass(frozen=True)
class ScripMaster:
    """A file that was accepted: its instruments, the content hash that names it, and how many rows were left out, by reason."""

    instruments: Mapping[InstrumentKey, Instrument]
    version: str
    skipped: Mapping[str, int]

    def rows_by_exchange(self) -> dict[str, int]:
        """How many instruments each exchange segment has."""
        return dict(Counter(i.exchange for i in self.instruments.values()))


def parse(content: bytes, *, minimum_rows: int) -> ScripMaster:
    """Read and judge a file; raises `ScripMasterError` naming what is wrong with it."""
    instruments: dict[InstrumentKey, Instrument] = {}
    skipped: Counter[str] = Counter()
    rows = _rows(content, skipped)
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


def shrunken(before: Mapping[str, int], now: Mapping[str, int], least_share: float) -> str:
    """Which exchange segments have less than `least_share` of the rows that they had in the last good file; empty where none has."""
    lost = (
        f"{exchange} has {now.get(exchange, 0)} rows, the last good one had {rows}"
        for exchange, rows in sorted(before.items())
        if now.get(exchange, 0) < rows * least_share
    )
    return "; ".join(lost)


def _rows(content: bytes, skipped: Counter[str]) -> list[_Row]:
    try:
        return msgspec.json.decode(content, type=list[_Row])
    except msgspec.ValidationError:
        return _readable_rows(content, skipped)
    except msgspec.DecodeError as e:
        raise ScripMasterError(f"not a JSON array of scrip rows ({len(content)} bytes): {e}") from e


def _readable_rows(content: bytes, skipped: Counter[str]) -> list[_Row]:
    """The slow way, when a row has a column of another type: that row alone is left out."""
    try:
        rows = msgspec.json.decode(content, type=list[msgspec.Raw])
    except msgspec.DecodeError as e:  # it is no array
        raise ScripMasterError(f"not a JSON array of scrip rows ({len(content)} bytes): {e}") from e
    readable = []
    for row in rows:
        try:
            readable.append(msgspec.json.decode(row, type=_Row))
        except msgspec.ValidationError:
            skipped["unreadable row"] += 1
    return readable


def _instrument(row: _Row) -> Instrument | str:
    """The row in our terms, or why it is left out."""
    instrument_type, exchange = row.instrumenttype or "", row.exch_seg
    kind = _kind(instrument_type)
    if kind is None:
        return f"instrument type {instrument_type}"
    if exchange not in EXCHANGE_TYPE:
        return f"exchange {exchange}"
    key = make_key(exchange, row.symbol)
    token = str(row.token)
    if not is_key(key):
        return "unusual symbol"
    if not token.isascii() or not token.isdigit():
        return "token is not a number"
    lot_size, tick_size = _whole(row.lotsize), _rupees(row.tick_size, _PAISE)
    if lot_size < 1:
        return "lot size"
    if tick_size is None or tick_size < 0 or (tick_size == 0 and kind != "INDEX"):
        return "tick size"
    expiry, strike, option_type = None, None, ""
    if kind in ("FUT", "OPT"):
        expiry = _expiry(row.expiry or "")
        if expiry is None:
            return "expiry"
    if kind == "OPT":
        strike, option_type = _rupees(row.strike, _STRIKE_SCALE.get(exchange, _PAISE)), _option_type(row)
        if strike is None or strike <= 0:
            return "strike"
        if not option_type:
            return "neither call nor put"
    return Instrument(
        key=key,
        exchange=exchange,
        symbol=row.symbol,
        token=token,
        name=row.name or row.symbol,
        kind=kind,
        lot_size=lot_size,
        tick_size=tick_size,
        instrument_type=instrument_type,
        expiry=expiry,
        strike=strike,
        option_type=option_type,
        freeze_quantity=max(0, _whole(row.freeze_qty)),
        has_closing_auction=_is_true(row.is_cas_enabled),
    )


@lru_cache(64)
def _kind(instrument_type: str) -> str | None:
    """EQ, INDEX, FUT or OPT; None for what can be neither traded nor watched (spot underlyings and the like)."""
    if instrument_type == "":
        return "EQ"
    if instrument_type == "AMXIDX":
        return "INDEX"
    return {"FUT": "FUT", "OPT": "OPT"}.get(instrument_type[:3])


def _option_type(row: _Row) -> str:
    """From its column; from the symbol's end only where there is none (symbols are not made to be read)."""
    written = (row.option_type or row.symbol[-2:]).upper()
    return written if written in ("CE", "PE") else ""


@lru_cache(2048)
def _expiry(text: str) -> date | None:
    """The day of `28JUL2026`; None for anything else."""
    day, month, year = text[:2], _MONTHS.get(text[2:5].upper()), text[5:]
    if month is None or not (day + year).isdigit() or len(year) != 4:
        return None
    try:
        return date(int(year), month, int(day))
    except ValueError:
        return None


@lru_cache(16_384, typed=True)  # 150 K rows, some thousand different numbers; True is not 1 here
def _number(value: _Cell) -> Decimal | None:
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) < _MAX_NUMBER else None


@lru_cache(16_384, typed=True)
def _whole(value: _Cell) -> int:
    """A whole number; 0 for what is none."""
    number = _number(value)
    return int(number) if number is not None and number == int(number) else 0


@lru_cache(16_384, typed=True)
def _rupees(value: _Cell, scale: Decimal) -> Decimal | None:
    number = _number(value)
    return (number / scale).quantize(_FINEST_PRICE) if number is not None else None


def _is_true(value: _Cell) -> bool:
    return value is not False and str(value).lower() in ("true", "1", "y", "yes")


def _judge(
    rows: int, instruments: Mapping[InstrumentKey, Instrument], skipped: Mapping[str, int], minimum_rows: int
) -> None:
    if len(instruments) < minimum_rows:
        raise ScripMasterError(
            f"{len(instruments)} usable rows of {rows}, at least {minimum_rows} are expected (SCRIP_MASTER_MINIMUM_ROWS); "
            f"left out: {dict(skipped)}"
        )
    broken = _broken(skipped.items())
    if broken > rows * _MAX_SKIPPED_SHARE:
        raise ScripMasterError(f"{broken} of {rows} rows are broken: {dict(skipped)}")
    for (exchange, token), key in ANCHORS.items():
        found = instruments.get(key)
        if found is None or (found.exchange, found.token) != (exchange, token):
            there = f"its token there is {found.token}" if found else "it is not there"
            raise ScripMasterError(f"{key} must have token {token}: {there}")


def _broken(skipped: Iterable[tuple[str, int]]) -> int:
    """What is not for us is no fault of the file."""
    return sum(count for reason, count in skipped if not reason.startswith(("instrument type", "exchange")))
