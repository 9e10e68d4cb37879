"""When an engine may call a runner lost: only after it could itself have renewed its lease all along.

An engine that has just started, whose database was away or whose loop stood still has missed heartbeats through its own
fault: it waits for one whole TTL + grace from then on. So a short fault of ours stops nobody's strategy.
"""

from __future__ import annotations

from tradewinds.config import LeaseSettings


class Patience:
    """Counts from the engine's last own fault, on the monotonic clock."""

    def __init__(self, leases: LeaseSettings, monotonic: float) -> None:
        self._wait_seconds = leases.ttl_seconds + leases.grace_seconds
        self._longest_gap_seconds = leases.grace_seconds
        self._since = monotonic
        self._last_beat = monotonic

    def beat(self, monotonic: float) -> None:
        """The engine's own pulse, several times a grace; a gap in it means that the process stood still."""
        if monotonic - self._last_beat > self._longest_gap_seconds:
            self._since = monotonic
        self._last_beat = monotonic

    def fault(self, monotonic: float) -> None:
        """The database did not take what the engine wrote."""
        self._since = monotonic

    def may_declare_lost(self, monotonic: float) -> bool:
        """Whether a whole TTL + grace has passed without a fault of our own."""
        return monotonic - self._since >= self._wait_seconds
