"""Recorded data as ticks in market time. Bars are expanded on the way, one minute at a time."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise

from sandbox.clock import SESSION_OPEN_MS, in_one_session, ist_day, ms_of_day, session_open_ms
from sandbox.replay_files import Bar, Recording
from sandbox.ticks import Tick
from sandbox.universe import Instrument, InstrumentKey

TICKS_PER_BAR = 20
_MINUTE_MS = 60_000
_SLOT_MS = _MINUTE_MS // TICKS_PER_BAR
_LONG_GAP_MS = 10 * _MINUTE_MS


class Replay:
    """A tick source that ends. Ticks up to `after_ms` are passed over: an earlier run has shown them."""

    def __init__(self, recording: Recording, grids: dict[InstrumentKey, int], seed: int, after_ms: int = 0) -> None:
        self.first_ms = min(row[0].at_ms for row in (recording.bars, recording.prints) if row)
        self._ticks = _series(recording, grids, seed, after_ms)
        self._next = next(self._ticks, None)

    @property
    def start_ms(self) -> int:
        """Where a fresh replay begins: 09:15:00 of its first day, or its first data when they are far from that."""
        opening = session_open_ms(ist_day(self.first_ms))
        return opening if 0 <= self.first_ms - opening <= _LONG_GAP_MS else self.first_ms

    def next_ms(self) -> int | None:
        return self._next.at_ms if self._next else None

    def take(self, until_ms: int, limit: int) -> Sequence[Tick]:
        ticks: list[Tick] = []
        while self._next and self._next.at_ms <= until_ms and len(ticks) < limit:
            ticks.append(self._next)
            self._next = next(self._ticks, None)
        return ticks

    def follow(self, wanted: Iterable[Instrument], now_ms: int) -> None:
        """A recording prints what it holds, whoever wants what."""

    def jump_target(self, now_ms: int) -> int | None:
        """Over nights and other gaps above ten minutes; an outage inside a session is lived through."""
        upcoming = self.next_ms()
        if upcoming is None or upcoming - now_ms <= _LONG_GAP_MS or in_one_session(now_ms, upcoming):
            return None
        opening = session_open_ms(ist_day(upcoming))
        late = ms_of_day(upcoming) - SESSION_OPEN_MS
        return opening if 0 <= late <= _LONG_GAP_MS and opening > now_ms else upcoming


def _series(recording: Recording, grids: dict[InstrumentKey, int], seed: int, after_ms: int) -> Iterator[Tick]:
    """Everything later than `after_ms`, with each print's own quantity worked out from the day's volume."""
    volumes: dict[InstrumentKey, tuple[int, int]] = {}
    bar_ticks = _bar_ticks(recording.bars, grids, seed, after_ms)
    for tick in heapq.merge(bar_ticks, _print_ticks(recording), key=lambda t: t.at_ms):
        day = ist_day(tick.at_ms)
        last_day, volume = volumes.get(tick.key, (0, 0))
        volumes[tick.key] = (day, tick.volume)
        if tick.at_ms > after_ms:
            # The first print of a day carries what traded before the recording began: not one trade.
            traded = max(0, tick.volume - volume) if day == last_day else 0
            yield tick._replace(traded=traded)


def _print_ticks(recording: Recording) -> Iterator[Tick]:
    return (Tick(p.key, p.at_ms, p.ltp, 0, p.volume) for p in recording.prints)


def _bar_ticks(bars: Sequence[Bar], grids: dict[InstrumentKey, int], seed: int, after_ms: int) -> Iterator[Tick]:
    volumes: dict[tuple[InstrumentKey, int], int] = {}
    for minute, same_minute in groupby(bars, lambda bar: bar.at_ms):
        ticks: list[Tick] = []
        for bar in same_minute:
            day = (bar.key, ist_day(minute))
            before = volumes.get(day, 0)
            volumes[day] = before + bar.volume
            if minute + _MINUTE_MS > after_ms:
                ticks.extend(expanded(bar, before, grids[bar.key], seed))
        yield from sorted(ticks, key=lambda tick: tick.at_ms)


def expanded(bar: Bar, volume_before: int, grid: int, seed: int) -> Iterator[Tick]:
    """One bar as TICKS_PER_BAR ticks: open, both extremes (order drawn), close, straight lines between, on the grid.

    The same bar and seed always give the same ticks. Quantities add up to the bar's volume; `traded` is left to the caller.
    """
    rng = random.Random(f"{seed}:{bar.key}:{bar.at_ms}")
    extremes = [bar.high, bar.low]
    if rng.random() < 0.5:
        extremes.reverse()
    last = TICKS_PER_BAR - 1
    knots = [(0, bar.open), (rng.randint(2, 8), extremes[0]), (rng.randint(10, 17), extremes[1]), (last, bar.close)]
    for n, price in enumerate(_straight_lines(knots, grid)):
        at_ms = bar.at_ms + n * _SLOT_MS + rng.randrange(_SLOT_MS)
        yield Tick(bar.key, at_ms, price, 0, volume_before + bar.volume * (n + 1) // TICKS_PER_BAR)


def _straight_lines(knots: list[tuple[int, int]], grid: int) -> Iterator[int]:
    yield knots[0][1]
    for (n0, price0), (n1, price1) in pairwise(knots):
        for n in range(n0 + 1, n1 + 1):
            yield price1 if n == n1 else price0 + (price1 - price0) * (n - n0) // (n1 - n0) // grid * grid
