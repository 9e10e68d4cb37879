"""When a strategy may run: always, or in phases of the calendar, out of the market before the broker takes it out.

Pure: the calendar's stretches of the day come in, the market's time comes in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from tradewinds.clock import ist
from tradewinds.errors import InvalidArgumentError

ON_CRASH = ("RESUME", "LEAVE_OPEN", "SQUARE_OFF")
_LONGEST_MINUTES = 6 * 60


class Stretch(Protocol):
    """A stretch of a day: `start` up to `end`, aware market times."""

    @property
    def start(self) -> datetime: ...

    @property
    def end(self) -> datetime: ...


@dataclass(frozen=True)
class Schedule:
    """`square_off_minutes` before the broker's cut-off its positions are closed; None leaves them."""

    segment: str
    phases: tuple[str, ...]
    square_off_minutes: int | None = None


@dataclass(frozen=True)
class Day:
    """A segment's day. `running`: the stretches in the schedule's phases; `broker_cut_off`: when the broker begins to square intraday
    positions off, which is before continuous trading ends; None where there is none."""

    is_known: bool
    running: Sequence[Stretch] = ()
    broker_cut_off: datetime | None = None


@dataclass(frozen=True)
class Timing:
    """Whether it may run now, why not, and whether its positions shall be closed."""

    is_on: bool
    because: str = ""
    squares_off: bool = False


def timing(schedule: Schedule, day: Day, market_time: datetime, not_in_because: str) -> Timing:
    """What holds at a market time; `not_in_because` says why the day's scrip master is not in, empty when it is."""
    if not day.is_known:
        return Timing(False, f"the trading calendar does not have today for {schedule.segment}")
    if not day.running:
        return Timing(False, f"{schedule.segment} has none of {', '.join(schedule.phases)} today")
    square_off_at = square_off_time(schedule, day)
    if square_off_at is not None and market_time >= square_off_at:
        return Timing(False, f"its schedule squared it off at {ist(square_off_at):%H:%M} IST", squares_off=True)
    if not any(stretch.start <= market_time < stretch.end for stretch in day.running):
        later = [stretch.start for stretch in day.running if stretch.start > market_time]
        return Timing(
            False,
            f"its schedule starts it at {ist(min(later)):%H:%M} IST" if later else "its schedule is over for today",
        )
    return (
        Timing(False, f"not before the day's scrip master is in: {not_in_because}") if not_in_because else Timing(True)
    )


def square_off_time(schedule: Schedule, day: Day) -> datetime | None:
    """So many minutes before the broker's cut-off; None when it is not asked for."""
    if schedule.square_off_minutes is None or day.broker_cut_off is None:
        return None
    return day.broker_cut_off - timedelta(minutes=schedule.square_off_minutes)


def parse(text: Mapping[str, object], segments: Sequence[str], phases: Sequence[str]) -> Schedule:
    """A schedule as it is stored. Raises `InvalidArgumentError` naming the field."""
    segment, named = text.get("segment"), text.get("phases") or ["CONTINUOUS"]
    if segment not in segments:
        raise InvalidArgumentError.field("schedule.segment", f"{segment!r} is not one of {', '.join(segments)}")
    if not isinstance(named, list) or any(name not in phases for name in named):
        raise InvalidArgumentError.field("schedule.phases", f"{named!r} is not a list of {', '.join(phases)}")
    minutes = text.get("square_off_minutes")
    if minutes is not None and not (isinstance(minutes, int) and 0 <= minutes <= _LONGEST_MINUTES):
        raise InvalidArgumentError.field("schedule.square_off_minutes", f"{minutes!r} is not 0 to {_LONGEST_MINUTES}")
    return Schedule(str(segment), tuple(str(name) for name in named), minutes if isinstance(minutes, int) else None)


def stored(schedule: Schedule) -> dict[str, object]:
    """As `parse` takes it."""
    return {
        "segment": schedule.segment,
        "phases": list(schedule.phases),
        "square_off_minutes": schedule.square_off_minutes,
    }
