"""Recorded data as a tape: the bars of the file themselves, or bars made of its prints."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias, TypeVar

import numpy as np

from sandbox.clock import day_start_ms, ist_day
from sandbox.pricing.tape import MINUTE_MS, DayBars, day_bars_of_ticks
from sandbox.replay import expanded
from sandbox.replay_files import Bar, Print, Recording
from sandbox.ticks import Tick
from sandbox.universe import Instrument, InstrumentKey

_DayOf: TypeAlias = tuple[dict[InstrumentKey, list[Bar]], dict[InstrumentKey, list[Print]]]


class RecordedTape:
    """`grids` and `seed` are those of the replay, whose ticks these are."""

    def __init__(self, recording: Recording, grids: Mapping[InstrumentKey, int], seed: int) -> None:
        self._recording = recording
        self._grids = grids
        self._seed = seed
        self._of_day = lru_cache(maxsize=64)(self._grouped)
        self.day = lru_cache(maxsize=512)(self._day)

    def minute(self, instrument: Instrument, start_ms: int) -> Sequence[Tick]:
        bars, prints = self._of_day(ist_day(start_ms))
        if instrument.key in prints:
            return _prints_of_minute(prints[instrument.key], start_ms)
        known = bars.get(instrument.key, [])
        n = bisect_left(known, start_ms, key=lambda bar: bar.at_ms)
        if n == len(known) or known[n].at_ms != start_ms:
            return ()
        volume = sum(bar.volume for bar in known[:n])
        return _with_quantities(list(expanded(known[n], volume, self._grids[instrument.key], self._seed)), n, volume)

    def bounds(self, instrument: Instrument, first_day: int, last_day: int) -> tuple[int, int] | None:
        rows = (self._recording.bars[:1], self._recording.prints[:1])
        first_day = max(first_day, min(ist_day(row[0].at_ms) for row in rows if row))
        days = [bars for day in range(first_day, last_day + 1) if (bars := self.day(instrument, day)) is not None]
        if not days:
            return None
        return min(int(bars.low.min()) for bars in days), max(int(bars.high.max()) for bars in days)

    def _day(self, instrument: Instrument, day: int) -> DayBars | None:
        bars, prints = self._of_day(day)
        if instrument.key in prints:
            return day_bars_of_ticks([Tick(p.key, p.at_ms, p.ltp, 0, p.volume) for p in prints[instrument.key]])
        known = bars.get(instrument.key)
        if not known:
            return None
        rows = np.array([(b.at_ms, b.open, b.high, b.low, b.close, b.volume, b.at_ms + MINUTE_MS - 1) for b in known])
        return DayBars(*rows.T)

    def _grouped(self, day: int) -> _DayOf:
        bars: dict[InstrumentKey, list[Bar]] = defaultdict(list)
        prints: dict[InstrumentKey, list[Print]] = defaultdict(list)
        begins, ends = day_start_ms(day), day_start_ms(day + 1)
        for bar in _between(self._recording.bars, begins, ends):
            bars[bar.key].append(bar)
        for recorded in _between(self._recording.prints, begins, ends):
            prints[recorded.key].append(recorded)
        return dict(bars), dict(prints)


_Row = TypeVar("_Row", Bar, Print)


def _between(rows: list[_Row], begins: int, ends: int) -> list[_Row]:
    return rows[bisect_left(rows, begins, key=lambda r: r.at_ms) : bisect_left(rows, ends, key=lambda r: r.at_ms)]


def _prints_of_minute(prints: list[Print], start_ms: int) -> list[Tick]:
    first = bisect_left(prints, start_ms, key=lambda p: p.at_ms)
    last = bisect_left(prints, start_ms + MINUTE_MS, key=lambda p: p.at_ms)
    ticks = [Tick(p.key, p.at_ms, p.ltp, 0, p.volume) for p in prints[first:last]]
    return _with_quantities(ticks, first, prints[first - 1].volume if first else 0)


def _with_quantities(ticks: list[Tick], earlier_prints: int, volume_before: int) -> list[Tick]:
    """Each print's own quantity. A day's first print carries what traded before the recording began: not one trade."""
    result, before = [], volume_before
    for n, tick in enumerate(ticks):
        first_of_day = n == 0 and earlier_prints == 0
        result.append(tick._replace(traded=0 if first_of_day else max(0, tick.volume - before)))
        before = tick.volume
    return result
