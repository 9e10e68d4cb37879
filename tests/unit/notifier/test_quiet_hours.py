"""Quiet hours: half-open, over midnight, in any zone, through every change of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.quiet_hours import Window, ever_ends, instant, quiet_until

IST = ZoneInfo("Asia/Kolkata")
ZONES = (
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Europe/London",
    "Europe/Dublin",  # its winter is the negative saving
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Australia/Lord_Howe",  # half an hour
    "Africa/Casablanca",
    "Pacific/Apia",  # skipped a whole day in 2011
    "Asia/Tehran",
    "America/Havana",  # changes at midnight
)
NIGHT = Window(22 * 60, 7 * 60)


def at(text: str, zone: ZoneInfo = IST) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def test_a_window_is_half_open() -> None:
    lunch = [Window(13 * 60, 14 * 60)]
    assert quiet_until(lunch, IST, at("2026-11-27T12:59:59")) is None
    assert quiet_until(lunch, IST, at("2026-11-27T13:00")) == at("2026-11-27T14:00")
    assert quiet_until(lunch, IST, at("2026-11-27T13:59:59")) == at("2026-11-27T14:00")
    assert quiet_until(lunch, IST, at("2026-11-27T14:00")) is None


def test_a_night_belongs_to_the_day_on_which_it_starts() -> None:
    friday = [Window(22 * 60, 7 * 60, frozenset({5}))]
    assert quiet_until(friday, IST, at("2026-11-28T06:00")) == at("2026-11-28T07:00")  # Saturday morning
    assert quiet_until(friday, IST, at("2026-11-28T23:00")) is None  # Saturday evening
    assert quiet_until(friday, IST, at("2026-11-27T06:00")) is None  # Friday morning


def test_windows_that_touch_are_one_silence() -> None:
    windows = [Window(22 * 60, 1440), Window(0, 6 * 60), Window(6 * 60, 7 * 60)]
    assert quiet_until(windows, IST, at("2026-11-27T22:30")) == at("2026-11-28T07:00")


def test_a_whole_day_is_from_midnight_to_midnight() -> None:
    sunday = [Window(0, 1440, frozenset({7}))]
    assert quiet_until(sunday, IST, at("2026-11-29T00:00")) == at("2026-11-30T00:00")
    assert quiet_until(sunday, IST, at("2026-11-30T00:00")) is None


def test_an_end_that_the_clocks_skip_is_the_change_itself() -> None:
    new_york = ZoneInfo("America/New_York")
    windows = [Window(60, 2 * 60 + 30)]  # 02:30 does not exist on 8 March 2026
    assert quiet_until(windows, new_york, at("2026-03-08T01:30", new_york)) == datetime(2026, 3, 8, 7, tzinfo=UTC)


def test_an_end_that_comes_twice_is_the_first() -> None:
    new_york = ZoneInfo("America/New_York")
    windows = [Window(60, 60 + 30)]  # 01:30 comes twice on 1 November 2026
    assert quiet_until(windows, new_york, at("2026-11-01T01:10", new_york)) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert quiet_until(windows, new_york, datetime(2026, 11, 1, 6, 10, tzinfo=UTC)) is None  # 01:10, the second time


def test_silence_without_end_is_recognised() -> None:
    assert not ever_ends([Window(0, 1440)], IST, at("2026-11-27T12:00"))
    assert not ever_ends([Window(600, 600)], IST, at("2026-11-27T12:00"))
    assert ever_ends([Window(0, 1439)], IST, at("2026-11-27T12:00"))


minutes = st.integers(0, 1439)
windows = st.builds(Window, minutes, st.integers(0, 1440), st.frozensets(st.integers(1, 7)))


def moments_around_changes(zone: ZoneInfo) -> list[datetime]:
    """A day before each change of a year's clocks, and the change itself."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    days = [start + timedelta(days=number) for number in range(367)]
    hours = [
        day + timedelta(hours=number)
        for day, following in pairwise(days)
        if day.astimezone(zone).utcoffset() != following.astimezone(zone).utcoffset()
        for number in range(25)
    ]
    return [
        hour
        for hour, following in pairwise(hours)
        if hour.astimezone(zone).utcoffset() != following.astimezone(zone).utcoffset()
    ]


CHANGES = {zone: moments_around_changes(ZoneInfo(zone)) or [datetime(2026, 6, 1, tzinfo=UTC)] for zone in ZONES}


def is_quiet_by_definition(windows: list[Window], zone: ZoneInfo, moment: datetime) -> bool:
    """Each window of the days around as a stretch of instants."""
    today = moment.astimezone(zone).date()
    for number in range(-2, 2):
        day = today + timedelta(days=number)
        for window in windows:
            if window.weekdays and day.isoweekday() not in window.weekdays:
                continue
            last = window.end_minute + (1440 if window.end_minute <= window.start_minute else 0)
            if instant(zone, day, window.start_minute) <= moment < instant(zone, day, last):
                return True
    return False


@given(
    st.lists(windows, min_size=1, max_size=3),
    st.sampled_from(ZONES),
    st.integers(0, 10**6),
    st.integers(-30 * 60, 30 * 60),
)
def test_silence_lasts_exactly_until_its_end(
    windows: list[Window], zone_name: str, which: int, minutes_off: int
) -> None:
    zone, changes = ZoneInfo(zone_name), CHANGES[zone_name]
    moment = changes[which % len(changes)] + timedelta(minutes=minutes_off)
    until = quiet_until(windows, zone, moment)
    assert (until is not None) == is_quiet_by_definition(windows, zone, moment)
    if until is None:
        return
    assert until > moment
    if until - moment < timedelta(days=14):
        assert not is_quiet_by_definition(windows, zone, until)
        for part in range(20):
            assert is_quiet_by_definition(windows, zone, moment + (until - moment) * part / 20)


@given(st.sampled_from(ZONES), st.dates(date(2026, 1, 1), date(2026, 12, 31)), minutes)
def test_an_instant_is_the_first_that_the_clocks_show_or_the_change_that_skips_it(
    zone_name: str, day: date, minute: int
) -> None:
    zone = ZoneInfo(zone_name)
    found = instant(zone, day, minute)
    wall = datetime.combine(day, datetime.min.time()) + timedelta(minutes=minute)
    before = (found - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None)
    assert before < wall <= found.astimezone(zone).replace(tzinfo=None)


def test_every_zone_of_the_sweep_is_known() -> None:
    assert sum(len(changes) > 1 for changes in CHANGES.values()) >= 6


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Asia/Kathmandu"])
def test_offsets_need_not_be_whole_hours(zone: str) -> None:
    local = datetime(2026, 11, 27, 23, tzinfo=ZoneInfo(zone))
    assert quiet_until([NIGHT], ZoneInfo(zone), local) == datetime(2026, 11, 28, 7, tzinfo=ZoneInfo(zone))
