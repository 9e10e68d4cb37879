"""Whether a provider may be asked now: a circuit breaker and a budget. Pure but for what they remember; the caller brings the time."""

from __future__ import annotations

from typing import Final

THRESHOLD: Final = 5
_COOL_DOWN_SECONDS: Final = 5.0
_LONGEST_SECONDS: Final = 120.0


class Breaker:
    """Opens after five failures in a row; after a pause that doubles each time one message is let through to try."""

    def __init__(self) -> None:
        self._failures = 0
        self._openings = 0
        self._closed_until = 0.0  # nobody passes before
        self._probing = False

    def wait(self, now: float) -> float:
        """Seconds until somebody may pass; 0 is now."""
        if now < self._closed_until:
            return self._closed_until - now
        return _COOL_DOWN_SECONDS if self._probing else 0.0

    def enter(self, now: float) -> None:
        """Somebody passes: while it is half-open, nobody else until that one is back."""
        self._probing = self._openings > 0

    def succeeded(self) -> None:
        """The provider lives."""
        self._failures = self._openings = 0
        self._probing = False
        self._closed_until = 0.0

    def failed(self, now: float) -> None:
        """It did not do its work."""
        self._failures += 1
        if self._probing or (self._failures >= THRESHOLD and now >= self._closed_until):
            pause = min(_LONGEST_SECONDS, _COOL_DOWN_SECONDS * 2.0**self._openings)
            self._openings += 1
            self._closed_until = now + pause
        self._probing = False

    def pause(self, now: float, seconds: float) -> None:
        """It asked for quiet."""
        self._probing = False
        self._closed_until = max(self._closed_until, now + seconds)


class Budget:
    """At most `per_second` messages on average, `burst` at once; 0 is no limit."""

    def __init__(self, per_second: float, burst: float | None = None) -> None:
        self._per_second = per_second
        self._burst = max(1.0, burst if burst is not None else per_second)
        self._tokens = self._burst
        self._at = 0.0

    def wait(self, now: float) -> float:
        """Seconds until one more may go; 0 is now."""
        if self._per_second <= 0:
            return 0.0
        self._fill(now)
        return 0.0 if self._tokens >= 1 else (1 - self._tokens) / self._per_second

    def take(self, now: float) -> None:
        """One goes."""
        if self._per_second > 0:
            self._fill(now)
            self._tokens -= 1

    def _fill(self, now: float) -> None:
        if self._at:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second)
        self._at = now
