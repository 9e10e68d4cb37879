"""When a strategy may run, and when it is taken out of the market."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from engine_server.calendar.domain.days import Interval
from engine_server.fleet.domain.schedule import Day, Schedule, parse, square_off_time, stored, timing
from tradewinds.clock import IST
from tradewinds.errors import InvalidArgumentError

SCHEDULE = Schedule("NSE_CM", ("CONTINUOUS",), 10)


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-23T{clock}:00").replace(tzinfo=IST)


HOURS = [Interval(at("09:15"), at("15:30"))]
TODAY = Day(True, HOURS, at("15:15"))


@pytest.mark.parametrize(
    ("clock", "is_on", "squares_off"),
    [
        ("09:14", False, False),
        ("09:15", True, False),
        ("15:04", True, False),
        ("15:05", False, True),  # 10 minutes before the broker's 15:15
        ("15:31", False, True),
    ],
)
def test_it_runs_in_its_phases_and_is_squared_off_before_the_broker_does(
    clock: str, is_on: bool, squares_off: bool
) -> None:
    now = timing(SCHEDULE, TODAY, at(clock), "")
    assert (now.is_on, now.squares_off) == (is_on, squares_off)
    assert bool(now.because) is not is_on


def test_without_a_square_off_it_runs_to_the_end() -> None:
    schedule = Schedule("NSE_CM", ("CONTINUOUS",))
    assert timing(schedule, TODAY, at("15:29"), "").is_on
    over = timing(schedule, TODAY, at("15:30"), "")
    assert (over.is_on, over.squares_off, over.because) == (False, False, "its schedule is over for today")


def test_it_does_not_start_before_the_scrip_master_is_in() -> None:
    now = timing(SCHEDULE, TODAY, at("10:00"), "yesterday's is in force")
    assert (now.is_on, now.because) == (False, "not before the day's scrip master is in: yesterday's is in force")


@pytest.mark.parametrize(("day", "word"), [(Day(False), "does not have today"), (Day(True), "has none of CONTINUOUS")])
def test_an_unknown_day_and_a_day_off_are_off(day: Day, word: str) -> None:
    now = timing(SCHEDULE, day, at("10:00"), "")
    assert not now.is_on
    assert word in now.because
    assert not now.squares_off


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ({"segment": "NYSE"}, "schedule.segment"),
        ({"segment": "NSE_CM", "phases": ["LUNCH"]}, "schedule.phases"),
        ({"segment": "NSE_CM", "square_off_minutes": -1}, "schedule.square_off_minutes"),
        ({"segment": "NSE_CM", "square_off_minutes": "soon"}, "schedule.square_off_minutes"),
    ],
)
def test_a_bad_schedule_is_refused_by_field(text: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        parse(text, ["NSE_CM"], ["CONTINUOUS"])
    assert refused.value.violations[0].field == field


def test_a_schedule_is_read_back_as_it_was_stored() -> None:
    assert parse(stored(SCHEDULE), ["NSE_CM"], ["CONTINUOUS"]) == SCHEDULE


def test_it_is_squared_off_before_the_broker_wherever_that_begins() -> None:
    auctions, short = (replace(TODAY, broker_cut_off=at(clock)) for clock in ("15:10", "11:45"))
    assert [square_off_time(SCHEDULE, day) for day in (auctions, short)] == [at("15:00"), at("11:35")]
    assert square_off_time(SCHEDULE, replace(TODAY, broker_cut_off=None)) is None
