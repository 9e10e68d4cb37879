"""The phases of the day, by the exchanges' calendar."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from sandbox.clock import IST, ist_day
from sandbox.exchange_holidays import HOLIDAYS, MUHURAT_HOURS, WEEKEND_SESSIONS
from sandbox.phases import Market, Phase, TradingCalendar, phase_at

CALENDAR = TradingCalendar()


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=IST).timestamp() * 1000)


def day(text: str) -> int:
    return ist_day(at(text))


@pytest.mark.parametrize(
    ("segment", "auction", "time", "phase"),
    [
        ("NSE", False, "2024-10-04 08:59:59", "CLOSED"),
        ("NSE", False, "2024-10-04 09:00:00", "PRE_OPEN"),
        ("BSE", False, "2024-10-04 09:14:59", "PRE_OPEN"),
        ("NSE", False, "2024-10-04 09:15:00", "CONTINUOUS"),
        ("NSE", True, "2024-10-04 15:29:59", "CONTINUOUS"),
        ("NSE", False, "2024-10-04 15:30:00", "CLOSED"),
        ("NSE", False, "2024-10-04 15:40:00", "POST_CLOSE"),
        ("NSE", False, "2024-10-04 16:00:00", "CLOSED"),
        ("NFO", False, "2024-10-04 09:10:00", "CLOSED"),
        ("NFO", False, "2024-10-04 15:29:59", "CONTINUOUS"),
        ("MCX", False, "2024-10-04 23:29:59", "CONTINUOUS"),
        ("MCX", False, "2024-10-04 23:30:00", "CLOSED"),
        ("MCX", False, "2024-12-04 23:54:59", "CONTINUOUS"),
        ("NSE", True, "2026-07-31 15:20:00", "CONTINUOUS"),
        ("NSE", True, "2026-08-03 15:15:00", "CLOSING_AUCTION"),
        ("NSE", False, "2026-08-03 15:15:00", "CONTINUOUS"),
        ("NSE", True, "2026-08-03 15:35:00", "CLOSED"),
        ("NSE", True, "2026-08-03 15:50:00", "POST_CLOSE"),
        ("NFO", False, "2026-08-03 15:39:00", "CONTINUOUS"),
        ("NSE", False, "2026-11-22 11:00:00", "CLOSED"),
        ("NSE", False, "2026-11-24 11:00:00", "CLOSED"),
        ("MCX", False, "2026-11-24 11:00:00", "CLOSED"),
        ("MCX", False, "2026-11-24 18:00:00", "CONTINUOUS"),
        ("MCX", False, "2026-01-26 18:00:00", "CLOSED"),
        ("NSE", False, "2024-11-01 17:50:00", "PRE_OPEN"),
        ("NSE", False, "2024-11-01 18:30:00", "CONTINUOUS"),
        ("NSE", False, "2024-11-01 11:00:00", "CLOSED"),
        ("NFO", False, "2023-11-12 18:30:00", "CONTINUOUS"),
        ("NSE", False, "2025-02-01 11:00:00", "CONTINUOUS"),
    ],
)
def test_the_phase_of_an_instant(segment: str, auction: bool, time: str, phase: str) -> None:
    assert phase_at(segment, at(time), auction) is Phase(phase)


def test_days_go_over_weekends_and_holidays() -> None:
    assert CALENDAR.next_trading_day(day("2026-11-20")) == day("2026-11-23")
    assert CALENDAR.next_trading_day(day("2026-11-23")) == day("2026-11-25")
    assert CALENDAR.last_trading_day(day("2026-11-22")) == day("2026-11-20")
    assert CALENDAR.last_trading_day(day("2026-11-20")) == day("2026-11-20")


def test_auctions_find_their_price_at_a_random_second_inside_their_order_entry() -> None:
    opening, _, closing, _ = CALENDAR.windows(Market("NSE", True), day("2026-11-20"))
    assert at("2026-11-20 09:07:00") <= opening.uncross_ms < at("2026-11-20 09:08:00")
    assert at("2026-11-20 15:28:00") <= closing.uncross_ms < at("2026-11-20 15:30:00")
    week = range(day("2024-10-07"), day("2024-10-12"))
    seconds = {CALENDAR.windows(Market("NSE"), d)[0].uncross_ms % 60_000 for d in week}
    assert len(seconds) > 1


def test_the_next_phase_is_found_from_anywhere() -> None:
    window = CALENDAR.next_window(Market("NSE", True), at("2026-11-20 16:00:00"))
    assert (window.phase, window.begins_ms) == (Phase.PRE_OPEN, at("2026-11-23 09:00:00"))
    window = CALENDAR.next_window(Market("NSE"), at("2026-11-23 15:30:00"))
    assert (window.phase, window.begins_ms) == (Phase.POST_CLOSE, at("2026-11-23 15:50:00"))


def test_a_day_that_recorded_data_prove_open_is_open() -> None:
    sunday = day("2026-11-22")
    assert TradingCalendar(frozenset({sunday})).is_trading_day(sunday)
    assert not CALENDAR.is_trading_day(sunday)


def test_the_tables_are_sane() -> None:
    assert all(holiday.weekday() < 5 for holiday in HOLIDAYS)
    assert all(session.weekday() >= 5 for session in WEEKEND_SESSIONS)
    assert {h.year for h in HOLIDAYS} == {m.year for m in MUHURAT_HOURS} == set(range(2021, 2028))
    for year in range(2021, 2028):
        days = [date(year, 1, 1) + timedelta(days=n) for n in range(365)]
        opened = sum(CALENDAR.is_trading_day(day(f"{d} 12:00")) for d in days)
        assert 244 <= opened <= 253
