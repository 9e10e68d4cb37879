"""When alerts that are closed open again: a heap that holds each (moment, alert) once."""

from __future__ import annotations

import heapq


class Openings:
    """Moments of one clock, in its unit."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int]] = []
        self._known: set[tuple[int, int]] = set()

    def schedule(self, moment: int, number: int) -> None:
        """Look at alert `number` again at `moment`."""
        if (moment, number) not in self._known:
            self._known.add((moment, number))
            heapq.heappush(self._heap, (moment, number))

    def due(self, moment: int) -> list[int]:
        """Take out the alerts whose moment has come."""
        found = []
        while self._heap and self._heap[0][0] <= moment:
            one = heapq.heappop(self._heap)
            self._known.discard(one)
            found.append(one[1])
        return found

    @property
    def next(self) -> int | None:
        """The next moment."""
        return self._heap[0][0] if self._heap else None
