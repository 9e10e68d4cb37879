"""One state of the calendar: every question about phases is answered from it, without a store and without a clock.

Times that are asked about are market times, aware; times that are answered are aware, in India's zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from engine_server.calendar.domain.days import GENERAL, SEGMENTS, Interval, Phase, PhaseSpan, SegmentDay, moment
from tradewinds.clock import ist

DayKey = tuple[str, date, str]
_FAR_DAYS: Final = 30  # a longer pause than any holiday


class PhaseChange(NamedTuple):
    """`phase` begins at `at`."""

    phase: Phase
    at: datetime


class Calendar:
    """Immutable; a newer state is another one. `version` is the highest that it holds, 0 when it is empty."""

    def __init__(self, days: Mapping[DayKey, SegmentDay] | None = None) -> None:
        self._days: Mapping[DayKey, SegmentDay] = days or {}
        self.version = max((day.version for day in self._days.values()), default=0)

    def with_days(self, days: Iterable[SegmentDay]) -> Calendar:
        """This one with these on top, where they are newer."""
        merged = dict(self._days)
        for day in days:
            key = (day.segment, day.day, day.instrument_class)
            if key not in merged or merged[key].version <= day.version:
                merged[key] = day
        return Calendar(merged)

    def day(self, segment: str, day: date, instrument_class: str = GENERAL) -> SegmentDay:
        """The day in force for the class; the segment in general where the class has no day of its own; else an unknown one."""
        found = self._days.get((segment, day, instrument_class)) or self._days.get((segment, day, GENERAL))
        return found or SegmentDay(segment, day, instrument_class, known=False)

    def days(self, first: date, last: date, segment: str = "") -> list[SegmentDay]:
        """Every day from `first` to `last` as it is written, by day, segment and class; all segments when none is named."""
        chosen = [d for d in self._days.values() if first <= d.day <= last and segment in ("", d.segment)]
        return sorted(chosen, key=lambda d: (d.day, d.segment, d.instrument_class))

    def phase_at(self, segment: str, instrument_class: str, market_time: datetime) -> Phase:
        """The phase of an instant; UNKNOWN on a day that the calendar does not have."""
        local = ist(market_time)
        return self.day(segment, local.date(), instrument_class).phase_at_minute(local.hour * 60 + local.minute)

    def next_phase(self, segment: str, instrument_class: str, market_time: datetime) -> PhaseChange | None:
        """The next change of phase after an instant: CLOSED where nothing follows at once. None when the calendar does not say."""
        local = ist(market_time)
        for offset in range(_FAR_DAYS):
            day = self.day(segment, local.date() + timedelta(days=offset), instrument_class)
            if not day.known:
                return None
            for change in _changes(day):
                if change.at > local:
                    return change
        return None

    def is_trading_day(self, segment: str, day: date) -> bool:
        """Whether the segment is known to trade on a day."""
        return self.day(segment, day).is_trading_day

    def may_trade(self, day: date) -> bool:
        """False only where every segment is known not to trade on a day; an unknown day may."""
        days = (self.day(segment, day) for segment in SEGMENTS)
        return any(d.is_trading_day or not d.known for d in days)

    def intervals(
        self, segment: str, instrument_class: str, day: date, phases: Sequence[Phase] = (Phase.CONTINUOUS,)
    ) -> tuple[Interval, ...]:
        """The stretches of a day that are in one of `phases`, in order; empty on a day off, and on an unknown one."""
        return self.day(segment, day, instrument_class).intervals(phases)

    def session_bounds(self, segment: str, instrument_class: str, day: date) -> Interval | None:
        """From the first phase's start to the last one's end; None when there is none."""
        spans = self.day(segment, day, instrument_class).spans
        return Interval(moment(day, spans[0].start_minute), moment(day, spans[-1].end_minute)) if spans else None

    def minutes_to_close(self, segment: str, instrument_class: str, market_time: datetime) -> float | None:
        """Minutes until the day's continuous trading has ended for good: 0 after it; None on a day without, or unknown."""
        continuous = self.intervals(segment, instrument_class, ist(market_time).date())
        if not continuous:
            return None
        return max(0.0, (continuous[-1].end - market_time).total_seconds() / 60)


def _changes(day: SegmentDay) -> Iterable[PhaseChange]:
    for number, span in enumerate(day.spans):
        yield PhaseChange(span.phase, moment(day.day, span.start_minute))
        if not _goes_on(day.spans, number):
            yield PhaseChange(Phase.CLOSED, moment(day.day, span.end_minute))


def _goes_on(spans: Sequence[PhaseSpan], number: int) -> bool:
    return number + 1 < len(spans) and spans[number + 1].start_minute == spans[number].end_minute
