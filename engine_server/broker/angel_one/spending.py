"""What of one rate has been used, in strict rolling windows. Times are monotonic seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from engine_server.broker.angel_one.rates import Rate

# What counts is when requests arrive at the broker, and the network bunches them: every window is a little longer than
# the broker's own.
_MARGIN_SECONDS = 0.05
_MARGIN_SHARE = 0.005

_FIRST_BACKOFF_SECONDS = 0.5
_LAST_BACKOFF_SECONDS = 32.0
_JITTER = 0.25


class Spending:
    """The use of one rate, and the pause after the broker has said that it was too much."""

    def __init__(self, name: str, rate: Rate, jitter: Callable[[float, float], float]) -> None:
        self.name = name
        self._windows = tuple((s + max(_MARGIN_SECONDS, s * _MARGIN_SHARE), limit) for s, limit in rate.windows)
        self._rate = rate
        self._times: deque[float] = deque(maxlen=max(limit for _, limit in rate.windows))
        self._jitter = jitter
        self._refusals = 0
        self._paused_until = 0.0

    def free_at(self, now: float) -> float:
        """When the next request may go: `now`, or later."""
        times, free = self._times, max(now, self._paused_until)
        for seconds, limit in self._windows:
            if len(times) >= limit:
                free = max(free, times[-limit] + seconds)
        return free

    def add(self, now: float) -> None:
        """One request goes."""
        self._times.append(now)

    def count_in(self, times: Iterable[float], now: float) -> None:
        """Requests of others, or of this process before it forgot: in place of its own where those are fewer (all of ours are on
        record, so that both are never the sum)."""
        since = now - self._windows[-1][0]
        known = sorted(at for at in times if at > since)
        if len(known) > sum(at > since for at in self._times):
            self._times.clear()
            self._times.extend(known)

    def refused(self, now: float) -> None:
        """The broker says that it was too fast: pause 0.5, 1, 2 … s and a random quarter more, all of it."""
        if now < self._paused_until:
            return  # requests that were on their way together are one refusal
        pause = min(_LAST_BACKOFF_SECONDS, _FIRST_BACKOFF_SECONDS * 2**self._refusals)
        self._refusals += 1
        self._paused_until = now + pause * self._jitter(1.0, 1.0 + _JITTER)

    def answered(self, now: float) -> None:
        """A request was let through; what was sent before the pause says nothing about it."""
        if now >= self._paused_until:
            self._refusals = 0

    def left(self, now: float) -> list[tuple[float, int, int]]:
        """(window in seconds, limit, how many may still go in it) of each window."""
        return [
            (nominal, limit, max(0, limit - sum(at > now - seconds for at in self._times)))
            for (seconds, limit), (nominal, _) in zip(self._windows, self._rate.windows, strict=True)
        ]

    def paused_seconds(self, now: float) -> float:
        """How long the pause still lasts; 0 without one."""
        return max(0.0, self._paused_until - now)
