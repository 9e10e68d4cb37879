"""The seeded days against what the exchanges did."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from engine_server.calendar.domain.calendar import Calendar
from engine_server.calendar.domain.days import SEGMENTS, Phase, SegmentDay, clock_text
from engine_server.calendar.domain.edits import checked_phases
from engine_server.calendar.domain.seed import seeded_days

DAYS = tuple(seeded_days())
CALENDAR = Calendar().with_days(DAYS)


def hours(segment: str, day: str, instrument_class: str = "") -> str:
    found = CALENDAR.day(segment, date.fromisoformat(day), instrument_class)
    return " ".join(
        f"{clock_text(span.start_minute)}-{clock_text(span.end_minute)}"
        for span in found.spans
        if span.phase is Phase.CONTINUOUS
    )


def test_every_day_of_seven_years_is_there_for_every_segment() -> None:
    general = Counter(d.segment for d in DAYS if not d.instrument_class)
    assert general == dict.fromkeys(SEGMENTS, 2556)
    assert {d.segment for d in DAYS if d.instrument_class == "CAS"} == {"NSE_CM", "BSE_CM"}
    assert min(d.day for d in DAYS if d.instrument_class == "CAS") == date(2026, 8, 3)


# Trading days of a year on NSE, special sessions included: the exchange's own counts.
@pytest.mark.parametrize(("year", "trading_days"), [(2021, 248), (2022, 248), (2023, 246), (2024, 249), (2025, 249)])
def test_a_year_has_as_many_trading_days_as_the_exchange_counted(year: int, trading_days: int) -> None:
    days = [d for d in DAYS if d.segment == "NSE_CM" and not d.instrument_class and d.day.year == year]
    assert sum(d.is_trading_day for d in days) == trading_days


@pytest.mark.parametrize(
    ("segment", "day", "expected"),
    [
        ("NSE_CM", "2021-06-08", "09:15-15:30"),
        ("NSE_FO", "2026-07-31", "09:15-15:30"),
        ("NSE_FO", "2026-08-03", "09:15-15:40"),
        ("BSE_FO", "2026-08-03", "09:15-15:40"),
        ("CDS", "2025-06-10", "09:00-17:00"),
        ("CDS", "2025-02-19", ""),
        ("NSE_CM", "2025-02-19", "09:15-15:30"),
        ("MCX", "2025-06-10", "09:00-23:30"),
        ("MCX", "2025-01-10", "09:00-23:55"),
        ("MCX", "2025-03-10", "09:00-23:30"),
        ("MCX", "2025-11-03", "09:00-23:55"),
        ("MCX", "2025-05-01", "17:00-23:30"),
        ("MCX", "2025-01-01", "09:00-17:00"),
        ("MCX", "2025-04-18", ""),
        ("NSE_CM", "2025-05-01", ""),
        ("NSE_CM", "2025-05-03", ""),
        ("NSE_CM", "2025-10-21", "13:45-14:45"),
        ("MCX", "2024-11-01", "18:00-19:00"),
        ("NSE_CM", "2023-11-12", "18:15-19:15"),
        ("NSE_CM", "2024-01-20", "09:15-15:30"),
        ("NSE_FO", "2024-05-18", "09:15-10:00 11:45-12:40"),
        ("CDS", "2024-05-18", ""),
        ("NSE_CM", "2025-02-01", "09:15-15:30"),
        ("BSE_CM", "2026-02-01", "09:15-15:30"),
        ("MCX", "2026-02-01", "09:00-17:00"),
        ("CDS", "2026-02-01", ""),
    ],
)
def test_days_that_are_known_to_have_been_so(segment: str, day: str, expected: str) -> None:
    assert hours(segment, day) == expected


def test_an_hour_of_muhurat_has_its_auction_before_and_its_closing_session_after() -> None:
    day = CALENDAR.day("NSE_CM", date(2024, 11, 1))
    assert [span.as_texts() for span in day.spans] == [
        ["PRE_OPEN", "17:45", "18:00"],
        ["CONTINUOUS", "18:00", "19:00"],
        ["POST_CLOSE", "19:10", "19:20"],
    ]
    muhurat_of_2026 = date(2026, 11, 8)
    assert CALENDAR.day("NSE_CM", muhurat_of_2026, "CAS").spans == CALENDAR.day("NSE_CM", muhurat_of_2026).spans


def test_the_closing_auction_splits_the_days_of_its_class_only() -> None:
    assert hours("NSE_CM", "2026-08-03", "CAS") == "09:15-15:15"
    assert hours("NSE_CM", "2026-07-31", "CAS") == "09:15-15:30"
    assert CALENDAR.day("NSE_CM", date(2026, 12, 25), "CAS").spans == ()


@pytest.mark.parametrize("segment", SEGMENTS)
def test_every_seeded_day_is_one_that_a_person_could_have_written(segment: str) -> None:
    def written(day: SegmentDay) -> tuple[tuple[str, str, str], ...]:
        return tuple((p, start, end) for p, start, end in (span.as_texts() for span in day.spans))

    for shape in {written(day) for day in DAYS if day.segment == segment}:
        assert tuple(tuple(span.as_texts()) for span in checked_phases(shape)) == shape


def test_a_closed_day_says_why() -> None:
    assert CALENDAR.day("NSE_CM", date(2026, 12, 25)).note == "Christmas"
    assert CALENDAR.day("NSE_CM", date(2026, 12, 26)).note == "Weekend"
    assert not [d for d in DAYS if not d.spans and not d.note]
