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
from typing import Final

import msgspec

from engine_server.feed.scrip_columns import ScripRow, columns_of
from engine_server.instruments.table import InstrumentTable
from tradewinds.instruments import Instrument, InstrumentKey

# (exchange, token) -> symbol: what every genuine file holds.
ANCHORS: Final[Mapping[tuple[str, str], str]] = {
    ("NSE", "3045"): "NSE:SBIN-EQ",
    ("NSE", "99926000"): "NSE:NIFTY 50",
}
_MAX_SKIPPED_SHARE: Final = 0.05


class ScripMasterError(ValueError):
    """The scrip master cannot be trusted; the last good one stays in force."""


@dataclass(frozen=True)
class ScripMaster:
    """A file that was accepted: its instruments, the content hash that names it, and how many rows were left out, by reason."""

    instruments: InstrumentTable
    version: str
    skipped: Mapping[str, int]


def parse(content: bytes, *, minimum_rows: int) -> ScripMaster:
    """Read and judge a file; raises `ScripMasterError` naming what is wrong with it."""
    skipped: Counter[str] = Counter()
    rows = _rows(content, skipped)
    columns, faults = columns_of(rows)
    skipped += faults.counted()
    instruments = InstrumentTable.arranged(columns.taken(faults.faultless()))
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


def _rows(content: bytes, skipped: Counter[str]) -> list[ScripRow]:
    try:
        return msgspec.json.decode(content, type=list[ScripRow])
    except msgspec.ValidationError:
        return _readable_rows(content, skipped)
    except msgspec.DecodeError as e:
        raise ScripMasterError(f"not a JSON array of scrip rows ({len(content)} bytes): {e}") from e


def _readable_rows(content: bytes, skipped: Counter[str]) -> list[ScripRow]:
    """The slow way, when a row has a column of another type: that row alone is left out."""
    try:
        rows = msgspec.json.decode(content, type=list[msgspec.Raw])
    except msgspec.DecodeError as e:  # it is no array
        raise ScripMasterError(f"not a JSON array of scrip rows ({len(content)} bytes): {e}") from e
    readable = []
    for row in rows:
        try:
            readable.append(msgspec.json.decode(row, type=ScripRow))
        except msgspec.ValidationError:
            skipped["unreadable row"] += 1
    return readable


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
