"""Quiet hours: silent times of the week in somebody's own zone.

A window is half-open, [start, end), and belongs to the weekday on which it starts; an end that is not after the start is on the next
day. Its two ends are wall-clock times: where a change of the clocks skips one, the instant of the change counts; where one comes
twice, the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

import msgspec

MINUTES_OF_DAY: Final = 24 * 60
_EVERY_DAY: Final = frozenset(range(1, 8))
# Windows that touch each other are one silence; a whole fortnight of it is no silence but an off switch.
_LONGEST: Final = timedelta(days=14)


class Window(msgspec.Struct, frozen=True):
    """Minutes of the local day; `weekdays` are ISO (Monday is 1), empty for every day; `end_minute` may be 1440."""

    start_minute: int
    end_minute: int
    weekdays: frozenset[int] = frozenset()


def quiet_until(windows: Sequence[Window], zone: tzinfo, moment: datetime) -> datetime | None:
    """None when `moment` is not quiet; else the first instant (UTC) after it that is not; of silence without end, the first fortnight."""
    until = moment
    while until - moment < _LONGEST:
        end = max((end for start, end in _around(windows, zone, until) if start <= until < end), default=None)
        if end is None:
            break
        until = end
    return until.astimezone(UTC) if until > moment else None


def ever_ends(windows: Sequence[Window], zone: tzinfo, moment: datetime) -> bool:
    """Whether silence that begins at `moment` ends by itself."""
    until = quiet_until(windows, zone, moment)
    return until is None or until - moment < _LONGEST


def _around(windows: Sequence[Window], zone: tzinfo, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The instants of every window that may cover `moment`."""
    today = moment.astimezone(zone).date()
    for day in (today - timedelta(days=1), today):
        for window in windows:
            if day.isoweekday() in (window.weekdays or _EVERY_DAY):
                yield _interval(window, zone, day)


def _interval(window: Window, zone: tzinfo, day: date) -> tuple[datetime, datetime]:
    over_midnight = window.end_minute <= window.start_minute
    end_minute = window.end_minute + (MINUTES_OF_DAY if over_midnight else 0)
    return instant(zone, day, window.start_minute), instant(zone, day, end_minute)


def instant(zone: tzinfo, day: date, minute: int) -> datetime:
    """When the clocks of `zone` first show (or skip) `minute` of `day`, in UTC; minutes from 1440 on are on the next day."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minute)
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == wall:
        return first
    # Skipped: read with the offsets before and after the change, the same wall time lies on its two sides.
    return _change_between(zone, wall.replace(tzinfo=zone, fold=1).astimezone(UTC), first)


def _change_between(zone: tzinfo, before: datetime, after: datetime) -> datetime:
    """The instant at which the offset changes, to the second, as zones are defined."""
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if middle <= before or middle >= after:
            break
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after
