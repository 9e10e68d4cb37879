"""The day's scrip master is in, or nothing new is let through."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import pytest

from engine_server.instruments.master_gate import MasterGate, master_day, needed_day, not_in_because
from tradewinds.clock import IST, MarketClock
from tradewinds.errors import PreconditionError


def weekday(day: date) -> bool:
    return day.weekday() < 5


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=IST)


FRIDAY, MONDAY, TUESDAY = date(2026, 11, 20), date(2026, 11, 23), date(2026, 11, 24)


@pytest.mark.parametrize(
    ("now", "fetched_for", "needed"),
    [
        ("2026-11-24T08:29:59", MONDAY, MONDAY),
        ("2026-11-24T08:30:00", TUESDAY, TUESDAY),
        ("2026-11-24T23:59:00", TUESDAY, TUESDAY),
        ("2026-11-25T00:00:00", TUESDAY, TUESDAY),
        ("2026-11-23T08:29:00", date(2026, 11, 22), FRIDAY),
        ("2026-11-22T12:00:00", date(2026, 11, 22), FRIDAY),
    ],
)
def test_yesterdays_serves_until_half_past_eight_and_fridays_over_the_weekend(
    now: str, fetched_for: date, needed: date
) -> None:
    assert master_day(at(now)) == fetched_for
    assert needed_day(at(now), weekday) == needed


@pytest.mark.parametrize(
    ("now", "trade_day", "problem"),
    [
        ("2026-11-24T09:00:00", TUESDAY, ""),
        ("2026-11-24T09:00:00", MONDAY, "is of 2026-11-23, 2026-11-24's is not in yet"),
        ("2026-11-24T08:00:00", MONDAY, ""),
        ("2026-11-24T08:00:00", FRIDAY, "2026-11-23's is not in yet"),
        ("2026-11-22T12:00:00", FRIDAY, ""),
        ("2026-11-24T09:00:00", None, "of an unknown day"),
        ("2021-06-08T10:00:00", TUESDAY, "the market's day is 2021-06-08"),
    ],
)
def test_a_master_of_the_needed_day_is_in_and_no_other(now: str, trade_day: date | None, problem: str) -> None:
    found = not_in_because(True, trade_day, at(now), weekday)
    assert problem in found
    assert bool(found) == bool(problem)


def test_none_at_all_is_not_in() -> None:
    assert "no scrip master has been loaded" in not_in_because(False, None, at("2026-11-24T09:00:00"), weekday)


def test_where_nothing_seems_to_trade_for_weeks_the_latest_day_is_needed() -> None:
    assert needed_day(at("2026-11-24T09:00:00"), lambda _day: False) == TUESDAY


@dataclass
class Master:
    ready: bool = True
    trade_day: date | None = None


class Clock(MarketClock):
    def now(self) -> datetime:
        return at("2026-11-24T09:00:00")


def test_the_gate_refuses_with_its_reason_until_the_master_is_in() -> None:
    master = Master(trade_day=MONDAY)
    gate = MasterGate(master, Clock(), weekday)
    with pytest.raises(PreconditionError, match="not before today's scrip master is in") as error:
        gate.check()
    assert error.value.reason == "SCRIP_MASTER_NOT_IN"
    master.trade_day = TUESDAY
    gate.check()
    assert gate.problem() == ""
