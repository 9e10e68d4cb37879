"""What may be written into the calendar."""

from __future__ import annotations

from datetime import date

import pytest

from engine_server.calendar.domain.days import Phase
from engine_server.calendar.domain.edits import WrittenPhase, checked_day, checked_phases, checked_place, checked_texts
from tradewinds.errors import InvalidArgumentError


def field_of(error: pytest.ExceptionInfo[InvalidArgumentError]) -> str:
    return error.value.violations[0].field


def test_phases_in_order_are_taken_and_none_closes_the_day() -> None:
    spans = checked_phases([("PRE_OPEN", "09:00", "09:15"), ("CONTINUOUS", "09:15", "24:00")])
    assert spans == ((Phase.PRE_OPEN, 540, 555), (Phase.CONTINUOUS, 555, 1440))
    assert checked_phases([]) == ()


@pytest.mark.parametrize(
    ("phases", "field", "words"),
    [
        ([("OPEN", "09:00", "10:00")], "phases[0].phase", "none of PRE_OPEN, CONTINUOUS"),
        ([("CLOSED", "09:00", "10:00")], "phases[0].phase", "none of"),
        ([("CONTINUOUS", "9:00", "10:00")], "phases[0].start", "HH:MM"),
        ([("CONTINUOUS", "09:00", "24:30")], "phases[0].end", "no time of a day"),
        ([("CONTINUOUS", "09:00", "09:00")], "phases[0].end", "not after 09:00"),
        ([("CONTINUOUS", "22:00", "01:00")], "phases[0].end", "write 24:00 for midnight"),
        (
            [("PRE_OPEN", "09:00", "09:16"), ("CONTINUOUS", "09:15", "15:30")],
            "phases[1].start",
            "before the end of the phase above it",
        ),
        (
            [("CONTINUOUS", "09:15", "15:30"), ("PRE_OPEN", "09:00", "09:15")],
            "phases[1].start",
            "in order, without overlaps",
        ),
        ([("CONTINUOUS", "09:00", "10:00")] * 17, "phases", "at most 16"),
    ],
)
def test_what_overlaps_or_crosses_midnight_is_refused_by_its_field(
    phases: list[WrittenPhase], field: str, words: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=words) as error:
        checked_phases(phases)
    assert field_of(error) == field


def test_a_day_is_an_iso_day_within_reach() -> None:
    assert checked_day("2027-01-26") == date(2027, 1, 26)
    for text in ("", "2027-02-30", "20270126", "26-01-2027", "1999-12-31", "2100-01-01"):
        with pytest.raises(InvalidArgumentError) as error:
            checked_day(text, "start_day")
        assert field_of(error) == "start_day"


def test_the_segment_and_the_class_must_exist() -> None:
    checked_place("NSE_CM", "CAS")
    with pytest.raises(InvalidArgumentError, match="none of NSE_CM, NSE_FO") as error:
        checked_place("NSE", "")
    assert field_of(error) == "segment"
    with pytest.raises(InvalidArgumentError, match="leave it empty, or write CAS") as error:
        checked_place("NSE_CM", "FUT")
    assert field_of(error) == "instrument_class"


def test_an_edit_says_why() -> None:
    checked_texts("", "circular 12/2026")
    with pytest.raises(InvalidArgumentError, match="say why") as error:
        checked_texts("note", "  ")
    assert field_of(error) == "reason"
    with pytest.raises(InvalidArgumentError, match="longer than 500") as error:
        checked_texts("n" * 501, "why")
    assert field_of(error) == "note"
