"""Alerts that are measured from the previous close: whom another close concerns, and which close they all expect."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from notifier.alerts.domain.vocabulary import HIGHEST, NO_LEVEL
from notifier.alerts.levels import Levels


class CloseFollowers:
    """Rows by slot. Any other close than the expected one wakes the line of closes of its slot."""

    def __init__(self, levels: Levels, lines_per_slot: int, line: int) -> None:
        """`line` is that of closes among the lines of a slot."""
        self._levels = levels
        self._lines_per_slot = lines_per_slot
        self._line = line
        self._rows: dict[int, set[int]] = defaultdict(set)

    def of(self, slot: int) -> Collection[int]:
        """Those that follow the close of this one."""
        return self._rows[slot]

    def expect(self, slot: int, close: int) -> None:
        """Any other close than this wakes the followers."""
        line = slot * self._lines_per_slot + self._line
        self._levels.nearest_up[line], self._levels.nearest_down[line] = close + 1, close - 1

    def add(self, slot: int, row: int, mark: int) -> None:
        """One that has seen the close `mark`."""
        line = slot * self._lines_per_slot + self._line
        if not self._rows[slot]:
            self.expect(slot, mark)
        elif self._levels.nearest_up[line] != mark + 1:
            self._levels.nearest_up[line] = 0  # they do not agree: the next tick tells
        self._rows[slot].add(row)

    def drop(self, slot: int, row: int) -> None:
        """It follows no more."""
        self._rows[slot].discard(row)
        if not self._rows[slot]:
            line = slot * self._lines_per_slot + self._line
            self._levels.nearest_up[line], self._levels.nearest_down[line] = HIGHEST, NO_LEVEL
