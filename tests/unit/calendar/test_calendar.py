"""Phases of a day, and what follows from them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_server.calendar.domain.calendar import Calendar, PhaseChange
from engine_server.calendar.domain.days import Phase, PhaseSpan, SegmentDay, clock_minute, clock_text
from engine_server.calendar.domain.seed import seeded_days
from engine_server.calendar.domain.segments import class_of, segment_of
from tests.unit.feed.instruments import instrument
from tradewinds.clock import IST

SEEDED = Calendar().with_days(seeded_days(date(2026, 7, 30), date(2026, 8, 10)))
MONDAY = date(2026, 8, 3)


def at(text: str, day: date = MONDAY) -> datetime:
    """A time in India, as the market clock says it: UTC."""
    hours, minutes, seconds = (int(part) for part in f"{text}:00".split(":")[:3])
    return datetime(day.year, day.month, day.day, hours, minutes, seconds, tzinfo=IST).astimezone(UTC)


@pytest.mark.parametrize(
    ("time", "general", "auctioned", "derivatives"),
    [
        ("08:59:59", Phase.CLOSED, Phase.CLOSED, Phase.CLOSED),
        ("09:00:00", Phase.PRE_OPEN, Phase.PRE_OPEN, Phase.CLOSED),
        ("09:15:00", Phase.CONTINUOUS, Phase.CONTINUOUS, Phase.CONTINUOUS),
        ("15:14:59", Phase.CONTINUOUS, Phase.CONTINUOUS, Phase.CONTINUOUS),
        ("15:15:00", Phase.CONTINUOUS, Phase.CLOSING_AUCTION, Phase.CONTINUOUS),
        ("15:30:00", Phase.CLOSED, Phase.CLOSING_AUCTION, Phase.CONTINUOUS),
        ("15:35:00", Phase.CLOSED, Phase.CLOSED, Phase.CONTINUOUS),
        ("15:40:00", Phase.CLOSED, Phase.CLOSED, Phase.CLOSED),
        ("15:50:00", Phase.POST_CLOSE, Phase.POST_CLOSE, Phase.CLOSED),
        ("16:00:00", Phase.CLOSED, Phase.CLOSED, Phase.CLOSED),
    ],
)
def test_a_phase_holds_from_its_first_minute_to_before_its_last(
    time: str, general: Phase, auctioned: Phase, derivatives: Phase
) -> None:
    assert SEEDED.phase_at("NSE_CM", "", at(time)) is general
    assert SEEDED.phase_at("NSE_CM", "CAS", at(time)) is auctioned
    assert SEEDED.phase_at("NSE_FO", "", at(time)) is derivatives
    assert SEEDED.phase_at("NSE_FO", "CAS", at(time)) is derivatives, "a class without days of its own is the segment"


def test_the_day_is_indias_whatever_the_zone_of_the_question() -> None:
    almost_midnight_in_india = datetime(2026, 8, 3, 18, 24, tzinfo=UTC)
    assert SEEDED.phase_at("MCX", "", almost_midnight_in_india) is Phase.CLOSED
    assert SEEDED.phase_at("MCX", "", datetime(2026, 8, 3, 17, 59, tzinfo=UTC)) is Phase.CONTINUOUS


def test_a_day_that_the_calendar_does_not_have_is_unknown_not_closed() -> None:
    unknown = at("10:00", date(2026, 9, 1))
    assert SEEDED.phase_at("NSE_CM", "", unknown) is Phase.UNKNOWN
    assert SEEDED.phase_at("NCDEX", "", at("10:00")) is Phase.UNKNOWN
    assert not SEEDED.day("NSE_CM", date(2026, 9, 1)).known
    assert not SEEDED.is_trading_day("NSE_CM", date(2026, 9, 1))
    assert SEEDED.intervals("NSE_CM", "", date(2026, 9, 1)) == ()
    assert SEEDED.minutes_to_close("NSE_CM", "", unknown) is None


def test_a_closed_day_is_known() -> None:
    sunday = date(2026, 8, 2)
    assert SEEDED.day("NSE_CM", sunday).known
    assert SEEDED.phase_at("NSE_CM", "", at("10:00", sunday)) is Phase.CLOSED
    assert SEEDED.session_bounds("NSE_CM", "", sunday) is None


def test_the_next_phase_is_the_next_change_over_weekends_too() -> None:
    assert SEEDED.next_phase("NSE_CM", "CAS", at("15:00")) == PhaseChange(Phase.CLOSING_AUCTION, at("15:15"))
    assert SEEDED.next_phase("NSE_CM", "CAS", at("15:15")) == PhaseChange(Phase.CLOSED, at("15:35"))
    friday_night = at("20:00", date(2026, 7, 31))
    assert SEEDED.next_phase("NSE_CM", "", friday_night) == PhaseChange(Phase.PRE_OPEN, at("09:00"))
    assert SEEDED.next_phase("NSE_CM", "", at("20:00", date(2026, 8, 10))) is None, "the calendar ends"


def test_intervals_that_touch_are_one() -> None:
    continuous = SEEDED.intervals("NSE_CM", "CAS", MONDAY)
    assert continuous == ((at("09:15"), at("15:15")),)
    with_auction = SEEDED.intervals("NSE_CM", "CAS", MONDAY, (Phase.CONTINUOUS, Phase.CLOSING_AUCTION))
    assert with_auction == ((at("09:15"), at("15:35")),)
    assert SEEDED.session_bounds("NSE_CM", "CAS", MONDAY) == (at("09:00"), at("16:00"))


def test_two_sessions_of_a_day_are_two_intervals_and_the_close_is_the_last_end() -> None:
    drill = Calendar().with_days(seeded_days(date(2024, 3, 2), date(2024, 3, 2)))
    day = date(2024, 3, 2)
    assert drill.intervals("NSE_FO", "", day) == (
        (at("09:15", day), at("10:00", day)),
        (at("11:30", day), at("12:30", day)),
    )
    assert drill.minutes_to_close("NSE_FO", "", at("09:30", day)) == 180
    assert drill.minutes_to_close("NSE_FO", "", at("13:00", day)) == 0
    assert drill.phase_at("NSE_FO", "", at("10:30", day)) is Phase.CLOSED


def test_midnight_ends_a_day() -> None:
    late = SegmentDay("MCX", MONDAY, "", (PhaseSpan(Phase.CONTINUOUS, 17 * 60, 24 * 60),), version=1)
    calendar = Calendar().with_days([late])
    assert calendar.intervals("MCX", "", MONDAY) == ((at("17:00"), at("00:00", date(2026, 8, 4))),)
    assert calendar.phase_at("MCX", "", at("23:59:59")) is Phase.CONTINUOUS
    assert calendar.phase_at("MCX", "", at("00:00", date(2026, 8, 4))) is Phase.UNKNOWN


def test_the_highest_version_is_in_force_whatever_the_order_of_reading() -> None:
    old, new = SegmentDay("MCX", MONDAY, version=3), SegmentDay("MCX", MONDAY, note="edited", version=4)
    assert Calendar().with_days([new, old]).day("MCX", MONDAY).note == "edited"
    assert Calendar().with_days([old]).with_days([new]).version == 4


def test_days_are_listed_by_day_segment_and_class() -> None:
    listed = SEEDED.days(MONDAY, date(2026, 8, 4), "NSE_CM")
    assert [(d.day.day, d.instrument_class) for d in listed] == [(3, ""), (3, "CAS"), (4, ""), (4, "CAS")]
    assert len(SEEDED.days(MONDAY, MONDAY)) == 8


@pytest.mark.parametrize(
    ("key", "segment"),
    [
        ("NSE:SBIN-EQ", "NSE_CM"),
        ("BSE:SBIN", "BSE_CM"),
        ("NFO:NIFTY28JUL26FUT", "NSE_FO"),
        ("BFO:SENSEX24MAR75000PE", "BSE_FO"),
        ("MCX:GOLDM05FEB26FUT", "MCX"),
        ("CDS:USDINR26JULFUT", "CDS"),
        ("NCDEX:GUAR", "NCDEX"),
    ],
)
def test_an_instrument_follows_its_exchanges_segment(key: str, segment: str) -> None:
    assert segment_of(instrument(key, "1")) == segment
    assert class_of(instrument(key, "1")) == ""


@given(st.integers(0, 24 * 60))
def test_minutes_and_their_texts_are_the_same(minute: int) -> None:
    assert clock_minute(clock_text(minute)) == minute


@pytest.mark.parametrize(
    "text", ["", "9:15", "09:60", "24:01", "25:00", "09.15", "-1:00", "０９:15", "09:15:00", " 09:15"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"HH:MM|no time"):
        clock_minute(text)


@given(st.integers(0, 9 * 24 * 60))
def test_the_phase_at_the_next_change_is_the_one_that_was_foretold(minutes: int) -> None:
    start = at("00:00", date(2026, 7, 30)) + timedelta(minutes=minutes)
    for segment, instrument_class in (("NSE_CM", "CAS"), ("NSE_CM", ""), ("MCX", "")):
        change = SEEDED.next_phase(segment, instrument_class, start)
        assert change is not None
        assert change.at > start
        assert SEEDED.phase_at(segment, instrument_class, change.at) is change.phase
        just_before = change.at - timedelta(seconds=1)
        assert SEEDED.phase_at(segment, instrument_class, just_before) is SEEDED.phase_at(
            segment, instrument_class, start
        )
