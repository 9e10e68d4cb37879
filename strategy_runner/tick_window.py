"""Prices on their way to one process: so many unanswered at most; what waits beyond that shrinks to the latest of each.

An answer costs both processes a wake-up. So a frame asks for one only when it ends a group: four frames, or some dozens of prices.
"""

from __future__ import annotations

from typing import Final

from strategy_runner.tick_rows import TickRow

_MAX_UNANSWERED: Final = 2  # groups
_GROUP_FRAMES: Final = 4
_GROUP_ROWS: Final = 32
_MAX_WAITING: Final = 256


class TickWindow:
    """Bounded whatever the strategy does: a slow one sees the latest price of each instrument, not every one."""

    def __init__(self) -> None:
        self._waiting: list[TickRow] = []
        self._limit = _MAX_WAITING
        self._unanswered = 0
        self._frames = self._rows = 0  # of the group that has not ended
        self.coalesced = 0

    def offer(self, row: TickRow) -> None:
        """A price that is to be told."""
        self._waiting.append(row)
        if len(self._waiting) > self._limit:
            latest = {row[0]: row for row in self._waiting}
            self.coalesced += len(self._waiting) - len(latest)
            self._waiting = list(latest.values())
            # With very many instruments the latest of each is more than the usual bound.
            self._limit = max(_MAX_WAITING, 2 * len(latest))

    def take(self) -> list[TickRow]:
        """What may be sent now, in one frame; empty while two groups are unanswered."""
        if not self._waiting or self._unanswered >= _MAX_UNANSWERED:
            return []
        rows, self._waiting = self._waiting, []
        self._frames, self._rows = self._frames + 1, self._rows + len(rows)
        return rows

    def ends_group(self) -> bool:
        """Whether the frame that was just taken is to be answered, with all before it."""
        if self._frames < _GROUP_FRAMES and self._rows < _GROUP_ROWS:
            return False
        self._frames = self._rows = 0
        self._unanswered += 1
        return True

    def answered(self) -> None:
        """The process has handled a group."""
        self._unanswered -= 1
