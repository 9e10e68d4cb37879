"""Bars as a strategy sees them: one that has just closed, and the last ones as arrays."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from tradewinds.bars import INTERVAL_MINUTES
from tradewinds.bars import Bar as StoredBar
from tradewinds.clock import IST

MOST_BARS: Final = 5_000
_E4: Final = 10_000


class Bar(msgspec.Struct, frozen=True):
    """A closed bar, in rupees and units. `is_complete` is False where ticks of it were missed."""

    symbol: str  # canonical key, NSE:RELIANCE-EQ
    interval: str  # 1m, 5m, 1d …
    start: datetime  # market time, IST; the bar ends where the next one may begin
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int
    open_interest: int
    is_complete: bool


@dataclass(frozen=True, eq=False)
class Bars:
    """The last closed bars, oldest first, one array each: for arithmetic, so prices are floats here (orders take Decimals)."""

    start: NDArray[np.datetime64]  # UTC, to the millisecond
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.int64]
    open_interest: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.close)


@dataclass
class _Row:
    """The bars of one instrument and interval, by time."""

    most: int
    bars: list[StoredBar] = field(default_factory=list)
    told_ms: int = -1
    arrays: Bars | None = None

    def put(self, bar: StoredBar) -> None:
        at = bisect_left(self.bars, bar.start_ms, key=lambda known: known.start_ms)
        if at < len(self.bars) and self.bars[at].start_ms == bar.start_ms:
            self.bars[at] = bar
        else:
            self.bars.insert(at, bar)
        del self.bars[: -self.most]
        self.arrays = None


class BarShelf:
    """What a strategy has asked to be kept; empty until the warm-up has come."""

    def __init__(self) -> None:
        self._wanted: dict[str, int] = {}
        self._rows: dict[tuple[str, str], _Row] = {}

    def want(self, wanted: Mapping[str, int]) -> None:
        """Keep so many bars of each interval; raises `ValueError` for what there is not."""
        for interval, count in wanted.items():
            if interval not in INTERVAL_MINUTES:
                raise ValueError(f"bars: there is no interval {interval!r}; there are {', '.join(INTERVAL_MINUTES)}")
            if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= MOST_BARS:
                raise ValueError(f"bars: keep 0 to {MOST_BARS} bars of {interval}, not {count!r}")
        self._wanted = dict(wanted)

    @property
    def wanted(self) -> Mapping[str, int]:
        """Intervals, and how many bars of each."""
        return self._wanted

    def put(self, known: Iterable[StoredBar]) -> None:
        """Bars of the past."""
        for bar in known:
            row = self._row(bar.instrument, bar.interval)
            row.put(bar)
            row.told_ms = max(row.told_ms, bar.start_ms)

    def take(self, bar: StoredBar) -> Bar | None:
        """A bar that has closed; None when the strategy has seen it, or a later one."""
        row = self._row(bar.instrument, bar.interval)
        row.put(bar)
        if bar.start_ms <= row.told_ms:
            return None
        row.told_ms = bar.start_ms
        return _seen(bar)

    def arrays(self, key: str, interval: str, count: int | None) -> Bars:
        """The newest `count` (all that are kept by default)."""
        if interval not in self._wanted:
            asked = ", ".join(self._wanted) or "none"
            raise ValueError(f"history: {interval!r} is not kept; return it from bars(), which returns: {asked}")
        row = self._row(key, interval)
        if row.arrays is None:
            row.arrays = _arrays(row.bars)
        return row.arrays if count is None else _newest(row.arrays, count)

    def _row(self, key: str, interval: str) -> _Row:
        row = self._rows.get((key, interval))
        if row is None:
            row = self._rows[key, interval] = _Row(max(1, self._wanted.get(interval, 1)))
        return row


def _seen(bar: StoredBar) -> Bar:
    return Bar(
        symbol=bar.instrument,
        interval=bar.interval,
        start=datetime.fromtimestamp(bar.start_ms / 1000, IST),
        open=_rupees(bar.open_e4),
        high=_rupees(bar.high_e4),
        low=_rupees(bar.low_e4),
        close=_rupees(bar.close_e4),
        volume=bar.volume,
        open_interest=bar.open_interest,
        is_complete=bar.complete,
    )


def _rupees(value_e4: int) -> Decimal:
    return Decimal(value_e4 // 100).scaleb(-2) if value_e4 % 100 == 0 else Decimal(value_e4).scaleb(-4)


def _arrays(known: list[StoredBar]) -> Bars:
    columns = np.array(
        [(b.start_ms, b.open_e4, b.high_e4, b.low_e4, b.close_e4, b.volume, b.open_interest) for b in known], np.int64
    ).reshape(-1, 7)
    for_reading = columns.T.copy()
    for_reading.flags.writeable = False  # two callers may hold the same arrays
    rupees = for_reading[1:5] / _E4
    rupees.flags.writeable = False
    return Bars(
        start=for_reading[0].view("datetime64[ms]"),
        open=rupees[0],
        high=rupees[1],
        low=rupees[2],
        close=rupees[3],
        volume=for_reading[5],
        open_interest=for_reading[6],
    )


def _newest(kept: Bars, count: int) -> Bars:
    first = max(0, len(kept) - count)
    return Bars(*(column[first:] for column in vars(kept).values()))
