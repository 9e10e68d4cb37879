"""What becomes of an UNKNOWN order that neither stream nor books have shown.

Absence proves nothing quickly: the broker's book normally shows an order within 1-2 s, outliers of 12-13 s are known
(protocol §8 no. 20). Only after both bounds, in clean reads begun after the send had ended, is it called NOT_PLACED.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class ResolutionBounds:
    """How long, and how many clean order-book reads without it."""

    minimum_seconds: float = 30.0
    minimum_reads: int = 5
    tell_seconds: float = 35.0  # after so long without a verdict somebody is told


@dataclass(frozen=True)
class Unresolved:
    """An order whose fate is unknown. `send_ended_at` is monotonic time: nothing of it can leave any more after that."""

    send_ended_at: float
    clean_reads: int = 0
    is_told: bool = False

    def after_read(self, begun_at: float) -> Unresolved:
        """Count one clean read that did not show it; one begun before the send ended says nothing."""
        return replace(self, clean_reads=self.clean_reads + 1) if begun_at >= self.send_ended_at else self

    def is_overdue(self, now: float, bounds: ResolutionBounds) -> bool:
        """Whether somebody must be told now that nobody knows."""
        return not self.is_told and now - self.send_ended_at >= bounds.tell_seconds

    def is_not_placed(self, now: float, bounds: ResolutionBounds) -> bool:
        """Whether it is proven never to have reached the broker."""
        waited = now - self.send_ended_at
        return waited >= bounds.minimum_seconds and self.clean_reads >= bounds.minimum_reads


@dataclass(frozen=True)
class UnknownBefore:
    """What an earlier owner's time on it counts for. Its reads do not: each owner looks for itself."""

    seconds: float = 0.0
    is_told: bool = False

    def as_of(self, now: float) -> Unresolved:
        """The same on the clock of this process."""
        return Unresolved(now - self.seconds, is_told=self.is_told)
