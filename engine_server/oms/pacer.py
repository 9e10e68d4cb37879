"""How fast messages may go to the broker: so many in any rolling second (placements, changes and cancels together,
protocol §7.1). What goes first when there is little room is the writer's decision."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True)
class PacerSettings:
    """9 a second is the broker's limit; the window is a little longer than its second, because what counts is when
    messages arrive there, and the network bunches them."""

    limit: int = 9
    window_seconds: float = 1.05
    reserve: int = 2  # of these, kept for exits and cancels

    def __post_init__(self) -> None:
        if self.reserve >= self.limit:
            object.__setattr__(self, "reserve", 0)


class Pacer:
    """Remembers when messages were sent; times are monotonic."""

    def __init__(self, settings: PacerSettings) -> None:
        self._settings = settings
        self._sent: deque[float] = deque(maxlen=settings.limit)

    @property
    def reserve(self) -> int:
        """How many of the permits entries and changes must leave."""
        return self._settings.reserve

    def available(self, now: float) -> int:
        """How many messages may go now."""
        while self._sent and now - self._sent[0] >= self._settings.window_seconds:
            self._sent.popleft()
        return self._settings.limit - len(self._sent)

    def record(self, now: float) -> None:
        """One message goes."""
        self._sent.append(now)

    def next_free_at(self, now: float, reserve: int = 0) -> float:
        """When the next message that leaves `reserve` may go: `now`, or later."""
        short = reserve + 1 - self.available(now)
        return now if short <= 0 else self._sent[short - 1] + self._settings.window_seconds
