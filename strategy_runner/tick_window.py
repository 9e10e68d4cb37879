"""Prices on their way to one process: two frames unanswered at most; what waits beyond that shrinks to the latest of each."""

from __future__ import annotations

from typing import Final

from strategy_runner.tick_rows import TickRow

_MAX_UNANSWERED: Final = 2
_MAX_WAITING: Final = 256


class TickWindow:
    """Bounded whatever the strategy does: a slow one sees the latest price of each instrument, not every one."""

    def __init__(self) -> None:
        self._waiting: list[TickRow] = []
        self._limit = _MAX_WAITING
        self._unanswered = 0
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
        """What may be sent now, in one frame; empty while two frames are unanswered."""
        if not self._waiting or self._unanswered >= _MAX_UNANSWERED:
            return []
        rows, self._waiting = self._waiting, []
        self._unanswered += 1
        return rows

    def answered(self) -> None:
        """The process has handled a frame."""
        self._unanswered -= 1
