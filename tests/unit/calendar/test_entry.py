"""Which entries a phase takes."""

from __future__ import annotations

from datetime import date, datetime

import msgspec
import pytest

from engine_server.calendar.domain.calendar import Calendar
from engine_server.calendar.domain.entry import EntryRefusal, entry_refusal
from engine_server.calendar.domain.seed import seeded_days
from tests.unit.feed.instruments import instrument
from tradewinds.clock import IST

CALENDAR = Calendar().with_days(seeded_days(date(2026, 8, 3), date(2026, 8, 31)))
PLAIN = instrument("NSE:TINY-EQ", "1")
AUCTIONED = msgspec.structs.replace(instrument("NSE:SBIN-EQ", "3045"), has_closing_auction=True)
OPTION = instrument("NFO:NIFTY28JUL2623500CE", "63915", kind="OPT", name="NIFTY")


def refusal(
    time: str, *, order_type: str = "LIMIT", product: str = "CNC", of: object = PLAIN, day: int = 3
) -> EntryRefusal | None:
    hour, minute = map(int, time.split(":"))
    moment = datetime(2026, 8, day, hour, minute, tzinfo=IST)
    return entry_refusal(CALENDAR, of, order_type=order_type, product=product, market_time=moment)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("time", "order_type", "product", "of", "taken"),
    [
        ("08:59", "LIMIT", "CNC", PLAIN, False),
        ("09:05", "LIMIT", "MIS", PLAIN, True),
        ("09:05", "SL", "MIS", PLAIN, False),
        ("09:05", "LIMIT", "NRML", OPTION, False),
        ("10:00", "SL", "MIS", PLAIN, True),
        ("10:00", "MARKET", "NRML", OPTION, True),
        ("15:20", "LIMIT", "CNC", AUCTIONED, True),
        ("15:20", "MARKET", "CNC", AUCTIONED, True),
        ("15:20", "SL", "CNC", AUCTIONED, False),
        ("15:20", "LIMIT", "MIS", AUCTIONED, False),
        ("15:20", "LIMIT", "MIS", PLAIN, True),
        ("15:37", "LIMIT", "NRML", OPTION, True),
        ("15:45", "LIMIT", "CNC", PLAIN, False),
        ("15:55", "LIMIT", "CNC", PLAIN, True),
        ("15:55", "LIMIT", "MIS", PLAIN, False),
        ("16:00", "LIMIT", "CNC", PLAIN, False),
    ],
)
def test_a_phase_takes_what_its_exchange_and_the_broker_take(
    time: str, order_type: str, product: str, of: object, taken: bool
) -> None:
    found = refusal(time, order_type=order_type, product=product, of=of)
    assert (found is None) is taken
    assert found is None or found.reason == "MARKET_CLOSED"


def test_a_refusal_says_when_trading_begins() -> None:
    saturday = refusal("11:00", day=8)
    assert saturday is not None
    assert saturday.message == (
        "NSE_CM is CLOSED at 2026-08-08 11:00:00 in India; continuous trading begins 2026-08-10 09:15"
    )
    in_auction = refusal("15:20", product="MIS", of=AUCTIONED)
    assert in_auction is not None
    assert "squared off before it, only NRML and CNC" in in_auction.message


def test_on_an_unknown_day_and_where_there_is_no_calendar_nothing_enters() -> None:
    unknown = entry_refusal(
        CALENDAR, PLAIN, order_type="LIMIT", product="CNC", market_time=datetime(2026, 9, 1, 10, tzinfo=IST)
    )
    assert unknown is not None
    assert (unknown.reason, "does not have 2026-09-01 for NSE_CM" in unknown.message) == ("CALENDAR_DAY_UNKNOWN", True)
    guar = refusal("10:00", of=instrument("NCDEX:GUAR", "1", kind="FUT"))
    assert guar is not None
    assert guar.reason == "CALENDAR_DAY_UNKNOWN"


def test_a_day_may_trade_unless_every_segment_is_known_to_be_closed() -> None:
    assert CALENDAR.may_trade(date(2026, 8, 3))
    assert not CALENDAR.may_trade(date(2026, 8, 8))
    assert CALENDAR.may_trade(date(2026, 9, 5)), "nobody knows"
