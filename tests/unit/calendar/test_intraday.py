"""When intraday positions are taken out, by the calendar and before the broker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec
import pytest

from engine_server.calendar.domain.calendar import Calendar
from engine_server.calendar.domain.days import Phase, PhaseSpan, SegmentDay
from engine_server.calendar.domain.intraday import broker_cut_off, segment_cut_off, square_off_at
from engine_server.calendar.domain.seed import seeded_days
from engine_server.market.intraday import IntradayDay
from tests.unit.feed.instruments import instrument
from tradewinds.clock import IST

CALENDAR = Calendar().with_days(seeded_days(date(2026, 8, 3), date(2026, 8, 31)))
PLAIN = instrument("NSE:TINY-EQ", "1")
AUCTIONED = msgspec.structs.replace(instrument("NSE:SBIN-EQ", "3045"), has_closing_auction=True)
OPTION = instrument("NFO:NIFTY28JUL2623500CE", "63915", kind="OPT", name="NIFTY")
GOLD = instrument("MCX:GOLD05OCT26FUT", "9", kind="FUT", name="GOLD")


def at(hour: int, minute: int, day: int = 3) -> datetime:
    return datetime(2026, 8, day, hour, minute, tzinfo=IST)


@pytest.mark.parametrize("of", [PLAIN, AUCTIONED, OPTION])
def test_shares_and_their_derivatives_end_at_a_quarter_past_three_or_before_their_auction(of: Any) -> None:
    cut_off = broker_cut_off(CALENDAR, of, at(10, 0))
    end = CALENDAR.intervals("NFO" if of is OPTION else "NSE_CM", "CAS" if of is AUCTIONED else "", date(2026, 8, 3))
    assert cut_off is not None
    assert cut_off <= at(15, 15)
    assert not end or cut_off < end[-1].end
    assert square_off_at(CALENDAR, of, at(10, 0), 5) == cut_off.replace(minute=cut_off.minute - 5)


def test_a_segment_ends_with_the_first_of_its_classes() -> None:
    cut_offs = [broker_cut_off(CALENDAR, of, at(10, 0)) for of in (PLAIN, AUCTIONED)]
    assert (
        segment_cut_off(CALENDAR, "NSE_CM", at(10, 0)) == min(cut for cut in cut_offs if cut is not None) == at(15, 10)
    )
    assert segment_cut_off(CALENDAR, "MCX", at(10, 0)) == broker_cut_off(CALENDAR, GOLD, at(10, 0))
    assert segment_cut_off(CALENDAR, "NSE_CM", at(10, 0, 8)) is None  # a Saturday


def test_commodities_end_a_quarter_of_an_hour_before_their_market() -> None:
    (*_, last) = CALENDAR.intervals("MCX", "", date(2026, 8, 3))
    cut_off = broker_cut_off(CALENDAR, GOLD, at(10, 0))
    assert cut_off is not None
    assert (last.end - cut_off).total_seconds() == 15 * 60


def test_a_short_evening_ends_before_its_own_end() -> None:
    muhurat = SegmentDay(
        "NSE_CM", date(2026, 8, 4), "", (PhaseSpan(Phase.CONTINUOUS, 18 * 60, 19 * 60),), version=9_999
    )
    assert broker_cut_off(CALENDAR.with_days([muhurat]), PLAIN, at(18, 5, 4)) == at(18, 45, 4)


@dataclass
class Clock:
    moment: datetime

    def now(self) -> datetime:
        return self.moment


@dataclass
class InForce:
    current: Calendar


def test_from_then_on_mis_is_refused_and_nothing_else_and_a_day_off_ends_nothing() -> None:
    clock = Clock(at(15, 9))
    day = IntradayDay(InForce(CALENDAR), clock, 5)  # type: ignore[arg-type] # a state of both is all it reads
    assert day.over_because(PLAIN) == ""
    clock.moment = at(15, 10)
    denied = day.no_entry(PLAIN, "MIS")
    assert denied is not None
    assert (denied.reason, "from 15:10 on" in denied.message) == ("INTRADAY_OVER", True)
    assert day.no_entry(PLAIN, "CNC") is None
    clock.moment = at(18, 0)  # nobody can close anything any more
    assert day.over_because(PLAIN) == ""
    clock.moment = at(15, 10, 8)  # a Saturday
    assert day.over_because(PLAIN) == ""
