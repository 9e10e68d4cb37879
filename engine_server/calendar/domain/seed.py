"""The calendar as the exchanges publish it, 2021 to 2027: what the table is seeded with.

Hours: cash 09:00 call auction, 09:15-15:30 continuous, 15:40-16:00 at the closing price; equity derivatives 09:15-15:30; CDS
09:00-17:00; MCX 09:00 to 23:30 while New York has summer time, to 23:55 in its winter. From 3 August 2026 (SEBI's closing
auction, NSE and BSE) shares with derivatives trade continuously to 15:15 and close in an auction 15:15-15:35, derivatives go on
to 15:40 and the post-close session is 15:50-16:00.

Left to the operator, because it holds for some instruments of a segment only: the call auction of futures (since December 2025),
CDS' cross-currency pairs (to 19:30), MCX' agricultural contracts (to 17:00 or 21:00).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from engine_server.calendar.domain.days import (
    CLOSING_AUCTION_CLASS,
    GENERAL,
    SEGMENTS,
    Phase,
    PhaseSpan,
    SegmentDay,
    clock_minute,
)
from engine_server.calendar.domain.special_days import HOLIDAYS, MUHURAT, WEEKEND_SESSIONS

FIRST_DAY, LAST_DAY = date(2021, 1, 1), date(2027, 12, 31)
CLOSING_AUCTION_FROM: Final = date(2026, 8, 3)
_CASH = ("NSE_CM", "BSE_CM")
_EQUITY = ("NSE_CM", "NSE_FO", "BSE_CM", "BSE_FO")
_NEW_YORK: Final = ZoneInfo("America/New_York")
_SATURDAY: Final = 5
_MCX_EVENING: Final = 17 * 60
_Spans = tuple[PhaseSpan, ...]


class _Special(NamedTuple):
    kind: str
    hours: str
    note: str


def seeded_days(first: date = FIRST_DAY, last: date = LAST_DAY) -> Iterator[SegmentDay]:
    """Every segment's every day, closed ones too; the class CAS where it differs."""
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        for segment in SEGMENTS:
            spans, note = _planned(segment, day)
            yield SegmentDay(segment, day, GENERAL, spans, note)
            if segment in _CASH and day >= CLOSING_AUCTION_FROM:
                yield SegmentDay(segment, day, CLOSING_AUCTION_CLASS, _with_closing_auction(spans), note)


def _planned(segment: str, day: date) -> tuple[_Spans, str]:
    if muhurat := _muhurats().get(day):
        return _muhurat(segment, muhurat.hours), muhurat.note
    if session := _weekend_sessions().get((day, _group(segment))):
        return _usual(segment, day) if session.hours == "usual" else _continuous(session.hours), session.note
    if day.weekday() >= _SATURDAY:
        return (), "Weekend"
    holiday = _holidays().get(day)
    if holiday is None:
        return _usual(segment, day), ""
    return _on_holiday(segment, day, holiday.kind), holiday.note


def _on_holiday(segment: str, day: date, kind: str) -> _Spans:
    usual = _usual(segment, day)
    if segment != "MCX":
        closed = kind in ("all", "day") or (kind == "cds" and segment == "CDS")
        return () if closed else usual
    opening, closing = usual[0].start_minute, usual[0].end_minute
    if kind == "day":
        opening = _MCX_EVENING
    elif kind == "evening":
        closing = _MCX_EVENING
    return () if kind == "all" else (PhaseSpan(Phase.CONTINUOUS, opening, closing),)


def _usual(segment: str, day: date) -> _Spans:
    later_hours = day >= CLOSING_AUCTION_FROM
    if segment in _CASH:
        post_close = "15:50-16:00" if later_hours else "15:40-16:00"
        return (
            _span(Phase.PRE_OPEN, "09:00-09:15"),
            _span(Phase.CONTINUOUS, "09:15-15:30"),
            _span(Phase.POST_CLOSE, post_close),
        )
    if segment == "CDS":
        return _continuous("09:00-17:00")
    if segment == "MCX":
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=_NEW_YORK)
        return _continuous("09:00-23:30" if noon.dst() else "09:00-23:55")
    return _continuous("09:15-15:40" if later_hours else "09:15-15:30")


def _with_closing_auction(spans: _Spans) -> _Spans:
    """The same day for shares that close in an auction; a special session has none."""
    usual, auctioned = _span(Phase.CONTINUOUS, "09:15-15:30"), _span(Phase.CONTINUOUS, "09:15-15:15")
    if usual not in spans:
        return spans
    auction = _span(Phase.CLOSING_AUCTION, "15:15-15:35")
    return tuple(found for span in spans for found in ((auctioned, auction) if span == usual else (span,)))


def _muhurat(segment: str, hours: str) -> _Spans:
    trading = _continuous(hours)[0]
    if segment not in _CASH:
        return (trading,)
    start, end = trading.start_minute, trading.end_minute
    before, after = PhaseSpan(Phase.PRE_OPEN, start - 15, start), PhaseSpan(Phase.POST_CLOSE, end + 10, end + 20)
    return before, trading, after


@cache  # sixteen thousand days, some twenty shapes
def _continuous(hours: str) -> _Spans:
    return tuple(_span(Phase.CONTINUOUS, one) for one in hours.split(","))


@cache
def _span(phase: Phase, hours: str) -> PhaseSpan:
    start, _, end = hours.partition("-")
    return PhaseSpan(phase, clock_minute(start), clock_minute(end))


def _group(segment: str) -> str:
    return "equity" if segment in _EQUITY else segment.lower()


@cache
def _holidays() -> Mapping[date, _Special]:
    rows = (line.split(maxsplit=2) for line in HOLIDAYS.split("\n") if line)
    return {date.fromisoformat(day): _Special(kind, "", note) for day, kind, note in rows}


@cache
def _muhurats() -> Mapping[date, _Special]:
    rows = (line.split(maxsplit=2) for line in MUHURAT.split("\n") if line)
    return {date.fromisoformat(day): _Special("", hours, note) for day, hours, note in rows}


@cache
def _weekend_sessions() -> Mapping[tuple[date, str], _Special]:
    rows = (line.split(maxsplit=3) for line in WEEKEND_SESSIONS.split("\n") if line)
    return {(date.fromisoformat(day), group): _Special("", hours, note) for day, group, hours, note in rows}
