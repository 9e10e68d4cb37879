"""The builder: ticks → one-minute bars → longer ones. Without a clock: the caller says how far market time is."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from engine_server.bars.domain.rows import NO_ROWS, ROW, Integers, Rows, by_slot, last_of_slot, merge
from engine_server.bars.domain.sessions import MINUTE_MS, Sessions
from engine_server.bars.domain.trades import TradeMemory
from tradewinds.bars import INTERVAL_MINUTES

STEP_MS: Final = {name: minutes * MINUTE_MS for name, minutes in INTERVAL_MINUTES.items()}
_LONGER: Final = tuple(name for name in STEP_MS if name != "1m")
_GROWTH: Final = 256


class ClosedBars(NamedTuple):
    """Bars that are over, of one interval; sorted by slot and time."""

    interval: str
    rows: Rows


class BarBuilder:
    """Bars of many instruments at once. An instrument is a slot; a market is a number that has sessions.

    A minute is over when a trade of its instrument comes in a later one, or when `advance` says that market time is past its
    end; a longer bar when its last minute is over, or by `advance`. A minute without a trade makes no bar.
    """

    def __init__(self) -> None:
        self._memory = TradeMemory()
        self._sessions: dict[int, Sessions] = {}
        self._growing: dict[str, Rows] = {name: NO_ROWS.copy() for name in STEP_MS}  # by slot; start_ms 0: none
        self._free: list[int] = []
        self._size = 0
        self._closed_until_ms = 0

    @property
    def late(self) -> int:
        """Ticks that came too late, so far."""
        return self._memory.late

    def take_late(self) -> dict[int, int]:
        """Slots that ticks came for after their bar was over, since the last call, and the time of the oldest."""
        return self._memory.take_late()

    def use_sessions(self, market: int, sessions: Sessions) -> None:
        """From now on this market trades then."""
        self._sessions[market] = sessions

    def begin(self, market: int, complete_from_ms: int) -> int:
        """A new instrument; returns its slot. Minutes that begin before `complete_from_ms` are not complete."""
        if not self._free:
            self._grow()
        slot = self._free.pop()
        self._memory.begin(slot, market, complete_from_ms)
        return slot

    def end(self, slot: int) -> None:
        """No more ticks of this one; what is growing is dropped. The slot is given to another one later."""
        for growing in self._growing.values():
            growing["start_ms"][slot] = 0
        self._free.append(slot)

    def interrupt(self, slots: Integers, complete_from_ms: int) -> None:
        """Ticks of these may have been missed until now; minutes from `complete_from_ms` on are complete again."""
        self._memory.interrupt(slots, complete_from_ms)
        for growing in self._growing.values():
            growing["complete"][slots] = False

    def complete_from_ms(self, slots: Integers) -> Integers:
        """Since when the minutes of each are complete."""
        return self._memory.complete_from_ms[slots]

    def last_seen_ms(self, slots: Integers) -> Integers:
        """When each was last known to be complete: its last tick, or the beginning."""
        return np.maximum(self._memory.last_ms[slots], self._memory.complete_from_ms[slots])

    def take(self, ticks: Rows) -> list[ClosedBars]:
        """Ticks in the order in which they came (`trades.TICK`); returns what is over by them."""
        trades = self._memory.trades(ticks, self._sessions, self._closed_until_ms)
        if not len(trades):
            return []
        minutes = merge(by_slot(self._of("1m", np.unique(trades["slot"])), trades))
        is_last = last_of_slot(minutes)
        self._keep("1m", minutes[is_last])
        return self._over(minutes[~is_last])

    def advance(self, until_ms: int) -> list[ClosedBars]:
        """Market time is past `until_ms`: everything that ends by then is over, and later ticks of it are late."""
        self._closed_until_ms = max(self._closed_until_ms, until_ms // MINUTE_MS * MINUTE_MS)
        closed = self._over(self._take_ended("1m", until_ms))
        closed += [ClosedBars(name, self._take_ended(name, until_ms)) for name in _LONGER]
        return [bars for bars in closed if len(bars.rows)]

    def close_all(self) -> list[ClosedBars]:
        """Market time has jumped back: everything is over, not complete, and time begins anew."""
        closed = self.advance(np.iinfo(np.int64).max)
        for bars in closed:
            bars.rows["complete"] = False
        self._memory.forget_times()
        self._closed_until_ms = 0
        return closed

    def growing(self, slots: Integers) -> Rows:
        """The one-minute bars that are growing, of these slots; sorted by slot."""
        return self._of("1m", np.unique(slots))

    def _over(self, minutes: Rows) -> list[ClosedBars]:
        """One-minute bars that are over, and the longer ones that are over with them."""
        if not len(minutes):
            return []
        longer = [ClosedBars(name, self._lengthen(name, minutes)) for name in _LONGER]
        return [ClosedBars("1m", minutes), *(bars for bars in longer if len(bars.rows))]

    def _lengthen(self, name: str, minutes: Rows) -> Rows:
        """Put minutes into the longer bars; returns those that are over."""
        longer = minutes.copy()
        for market in np.unique(self._memory.market[minutes["slot"]]):
            here = self._memory.market[minutes["slot"]] == market
            bounds = self._sessions[int(market)].bounds(minutes["start_ms"][here], STEP_MS[name])
            longer["start_ms"][here], longer["end_ms"][here] = bounds
        opens_ms = longer["start_ms"] if name != "1d" else minutes["start_ms"]
        longer["complete"] &= longer["watched_ms"] <= opens_ms
        merged = merge(by_slot(self._of(name, np.unique(longer["slot"])), longer))
        is_growing = last_of_slot(merged) & (merged["filled_ms"] < merged["end_ms"])
        self._growing[name]["start_ms"][merged["slot"]] = 0
        self._keep(name, merged[is_growing])
        return merged[~is_growing]

    def _of(self, name: str, slots: Integers) -> Rows:
        rows = self._growing[name][slots]
        return rows[rows["start_ms"] > 0]

    def _keep(self, name: str, rows: Rows) -> None:
        self._growing[name][rows["slot"]] = rows

    def _take_ended(self, name: str, until_ms: int) -> Rows:
        growing = self._growing[name]
        ended = np.flatnonzero((growing["start_ms"] > 0) & (growing["end_ms"] <= until_ms))
        rows = growing[ended]
        growing["start_ms"][ended] = 0
        return rows

    def _grow(self) -> None:
        size = self._size + max(_GROWTH, self._size)
        self._memory.reserve(size)
        for name, rows in self._growing.items():
            self._growing[name] = np.concatenate([rows, np.zeros(size - len(rows), ROW)])
        self._free.extend(range(size - 1, self._size - 1, -1))
        self._size = size


def lengthen(minutes: Rows, interval: str, sessions: Sessions) -> Rows:
    """Longer bars of one-minute bars that are there already (sorted by slot and time): the same reduction, in one go."""
    inside = minutes[sessions.inside(minutes["start_ms"])]
    if not len(inside):
        return NO_ROWS.copy()
    longer = inside.copy()
    longer["start_ms"], longer["end_ms"] = sessions.bounds(inside["start_ms"], STEP_MS[interval])
    return merge(longer)
