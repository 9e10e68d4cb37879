"""Reads recorded market data: minute bars `ts,symbol,open,high,low,close,volume` or ticks `ts,symbol,ltp,cum_volume`.

Plain or gzipped CSV. `ts` is ISO 8601 (a bar's is its START; without an offset it is IST), prices are rupees. Everything is
read and checked before anything is served; a bad line is refused with its number.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TextIO

from sandbox.clock import IST, ist_day
from sandbox.errors import BadInputError
from sandbox.universe import InstrumentKey, Universe

BAR_COLUMNS = ["ts", "symbol", "open", "high", "low", "close", "volume"]
TICK_COLUMNS = ["ts", "symbol", "ltp", "cum_volume"]
_GRIDS_PAISE = (10, 5, 1)
_OPTION = "--replay"
_REMEDY = f"give a CSV (or .csv.gz) of {','.join(BAR_COLUMNS)} or {','.join(TICK_COLUMNS)}"


@dataclass(frozen=True, slots=True)
class Bar:
    """One minute that starts at `at_ms`; prices in paise."""

    key: InstrumentKey
    at_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int


@dataclass(frozen=True, slots=True)
class Print:
    """One recorded price; `volume` is the day's so far."""

    key: InstrumentKey
    at_ms: int
    ltp: int
    volume: int


@dataclass(slots=True)
class Recording:
    """Everything that the files hold, each list in time order."""

    bars: list[Bar] = field(default_factory=list)
    prints: list[Print] = field(default_factory=list)

    def grids(self, universe: Universe) -> dict[InstrumentKey, int]:
        """The widest usual tick (paise) on which every recorded price of an instrument lies."""
        prices: dict[InstrumentKey, set[int]] = {}
        for bar in self.bars:
            prices.setdefault(bar.key, set()).update((bar.open, bar.high, bar.low, bar.close))
        for recorded in self.prints:
            prices.setdefault(recorded.key, set()).add(recorded.ltp)
        listed = {instrument.key: instrument.tick_size for instrument in universe}
        return {
            key: next(grid for grid in (listed[key], *_GRIDS_PAISE) if all(p % grid == 0 for p in seen))
            for key, seen in prices.items()
        }

    def first_prices(self) -> dict[InstrumentKey, int]:
        """Paise: where each instrument's recording begins."""
        first: dict[InstrumentKey, tuple[int, int]] = {}
        for at_ms, key, price in (
            *((bar.at_ms, bar.key, bar.open) for bar in self.bars),
            *((recorded.at_ms, recorded.key, recorded.ltp) for recorded in self.prints),
        ):
            if key not in first or at_ms < first[key][0]:
                first[key] = at_ms, price
        return {key: price for key, (_, price) in first.items()}


def read_recording(paths: tuple[Path, ...], universe: Universe) -> Recording:
    """All files merged in time. Where a day of an instrument is there as ticks, its bars are left out. Raises BadInputError."""
    recording = Recording()
    for path in paths:
        try:
            with _open(path) as file:
                _read_file(path, file, universe, recording)
        except (OSError, EOFError, UnicodeDecodeError, csv.Error) as e:
            raise BadInputError(_OPTION, f"cannot read {path} ({e})", _REMEDY) from e
    with_ticks = {(p.key, ist_day(p.at_ms)) for p in recording.prints}
    recording.bars = [bar for bar in recording.bars if (bar.key, ist_day(bar.at_ms)) not in with_ticks]
    recording.bars.sort(key=lambda bar: bar.at_ms)
    recording.prints.sort(key=lambda recorded: recorded.at_ms)
    return recording


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", newline="", encoding="utf-8")
    return path.open(newline="", encoding="utf-8")


def _read_file(path: Path, file: TextIO, universe: Universe, recording: Recording) -> None:
    lines = csv.reader(file)
    header = next(lines, [])
    if header not in (BAR_COLUMNS, TICK_COLUMNS):
        raise BadInputError(_OPTION, f"{path} begins with {','.join(header)[:80]!r}", _REMEDY)
    before = len(recording.bars) + len(recording.prints)
    reader = _LineReader(universe)
    for number, row in _numbered(lines):
        try:
            if header == BAR_COLUMNS:
                recording.bars.append(reader.bar(row))
            else:
                recording.prints.append(reader.recorded(row))
        except _BadLineError as e:
            raise BadInputError(_OPTION, f"{path} line {number}: {e}", e.remedy) from e
    if len(recording.bars) + len(recording.prints) == before:
        raise BadInputError(_OPTION, f"{path} has no rows", _REMEDY)


def _numbered(lines: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    return ((number, row) for number, row in enumerate(lines, start=2) if row)


class _BadLineError(Exception):
    def __init__(self, problem: str, remedy: str = "correct the line or leave the file out") -> None:
        super().__init__(problem)
        self.remedy = remedy


class _LineReader:
    """Parses rows; remembers texts it has seen, since a minute and a price come again and again."""

    def __init__(self, universe: Universe) -> None:
        self._universe = universe
        self._times: dict[str, int] = {}
        self._prices: dict[str, int] = {}

    def bar(self, row: list[str]) -> Bar:
        ts, symbol, *prices, volume = self._cells(row, len(BAR_COLUMNS))
        first, high, low, last = (self._price(text) for text in prices)
        if not low <= min(first, last) <= max(first, last) <= high:
            raise _BadLineError(f"open {first / 100} and close {last / 100} are not inside {low / 100}-{high / 100}")
        at_ms = self._time(ts)
        if at_ms % 60_000:
            raise _BadLineError(f"ts {ts!r} is not the start of a minute")
        return Bar(self._key(symbol), at_ms, first, high, low, last, _whole(volume, "volume"))

    def recorded(self, row: list[str]) -> Print:
        ts, symbol, ltp, volume = self._cells(row, len(TICK_COLUMNS))
        return Print(self._key(symbol), self._time(ts), self._price(ltp), _whole(volume, "cum_volume"))

    def _cells(self, row: list[str], count: int) -> list[str]:
        if len(row) != count:
            raise _BadLineError(f"{len(row)} cells instead of {count}")
        return row

    def _key(self, symbol: str) -> InstrumentKey:
        instrument = self._universe.named(symbol)
        if instrument is None:
            listed = ", ".join(i.name for i in self._universe)
            raise _BadLineError(f"unknown symbol {symbol!r}", f"use only the listed symbols ({listed})")
        return instrument.key

    def _time(self, text: str) -> int:
        known = self._times.get(text)
        if known is None:
            try:
                at = datetime.fromisoformat(text)
            except ValueError:
                raise _BadLineError(f"ts {text!r} is not an ISO 8601 time") from None
            at = at if at.tzinfo else at.replace(tzinfo=IST)
            known = self._times[text] = round(at.timestamp() * 1000)
        return known

    def _price(self, text: str) -> int:
        known = self._prices.get(text)
        if known is None:
            try:
                paise = Decimal(text) * 100
                good = paise.is_finite() and paise > 0 and paise == paise.to_integral_value()
            except InvalidOperation:
                good = False
            if not good:
                raise _BadLineError(f"price {text!r} is not rupees above 0 with at most two decimals")
            known = self._prices[text] = int(paise)
        return known


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise _BadLineError(f"{name} {text!r} is not a whole number")
    return int(text)
