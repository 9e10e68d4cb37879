"""A span of history in the pieces that the broker answers at once (protocol §3.11). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final

from tradewinds.clock import IST, ist

_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class Interval:
    """The broker's name of an interval, and the longest span it gives of it in one answer."""

    name: str
    maximum_days: int


INTERVALS: Final = {
    "1m": Interval("ONE_MINUTE", 30),
    "3m": Interval("THREE_MINUTE", 60),
    "5m": Interval("FIVE_MINUTE", 100),
    "15m": Interval("FIFTEEN_MINUTE", 200),
    "30m": Interval("THIRTY_MINUTE", 200),
    "60m": Interval("ONE_HOUR", 400),
    "1d": Interval("ONE_DAY", 2000),
}


@dataclass(frozen=True)
class Window:
    """From one minute to another, both included."""

    start: datetime
    end: datetime

    def parameters(self) -> dict[str, str]:
        """As the broker wants to read it: minutes of the clock in India."""
        return {"fromdate": f"{ist(self.start):%Y-%m-%d %H:%M}", "todate": f"{ist(self.end):%Y-%m-%d %H:%M}"}


def interval_of(name: str) -> Interval:
    """Raises `ValueError` for an interval that the broker does not have."""
    if name not in INTERVALS:
        raise ValueError(f"interval: {name!r} is not one of {', '.join(INTERVALS)}")
    return INTERVALS[name]


def windows(interval: str, start: datetime, end: datetime) -> Iterator[Window]:
    """Oldest first, without gap or overlap. A day's candle is stamped with its midnight: a span of days begins there.
    Raises `ValueError` for a span that ends before it begins.
    """
    if end < start:
        raise ValueError(f"end: {end.isoformat()} is before start {start.isoformat()}")
    longest = timedelta(days=interval_of(interval).maximum_days)
    first = _midnight(start) if interval == "1d" else start.replace(second=0, microsecond=0)
    last = end.replace(second=0, microsecond=0)
    while first <= last:
        until = min(last, first + longest - _MINUTE)
        yield Window(first, until)
        first = until + _MINUTE


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(ist(moment).date(), time(), IST).astimezone(UTC)
