"""Timers in market time: `every("5m")` fires at 09:15, 09:20, … of the market's clock, at whatever rate it runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

Interval = str | int | float | timedelta
Callback = Callable[[], Any]
_CallableT = TypeVar("_CallableT", bound=Callable[..., Any])

_INTERVAL = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)")
_UNIT_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_IST_OFFSET_MS: Final = (5 * 60 + 30) * 60_000
_SHORTEST_MS: Final = 100


def interval_ms(interval: Interval) -> int:
    """Milliseconds of `"5s"`, `"5m"`, `"1h"`, a number of seconds or a timedelta; raises `ValueError`."""
    if isinstance(interval, timedelta):
        milliseconds = interval.total_seconds() * 1000
    elif isinstance(interval, str):
        match = _INTERVAL.fullmatch(interval.strip())
        if match is None:
            raise ValueError(f'every({interval!r}): write "5s", "5m", "1h" or a number of seconds')
        milliseconds = float(match[1]) * _UNIT_MS[match[2]]
    else:
        milliseconds = interval * 1000
    if milliseconds < _SHORTEST_MS:
        raise ValueError(f"every({interval!r}): the shortest interval is {_SHORTEST_MS} ms")
    return int(milliseconds)


def every(interval: Interval) -> Callable[[_CallableT], _CallableT]:
    """Decorate a method of a strategy: call it at each whole `interval` of market time, from `on_start` on."""
    milliseconds = interval_ms(interval)

    def mark(method: _CallableT) -> _CallableT:
        method.__every_ms__ = milliseconds  # type: ignore[attr-defined]
        return method

    return mark


@dataclass(eq=False, slots=True)
class Timer:
    """A repeating timer; `cancel` ends it."""

    interval_ms: int
    callback: Callback
    due_ms: int
    is_cancelled: bool = False

    def cancel(self) -> None:
        """Do not fire again."""
        self.is_cancelled = True


class Timers:
    """The timers of one strategy."""

    def __init__(self) -> None:
        self._timers: list[Timer] = []

    def add(self, interval: Interval, callback: Callback, now_ms: int) -> Timer:
        """Fire at each whole interval of the day after `now_ms`."""
        milliseconds = interval_ms(interval)
        timer = Timer(milliseconds, callback, _next_grid(now_ms, milliseconds))
        self._timers.append(timer)
        return timer

    def next_due_ms(self, now_ms: int) -> int | None:
        """When the next one fires (market time); None without timers.

        A clock that went back (a replay that began anew, the first reading of a broker's clock) moves the dates back with it: here,
        where the clock is asked whether anything is due, since nothing is for as long as it went back.
        """
        self._timers = [timer for timer in self._timers if not timer.is_cancelled]
        for timer in self._timers:
            if timer.due_ms - now_ms > timer.interval_ms:
                timer.due_ms = _next_grid(now_ms, timer.interval_ms)
        return min((timer.due_ms for timer in self._timers), default=None)

    def take_due(self, now_ms: int) -> list[Timer]:
        """Those that are due, earliest first, each once however many intervals have passed."""
        due = sorted((t for t in self._timers if not t.is_cancelled and t.due_ms <= now_ms), key=lambda t: t.due_ms)
        for timer in due:
            timer.due_ms = _next_grid(now_ms, timer.interval_ms)
        return due


def _next_grid(now_ms: int, step_ms: int) -> int:
    """The first moment after `now_ms` that is a whole number of steps after midnight in India."""
    return now_ms - (now_ms + _IST_OFFSET_MS) % step_ms + step_ms


def decorated(strategy: object) -> list[tuple[int, Callback]]:
    """The methods that `every` marked, with their intervals."""
    found = []
    for name in dir(type(strategy)):
        milliseconds = getattr(getattr(type(strategy), name, None), "__every_ms__", None)
        if milliseconds is not None:
            found.append((milliseconds, getattr(strategy, name)))
    return found
