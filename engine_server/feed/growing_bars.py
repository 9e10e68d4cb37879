"""Which growing bars are to be told next: those that have waited longest, so many at a time, for a round must not hold ticks up."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

AT_ONCE: Final = 250  # four rounds a second


class GrowingBars:
    """Slots of instruments whose growing bar has changed since it was told."""

    def __init__(self) -> None:
        self._untold: dict[int, None] = {}

    def changed(self, slots: Iterable[int]) -> None:
        """Those that wait already keep their place."""
        self._untold.update(dict.fromkeys(slots))

    def take(self) -> list[int]:
        """The next ones; they are told now."""
        taken = list(islice(self._untold, AT_ONCE))
        self.forget(taken)
        return taken

    def forget(self, slots: Iterable[int]) -> None:
        """They are told, or there is nothing to tell."""
        for slot in slots:
            self._untold.pop(slot, None)
