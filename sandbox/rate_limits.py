"""The broker's access rates: rolling windows of real time, counted per client code (smartapi_protocol 7.1).

A request that is refused does not count; what the broker does about that is not known.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

_WINDOWS = (("second", 1.0), ("minute", 60.0), ("hour", 3600.0))


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in any second, minute and hour; None where the broker names no number."""

    per_second: int
    per_minute: int | None = None
    per_hour: int | None = None

    def windows(self, multiplier: float) -> Iterator[tuple[str, float, int]]:
        """(name, seconds, limit) of each window."""
        for (name, seconds), limit in zip(_WINDOWS, (self.per_second, self.per_minute, self.per_hour), strict=True):
            if limit is not None:
                yield name, seconds, max(1, int(limit * multiplier))


@dataclass(frozen=True, slots=True)
class Budget:
    """A rate that one route has for itself, or several have together."""

    name: str
    rate: Rate


class _Spent:
    """What one client has used of one budget."""

    def __init__(self, budget: Budget, multiplier: float) -> None:
        self._windows = tuple(budget.rate.windows(multiplier))
        self._times: deque[float] = deque(maxlen=max(limit for _, _, limit in self._windows))

    def is_used_up(self, now: float) -> bool:
        """Whether some window is full: its limit-th last request still lies inside it."""
        times = self._times
        return any(len(times) >= limit and times[-limit] > now - seconds for _, seconds, limit in self._windows)

    def add(self, now: float) -> None:
        self._times.append(now)

    def published(self, now: float) -> dict[str, dict[str, int]]:
        return {
            name: {"used": sum(at > now - seconds for at in self._times), "limit": limit}
            for name, seconds, limit in self._windows
        }


class RateLimiter:
    """Admits or refuses; `multiplier` scales every limit (tests that need more, or sooner)."""

    def __init__(
        self, *, enabled: bool, multiplier: float = 1.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._enabled = enabled
        self._multiplier = multiplier
        self._monotonic = monotonic
        self._spent: dict[tuple[str, str], _Spent] = {}

    def admit(self, client_code: str, budgets: Iterable[Budget]) -> bool:
        """Whether this request may pass. It counts in all budgets, or, refused, in none."""
        if not self._enabled:
            return True
        now = self._monotonic()
        accounts = [self._account(client_code, budget) for budget in budgets]
        if any(account.is_used_up(now) for account in accounts):
            return False
        for account in accounts:
            account.add(now)
        return True

    def published(self) -> dict[str, Any]:
        """What is used of each budget, by client code, as `GET /sandbox/state` shows it."""
        now = self._monotonic()
        used: dict[str, Any] = {}
        for (client_code, name), account in self._spent.items():
            used.setdefault(client_code, {})[name] = account.published(now)
        return {"enabled": self._enabled, "multiplier": self._multiplier, "used": used}

    def _account(self, client_code: str, budget: Budget) -> _Spent:
        key = (client_code, budget.name)
        if key not in self._spent:
            self._spent[key] = _Spent(budget, self._multiplier)
        return self._spent[key]
