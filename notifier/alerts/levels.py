"""Which alerts a value wakes: two heaps per line, and the nearest level of each line in an array that whole batches are held against.

A line is one measure of one instrument. An entry is one integer, the level and the row number beside it, so that a million alerts
are a million small integers. An alert that moves leaves its old entry behind; it is known by no longer being where the row says, and
a line that has collected too many of them is swept.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from notifier.alerts.domain.vocabulary import HIGHEST, NO_LEVEL
from notifier.alerts.rows import RowTable

ROW_BITS: Final = 24
MAXIMUM_ROWS: Final = 1 << ROW_BITS
_ROW_MASK: Final = MAXIMUM_ROWS - 1
_SWEPT_BELOW: Final = 64

Int64Array = npt.NDArray[np.int64]


class Levels:
    """`nearest_up` and `nearest_down` of a line say which values wake anything: at or above the one, at or below the other."""

    def __init__(self, lines: int) -> None:
        self.nearest_up: Int64Array = np.full(lines, HIGHEST, np.int64)
        self.nearest_down: Int64Array = np.full(lines, NO_LEVEL, np.int64)
        self._up: dict[int, list[int]] = {}
        self._down: dict[int, list[int]] = {}
        self._alerts: dict[int, int] = {}  # of each line, to know when to sweep

    def widen(self, lines: int) -> None:
        """There are more lines now."""
        more = lines - len(self.nearest_up)
        self.nearest_up = np.concatenate([self.nearest_up, np.full(more, HIGHEST, np.int64)])
        self.nearest_down = np.concatenate([self.nearest_down, np.full(more, NO_LEVEL, np.int64)])

    def fill(self, lines: Int64Array, rows: RowTable) -> None:
        """The first load: every row of the table, at `lines`."""
        self._up = _heaps(lines, rows["wake_up"], rows["wake_up"] < HIGHEST)
        self._down = _heaps(lines, HIGHEST - rows["wake_down"], rows["wake_down"] > NO_LEVEL)
        numbers, counts = np.unique(lines, return_counts=True)
        self._alerts = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
        for line in numbers.tolist():
            self._refresh(line)

    def add(self, line: int) -> None:
        """One more alert on a line."""
        self._alerts[line] = self._alerts.get(line, 0) + 1

    def drop(self, line: int) -> None:
        """One less; its entries go when they are met."""
        self._alerts[line] -= 1

    def place(self, line: int, row: int, up: int, down: int) -> None:
        """Wake `row` at these levels too; `HIGHEST` and `NO_LEVEL` are none."""
        if up < HIGHEST:
            heapq.heappush(self._up.setdefault(line, []), up << ROW_BITS | row)
        if down > NO_LEVEL:
            heapq.heappush(self._down.setdefault(line, []), HIGHEST - down << ROW_BITS | row)
        self._refresh(line)

    def woken(self, line: int, value: int, rows: RowTable) -> list[int]:
        """Take out every row that `value` wakes, in the order in which the levels are met."""
        found = [r for r in _taken(self._up.get(line), value) if rows["wake_up"][r] <= value]
        found += [r for r in _taken(self._down.get(line), HIGHEST - value) if rows["wake_down"][r] >= value]
        self._refresh(line)
        return list(dict.fromkeys(found))

    def sweep(self, line: int, rows: RowTable, is_on: Any) -> None:
        """Forget entries of alerts that have moved, where there are too many."""
        alerts = self._alerts.get(line, 0)
        for heaps, column, sign in ((self._up, "wake_up", 1), (self._down, "wake_down", -1)):
            heap = heaps.get(line)
            if heap is None or len(heap) <= 2 * alerts + _SWEPT_BELOW:
                continue
            kept = {e for e in heap if is_on(e & _ROW_MASK, line) and _level(e, sign) == rows[column][e & _ROW_MASK]}
            heaps[line] = sorted(kept)
        self._refresh(line)

    def _refresh(self, line: int) -> None:
        up, down = self._up.get(line), self._down.get(line)
        self.nearest_up[line] = up[0] >> ROW_BITS if up else HIGHEST
        self.nearest_down[line] = HIGHEST - (down[0] >> ROW_BITS) if down else NO_LEVEL


def _level(entry: int, sign: int) -> int:
    return entry >> ROW_BITS if sign > 0 else HIGHEST - (entry >> ROW_BITS)


def _taken(heap: list[int] | None, level: int) -> Sequence[int]:
    found = []
    while heap and heap[0] >> ROW_BITS <= level:
        found.append(heapq.heappop(heap) & _ROW_MASK)
    return found


def _heaps(lines: Int64Array, levels: Int64Array, wanted: npt.NDArray[np.bool_]) -> dict[int, list[int]]:
    """Sorted lists, which are heaps."""
    rows = np.flatnonzero(wanted)
    order = np.lexsort((rows, levels[rows], lines[rows]))
    rows = rows[order]
    entries = (levels[rows] << ROW_BITS | rows).tolist()
    numbers, starts = np.unique(lines[rows], return_index=True)
    bounds = pairwise([*starts.tolist(), len(entries)])
    return {line: entries[start:end] for line, (start, end) in zip(numbers.tolist(), bounds, strict=True)}
