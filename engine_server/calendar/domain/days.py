"""A segment's day: its phases, in minutes of the Indian day, and what of it is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from tradewinds.clock import IST

# As the column `segment` knows them; an exchange that is not among them (NCDEX) has no calendar: its days are unknown.
SEGMENTS: Final = ("NSE_CM", "NSE_FO", "BSE_CM", "BSE_FO", "MCX", "CDS")
GENERAL, CLOSING_AUCTION_CLASS = "", "CAS"
INSTRUMENT_CLASSES: Final = (GENERAL, CLOSING_AUCTION_CLASS)
END_OF_DAY: Final = 24 * 60


class Phase(StrEnum):
    """What a segment does at an instant. The last two are answers: no row of the calendar has them."""

    PRE_OPEN = "PRE_OPEN"
    CONTINUOUS = "CONTINUOUS"
    CLOSING_AUCTION = "CLOSING_AUCTION"
    POST_CLOSE = "POST_CLOSE"
    CLOSED = "CLOSED"  # between phases, before and after them, and on days off
    UNKNOWN = "UNKNOWN"  # the calendar does not have the day: nobody may act as if it were open


WRITABLE: Final = (Phase.PRE_OPEN, Phase.CONTINUOUS, Phase.CLOSING_AUCTION, Phase.POST_CLOSE)


class PhaseSpan(NamedTuple):
    """One phase, from its first minute (inclusive) to its last (exclusive) of the Indian day."""

    phase: Phase
    start_minute: int
    end_minute: int

    def as_texts(self) -> list[str]:
        """As it is stored and shown: phase, HH:MM, HH:MM (24:00 is midnight)."""
        return [self.phase.value, clock_text(self.start_minute), clock_text(self.end_minute)]


class Interval(NamedTuple):
    """A stretch of market time, aware, `start` inclusive, `end` exclusive."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class SegmentDay:
    """What a segment does on a day, for an instrument class (`""` is the segment in general). No spans: closed, if `known`."""

    segment: str
    day: date
    instrument_class: str = GENERAL
    spans: tuple[PhaseSpan, ...] = ()
    note: str = ""
    version: int = 0
    known: bool = True
    author: str = ""

    @property
    def is_trading_day(self) -> bool:
        """Whether there is continuous trading on it, as far as is known."""
        return any(span.phase is Phase.CONTINUOUS for span in self.spans)

    def phase_at_minute(self, minute: int) -> Phase:
        """The phase of a minute of this day."""
        if not self.known:
            return Phase.UNKNOWN
        return next((s.phase for s in self.spans if s.start_minute <= minute < s.end_minute), Phase.CLOSED)

    def intervals(self, phases: Sequence[Phase] = (Phase.CONTINUOUS,)) -> tuple[Interval, ...]:
        """When the day is in one of `phases`, in order; spans that touch are one."""
        found: list[Interval] = []
        for span in self.spans:
            if span.phase not in phases:
                continue
            start, end = moment(self.day, span.start_minute), moment(self.day, span.end_minute)
            if found and found[-1].end == start:
                found[-1] = Interval(found[-1].start, end)
            else:
                found.append(Interval(start, end))
        return tuple(found)


def moment(day: date, minute: int) -> datetime:
    """The instant of a minute of the Indian day; minute 1440 is the midnight that ends it."""
    return _midnight(day) + timedelta(minutes=minute)


@lru_cache(4096)
def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=IST)


def clock_text(minute: int) -> str:
    """HH:MM; 24:00 for the midnight that ends the day."""
    return f"{minute // 60:02}:{minute % 60:02}"


def clock_minute(text: str) -> int:
    """The minute of `HH:MM`, 00:00 to 24:00; raises ValueError for anything else."""
    hours, colon, minutes = text.partition(":")
    if not (colon and len(hours) == len(minutes) == 2 and (hours + minutes).isascii() and (hours + minutes).isdigit()):
        raise ValueError(f"{text!r} is not HH:MM")
    minute = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or minute > END_OF_DAY:
        raise ValueError(f"{text!r} is no time of a day (00:00 to 24:00)")
    return minute
