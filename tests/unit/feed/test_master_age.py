"""Which day a scrip master is of."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from engine_server.feed.master_age import day_of, outdated
from tradewinds.clock import IST

FRIDAY, SUNDAY, MONDAY = date(2026, 11, 20), date(2026, 11, 22), date(2026, 11, 23)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=IST)


NINE = at("2026-11-23T09:00:00")


@pytest.mark.parametrize(
    ("known_of", "last_modified", "day"),
    [
        (None, None, MONDAY),
        (MONDAY, at("2026-11-20T07:30:00"), MONDAY),
        (FRIDAY, None, FRIDAY),
        (FRIDAY, at("2026-11-20T07:30:00"), FRIDAY),
        (FRIDAY, at("2026-11-20T15:59:59"), FRIDAY),
        (FRIDAY, at("2026-11-20T20:00:00"), MONDAY),
        (FRIDAY, at("2026-11-22T10:00:00"), MONDAY),
        (FRIDAY, NINE, MONDAY),
        (date(2026, 12, 1), None, MONDAY),
    ],
)
def test_content_that_was_there_before_is_of_that_day_unless_it_was_made_after_its_close(
    known_of: date | None, last_modified: datetime | None, day: date
) -> None:
    assert day_of(known_of, last_modified, NINE) == day


@pytest.mark.parametrize(
    ("day", "fetched_at", "serves"),
    [
        (MONDAY, NINE, True),
        (FRIDAY, NINE, False),
        (SUNDAY, NINE, False),
        (FRIDAY, at("2026-11-23T08:29:00"), True),
        (FRIDAY, at("2026-11-22T12:00:00"), True),
    ],
)
def test_the_last_trading_days_file_serves_until_the_next_ones_is_due(
    day: date, fetched_at: datetime, serves: bool
) -> None:
    why = outdated(day, fetched_at, lambda one: one.weekday() < 5)
    assert (why == "") is serves
    assert serves or f"that of {day}, unchanged; {MONDAY}" in why
