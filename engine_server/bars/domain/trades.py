"""Which ticks are trades, and how much each added: what is remembered of every instrument between two batches.

A tick says the day's volume, not its own quantity, and it comes also when only bid or ask has moved. So a tick is a trade
where the volume has grown or the price has changed (an index has no volume: each of its ticks counts). A volume that falls
is never believed: the day's highest stands, and the minute is marked.

What comes before the day's first session (the opening auction) makes no bar, as the broker's candles begin with the session;
its volume is in the first one, so that a day's minutes add up to the day.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from engine_server.bars.domain.rows import NO_ROWS, ROW, Flags, Integers, Rows, by_slot, group_firsts
from engine_server.bars.domain.sessions import MINUTE_MS, Sessions, ist_days

# Slot and value in one number, so that one running maximum serves all slots: 2**20 slots, times until 2039, volumes to 10**12.
_TIME_BITS: Final = 42
_VOLUME_BITS: Final = 41

TICK: Final = np.dtype(
    [("slot", "<i8"), ("time_ms", "<i8"), ("price_e4", "<i8"), ("volume", "<i8"), ("open_interest", "<i8")]
)


class TradeMemory:
    """By slot: the newest tick, the day and its volume so far, and since when nothing has been missed."""

    def __init__(self) -> None:
        self.market = np.zeros(0, np.int64)
        self.complete_from_ms = np.zeros(0, np.int64)
        self.last_ms = np.zeros(0, np.int64)
        self.late = 0  # ticks that were older than one before them, or than a bar that had been closed
        self._late_from: dict[int, int] = {}  # by slot: the oldest of the latter
        self._day = np.zeros(0, np.int64)
        self._volume = np.zeros(0, np.int64)
        self._price = np.zeros(0, np.int64)
        self._interrupted = np.zeros(0, np.bool_)

    def reserve(self, size: int) -> None:
        """Room for slots below `size`."""
        for name, column in list(vars(self).items()):
            if isinstance(column, np.ndarray) and len(column) < size:
                setattr(self, name, np.concatenate([column, np.zeros(size - len(column), column.dtype)]))

    def begin(self, slot: int, market: int, complete_from_ms: int) -> None:
        """A new instrument, whose ticks are complete from a time on."""
        self.market[slot], self.complete_from_ms[slot] = market, complete_from_ms
        self.last_ms[slot] = self._day[slot] = self._volume[slot] = self._price[slot] = 0
        self._interrupted[slot] = False

    def interrupt(self, slots: Integers, complete_from_ms: int) -> None:
        """Ticks may have been missed; they are complete again from a time on."""
        self.complete_from_ms[slots] = np.maximum(self.complete_from_ms[slots], complete_from_ms)
        self._interrupted[slots] = True

    def take_late(self) -> dict[int, int]:
        """Slots whose closed bars have missed a tick since the last call, and its time."""
        late, self._late_from = self._late_from, {}
        return late

    def forget_times(self) -> None:
        """Market time may go back."""
        self.last_ms[:] = 0
        self._day[:] = 0

    def trades(self, ticks: Rows, sessions: dict[int, Sessions], not_before_ms: int) -> Rows:
        """The trades among `ticks` (in order of arrival) as rows of their minutes, sorted by slot and time."""
        ticks = self._forward(ticks, not_before_ms)
        days = ist_days(ticks["time_ms"])
        return by_slot(NO_ROWS, *(self._of_one_day(ticks[days == day], int(day), sessions) for day in np.unique(days)))

    def _forward(self, ticks: Rows, not_before_ms: int) -> Rows:
        """Sorted by slot, without prices that are none and ticks that go back."""
        ticks = ticks[ticks["price_e4"] > 0]
        ticks = ticks[np.argsort(ticks["slot"], kind="stable")]
        slots = ticks["slot"]
        newest = self._running_maximum(ticks["time_ms"], slots, self.last_ms, _TIME_BITS)
        goes_on, is_over = ticks["time_ms"] >= newest, ticks["time_ms"] < not_before_ms
        keep = goes_on & ~is_over
        self.late += len(ticks) - int(keep.sum())
        for slot, time_ms in zip(
            *(ticks[goes_on & is_over][name].tolist() for name in ("slot", "time_ms")), strict=True
        ):
            self._late_from[slot] = min(time_ms, self._late_from.get(slot, time_ms))
        return ticks[keep]

    def _of_one_day(self, ticks: Rows, day: int, sessions: dict[int, Sessions]) -> Rows:
        openings = self._openings(day, sessions)
        ticks = ticks[ticks["time_ms"] >= openings[ticks["slot"]]]
        if not len(ticks):
            return NO_ROWS
        slots, volumes, prices = ticks["slot"], ticks["volume"], ticks["price_e4"]
        firsts = group_firsts(slots)
        base, is_baseline = self._base(ticks[firsts], day, openings)
        before = self._volume.copy()
        before[slots[firsts]] = base
        highest = self._running_maximum(volumes, slots, before, _VOLUME_BITS)
        previous = np.concatenate([highest[:1], highest[:-1]])
        previous[firsts] = base
        last_prices = np.concatenate([prices[:1], prices[:-1]])
        last_prices[firsts] = np.where(self._day[slots[firsts]] == day, self._price[slots[firsts]], 0)
        is_trade = (highest > previous) | (prices != last_prices) | (highest == 0)
        is_trade[firsts] &= ~is_baseline | (highest[firsts] == 0)
        fell = (volumes < highest) & (volumes > 0)
        # Of what a first tick adds some was traded in its minute, nobody knows how much.
        doubtful = fell.copy()
        doubtful[firsts] |= is_baseline & (volumes[firsts] > 0)
        watched = self._watched(ticks, doubtful)
        rows = self._rows(ticks, highest - previous, watched, is_trade, sessions)
        self._remember(ticks, highest, watched, firsts, day)
        return rows

    def _watched(self, ticks: Rows, doubtful: Flags) -> Integers:
        """Since when nothing has been missed, at each tick: the minute of a doubtful one is not complete."""
        minute_ends = ticks["time_ms"] // MINUTE_MS * MINUTE_MS + MINUTE_MS
        ends = np.where(doubtful, minute_ends, 0)
        return self._running_maximum(ends, ticks["slot"], self.complete_from_ms, _TIME_BITS)

    def _base(self, first: Rows, day: int, openings: Integers) -> tuple[Integers, Flags]:
        """The volume before each slot's first tick of this batch, and where that tick only sets it: nobody knows when what
        traded before it was traded.
        """
        slots = first["slot"]
        is_new_day = self._day[slots] != day
        was_watched = self.complete_from_ms[slots] <= openings[slots]
        same_minute = self.last_ms[slots] // MINUTE_MS == first["time_ms"] // MINUTE_MS
        has_grown = first["volume"] > self._volume[slots]
        is_baseline = np.where(is_new_day, ~was_watched, self._interrupted[slots] & ~same_minute & has_grown)
        base = np.where(is_new_day, 0, self._volume[slots])
        return np.where(is_baseline, np.maximum(base, first["volume"]), base), is_baseline

    def _openings(self, day: int, sessions: dict[int, Sessions]) -> Integers:
        """When the day begins, by slot; -1 where it does not."""
        openings = np.full(len(self.market), -1, np.int64)
        for market, known in sessions.items():
            openings[self.market == market] = known.opening_ms(day)
        return openings

    def _rows(
        self, ticks: Rows, traded: Integers, watched: Integers, is_trade: Flags, sessions: dict[int, Sessions]
    ) -> Rows:
        rows = np.zeros(len(ticks), ROW)
        for market in np.unique(self.market[ticks["slot"]]):
            here = self.market[ticks["slot"]] == market
            known = sessions.get(int(market))
            if known is None:
                is_trade = is_trade & ~here
                continue
            inside = here & known.inside(ticks["time_ms"])
            is_trade = is_trade & (inside | ~here)
            rows["start_ms"][inside], rows["end_ms"][inside] = known.bounds(ticks["time_ms"][inside], MINUTE_MS)
        rows["slot"] = ticks["slot"]
        rows["filled_ms"] = rows["end_ms"]
        for price in ("open_e4", "high_e4", "low_e4", "close_e4"):
            rows[price] = ticks["price_e4"]
        rows["volume"] = traded
        rows["open_interest"] = ticks["open_interest"]
        rows["watched_ms"] = watched
        rows["complete"] = watched <= rows["start_ms"]
        return rows[is_trade]

    def _remember(self, ticks: Rows, highest: Integers, watched: Integers, firsts: Integers, day: int) -> None:
        lasts = np.append(firsts[1:], len(ticks)) - 1
        slots = ticks["slot"][lasts]
        self.last_ms[slots] = ticks["time_ms"][lasts]
        self._price[slots] = ticks["price_e4"][lasts]
        self._volume[slots] = highest[lasts]
        self.complete_from_ms[slots] = watched[lasts]
        self._day[slots] = day
        self._interrupted[slots] = False

    @staticmethod
    def _running_maximum(values: Integers, slots: Integers, before: Integers, bits: int) -> Integers:
        """The highest value of each slot up to each row, `before` (by slot) included; rows are sorted by slot."""
        if not len(values):
            return values.copy()
        offsets = slots << bits
        combined = values + offsets
        firsts = group_firsts(slots)
        combined[firsts] = np.maximum(combined[firsts], before[slots[firsts]] + offsets[firsts])
        highest: Integers = np.maximum.accumulate(combined) - offsets
        return highest
