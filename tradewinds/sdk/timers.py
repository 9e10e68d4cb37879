"""Timers in market time: `every("5m")` fires at 09:15, 09:20, …, `at("09:20")` once a day, at whatever rate the market's clock runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
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
_DAY_MS: Final = 24 * 3_600_000
_MADE_UP_MS: Final = (
    15 * 60_000
)  # a crash is over by then; what somebody starts hours later must not act as if it were morning
_TIME_OF_DAY = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


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


def time_of_day_ms(text: str) -> int:
    """Milliseconds after midnight of `"09:20"` or `"15:10:30"`; raises `ValueError`."""
    match = _TIME_OF_DAY.fullmatch(text.strip())
    parts = [int(part or 0) for part in match.groups()] if match is not None else []
    if not parts or parts[0] > 23 or parts[1] > 59 or parts[2] > 59:
        raise ValueError(f'at({text!r}): write a time of the day in India, such as "09:20" or "15:10:30"')
    return (parts[0] * 3_600 + parts[1] * 60 + parts[2]) * 1_000


def at(time_of_day: str) -> Callable[[_CallableT], _CallableT]:
    """Decorate a method of a strategy: call it once a day at a market time, such as "09:20"."""
    time_of_day_ms(time_of_day)  # refused here, where it is written

    def mark(method: _CallableT) -> _CallableT:
        method.__at__ = time_of_day  # type: ignore[attr-defined]
        return method

    return mark


@dataclass(eq=False, slots=True)
class Timer:
    """A repeating timer; `cancel` ends it. It fires each `interval_ms` of the day, `offset_ms` after."""

    interval_ms: int
    callback: Callback
    due_ms: int
    offset_ms: int = 0
    is_cancelled: bool = False

    def cancel(self) -> None:
        """Do not fire again."""
        self.is_cancelled = True


class Timers:
    """The timers of one strategy."""

    def __init__(self, daily_due: Mapping[str, int] | None = None) -> None:
        self._timers: list[Timer] = []
        self._daily: dict[str, Timer] = {}
        self._saved_due = dict(daily_due or {})

    def add(self, interval: Interval, callback: Callback, now_ms: int) -> Timer:
        """Fire at each whole interval of the day after `now_ms`."""
        return self._add(Timer(interval_ms(interval), callback, 0), now_ms)

    def add_daily(self, time_of_day: str, callback: Callback, now_ms: int) -> Timer:
        """Fire at a time of each day, after `now_ms`; at once if an earlier process waited for it and has just not lived to see it."""
        timer = self._add(Timer(_DAY_MS, callback, 0, time_of_day_ms(time_of_day)), now_ms)
        name = f"{time_of_day} {getattr(callback, '__name__', 'callback')}"
        saved_due = self._saved_due.get(name, timer.due_ms)
        if now_ms - _MADE_UP_MS <= saved_due <= now_ms:
            timer.due_ms = saved_due
        self._daily[name] = timer
        return timer

    def daily_due(self) -> dict[str, int]:
        """When each daily timer fires next, by name: for the checkpoint."""
        return {name: timer.due_ms for name, timer in self._daily.items() if not timer.is_cancelled}

    def _add(self, timer: Timer, now_ms: int) -> Timer:
        timer.due_ms = _next_due(timer, now_ms)
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
                timer.due_ms = _next_due(timer, now_ms)
        return min((timer.due_ms for timer in self._timers), default=None)

    def take_due(self, now_ms: int) -> list[Timer]:
        """Those that are due, earliest first, each once however many intervals have passed."""
        due = sorted((t for t in self._timers if not t.is_cancelled and t.due_ms <= now_ms), key=lambda t: t.due_ms)
        for timer in due:
            timer.due_ms = _next_due(timer, now_ms)
        return due


def _next_due(timer: Timer, now_ms: int) -> int:
    """The first moment after `now_ms` that is the offset and a whole number of steps after midnight in India."""
    step = timer.interval_ms
    return now_ms - (now_ms + _IST_OFFSET_MS - timer.offset_ms) % step + step


def add_decorated(timers: Timers, strategy: object, now_ms: int) -> None:
    """Start the timers of the methods that `every` and `at` marked."""
    for name in dir(type(strategy)):
        method = getattr(type(strategy), name, None)
        if (interval := getattr(method, "__every_ms__", None)) is not None:
            timers.add(interval / 1000, getattr(strategy, name), now_ms)
        if (time_of_day := getattr(method, "__at__", None)) is not None:
            timers.add_daily(time_of_day, getattr(strategy, name), now_ms)
