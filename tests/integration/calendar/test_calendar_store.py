"""The calendar in PostgreSQL: seeded, edited, followed, and the alarm of a day that it does not have."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta

import pytest

from engine_server.calendar.domain.days import CLOSING_AUCTION_CLASS, Phase, PhaseSpan, SegmentDay
from engine_server.calendar.domain.seed import seeded_days
from engine_server.calendar.editor import CalendarEdit, update
from engine_server.calendar.store import CalendarStore
from engine_server.calendar.trading_calendar import TradingCalendar
from engine_server.calendar.unknown_day import UnknownDayAlarm
from tests.integration.database.rows import an_account
from tests.support.waiting import eventually
from tradewinds.clock import IST, ClockReading, MarketClock
from tradewinds.database.session import Database
from tradewinds.errors import InvalidArgumentError

DAYS = tuple(seeded_days(date(2026, 8, 1), date(2026, 8, 31)))
MONDAY = date(2026, 8, 3)
HALF_DAY = CalendarEdit(
    "NSE_CM", "2026-08-03", "", (("CONTINUOUS", "09:15", "12:00"),), "half a day", "circular 7/2026"
)


@pytest.fixture
def store(database: Database) -> CalendarStore:
    return CalendarStore(database)


async def edited(database: Database, edit: CalendarEdit, actor: str = "asha") -> SegmentDay:
    async with database.session() as session:
        day = await update(session, edit, actor=actor, source="rest")
        await session.commit()
    return day


async def loaded(store: CalendarStore) -> TradingCalendar:
    calendar = TradingCalendar(store)
    await calendar.load()
    return calendar


async def test_what_was_seeded_is_what_is_read(store: CalendarStore) -> None:
    assert await store.seed(DAYS) == len(DAYS)
    calendar = (await loaded(store)).current
    day = calendar.day("NSE_CM", MONDAY, CLOSING_AUCTION_CLASS)
    assert day.spans == next(d for d in DAYS if (d.day, d.instrument_class) == (MONDAY, "CAS")).spans
    assert (day.known, day.author, day.version) == (True, "system:seed", 1)
    assert len(calendar.days(date.min, date.max)) == len(DAYS)


async def test_engines_that_start_at_once_seed_once(database: Database, store: CalendarStore) -> None:
    written = await asyncio.gather(*(store.seed(DAYS) for _ in range(3)))
    assert sorted(written) == [0, 0, len(DAYS)]
    assert await database.pool.fetchval("SELECT count(*) FROM calendar_versions") == 1
    assert await database.pool.fetchval("SELECT count(*) FROM audit_log WHERE action = 'calendar.seed'") == 1


async def test_seven_years_are_seeded_and_loaded_at_an_engines_start(store: CalendarStore) -> None:
    calendar = TradingCalendar(store)
    await calendar.start()
    assert calendar.current.is_trading_day("NSE_CM", date(2021, 1, 4))
    assert calendar.current.is_trading_day("MCX", date(2027, 12, 31))


async def test_a_better_list_replaces_what_was_seeded_and_nothing_that_was_edited(
    database: Database, store: CalendarStore
) -> None:
    await store.seed(DAYS)
    await edited(database, HALF_DAY)
    better = tuple(
        SegmentDay(d.segment, d.day, d.instrument_class, (), "A holiday after all") if d.day.day in (3, 4) else d
        for d in DAYS
    )
    assert await store.seed(better) == 15, "eight rows of each of two days, less the edited one"
    calendar = (await loaded(store)).current
    assert calendar.day("NSE_CM", MONDAY).note == "half a day"
    assert calendar.day("NSE_FO", MONDAY).note == "A holiday after all"
    assert await store.seed(DAYS) == 0, "an older program beside a newer one changes nothing back"


async def test_an_edit_is_versioned_audited_and_leaves_the_older_version_on_record(
    database: Database, store: CalendarStore
) -> None:
    await store.seed(DAYS)
    day = await edited(database, HALF_DAY)
    assert (day.version, day.spans) == (2, (PhaseSpan(Phase.CONTINUOUS, 555, 720),))
    (row,) = await database.pool.fetch("SELECT * FROM audit_log WHERE action = 'calendar.update'")
    assert (row["actor"], row["subject_id"], row["reason"]) == ("asha", "NSE_CM/2026-08-03", "circular 7/2026")
    assert row["before"]["phases"][1] == ["CONTINUOUS", "09:15", "15:30"]
    assert row["after"] == {"phases": [["CONTINUOUS", "09:15", "12:00"]], "note": "half a day", "version": 2}
    versions = await database.pool.fetch(
        "SELECT version FROM calendar_days WHERE segment = 'NSE_CM' AND day = $1 AND instrument_class = ''", MONDAY
    )
    assert sorted(row["version"] for row in versions) == [1, 2]


async def test_an_edit_of_a_day_that_was_not_there_makes_it_known(database: Database, store: CalendarStore) -> None:
    await edited(database, CalendarEdit("MCX", "2031-01-02", "", (), "closed", "not traded"))
    day = (await loaded(store)).current.day("MCX", date(2031, 1, 2))
    assert (day.known, day.is_trading_day, day.author) == (True, False, "asha")


async def test_what_is_refused_writes_nothing(database: Database) -> None:
    wrong = CalendarEdit("NSE_CM", "2026-08-03", "", (("CONTINUOUS", "09:15", "09:00"),), "", "why")
    with pytest.raises(InvalidArgumentError, match=r"phases\[0\]\.end"):
        await edited(database, wrong)
    assert await database.pool.fetchval("SELECT count(*) FROM calendar_versions") == 0


@pytest.fixture
async def following(database: Database, store: CalendarStore) -> AsyncIterator[TradingCalendar]:
    await store.seed(DAYS)
    calendar = TradingCalendar(store)
    task = asyncio.create_task(calendar.follow(database))
    await eventually(lambda: calendar.current.version == 1)
    yield calendar
    task.cancel()
    await asyncio.wait([task])


async def test_an_edit_reaches_followers_within_moments(database: Database, following: TradingCalendar) -> None:
    await edited(database, HALF_DAY)
    await eventually(lambda: following.current.version == 2, timeout=1)
    assert following.current.phase_at("NSE_CM", "", datetime(2026, 8, 3, 13, tzinfo=IST)) is Phase.CLOSED
    assert following.current.phase_at("NSE_CM", "CAS", datetime(2026, 8, 3, 13, tzinfo=IST)) is Phase.CONTINUOUS


async def test_a_database_that_was_put_back_is_read_anew(database: Database, store: CalendarStore) -> None:
    await store.seed(DAYS)
    await edited(database, HALF_DAY)
    calendar = await loaded(store)
    await database.pool.execute("DELETE FROM calendar_days WHERE version = 2")
    assert await calendar.load()
    assert calendar.current.day("NSE_CM", MONDAY).author == "system:seed"


async def test_loading_seven_years_does_not_hold_up_the_loop(store: CalendarStore) -> None:
    await store.seed(tuple(seeded_days()))
    calendar = TradingCalendar(store)
    held_up: list[float] = []

    async def measure() -> None:
        while True:
            before = time.thread_time()  # what this process works, not what a busy machine makes it wait
            await asyncio.sleep(0.001)
            held_up.append(time.thread_time() - before)

    measuring = asyncio.create_task(measure())
    gc.disable()  # looking through all that other tests have left takes longer than this
    try:
        await calendar.load()
    finally:
        gc.enable()
        measuring.cancel()
    assert max(held_up) < 0.25, "one batch of rows at most"


def market_clock_at(moment: datetime) -> MarketClock:
    clock = MarketClock()
    real_ms = int(datetime.now(IST).timestamp() * 1000)
    clock.set(ClockReading(int(moment.timestamp() * 1000), real_ms, 1.0))
    return clock


async def test_a_day_that_nobody_wrote_is_told_once_to_every_owner(database: Database, store: CalendarStore) -> None:
    async with database.session() as session:
        await an_account(session)
    await store.seed(DAYS)
    calendar = await loaded(store)
    after_the_end = datetime(2026, 9, 1, 10, tzinfo=IST)
    for alarm in (UnknownDayAlarm(database, calendar, market_clock_at(after_the_end)) for _ in range(2)):
        assert not await alarm.check()
        assert not await alarm.check()
    (row,) = await database.pool.fetch("SELECT * FROM outbox")
    assert (row["topic"], row["dedupe_key"]) == ("CALENDAR_DAY_UNKNOWN", "calendar_day_unknown:2026-09-01")
    assert row["payload"]["user_id"] == "u1"
    assert row["payload"]["data"]["segments"] == ["NSE_CM", "NSE_FO", "BSE_CM", "BSE_FO", "MCX", "CDS"]
    assert await UnknownDayAlarm(database, calendar, market_clock_at(after_the_end - timedelta(days=1))).check()
