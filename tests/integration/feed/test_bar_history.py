"""Bars for whoever asks, on a real store: what is missing is wished from the feed, which asks the broker in pieces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest

from engine_server.bars.domain.sessions import DAY_MS, MINUTE_MS, day_start_ms, ist_day
from engine_server.bars.history import BarHistory
from engine_server.bars.market_hours import MarketHours, market_of
from engine_server.bars.store import BarStore
from engine_server.bars.wishes import BarsNotInError, WishReader, WishSender
from engine_server.broker.market_data import Candle, QuoteReport
from engine_server.broker.port import BrokerError
from engine_server.calendar.domain.calendar import Calendar
from engine_server.calendar.domain.seed import seeded_days
from engine_server.feed.bar_backfill import Backfill
from tests.support.feed_process import Valkey
from tests.unit.feed.instruments import instrument
from tradewinds import redis_keys
from tradewinds.bars import BROKER, STREAM, Bar
from tradewinds.clock import IST, ClockReading, MarketClock, SystemClock
from tradewinds.database.session import Database
from tradewinds.errors import InvalidArgumentError
from tradewinds.instruments import Instrument

SBIN = instrument("NSE:SBIN-EQ", "3045")
CALENDAR = Calendar().with_days(seeded_days(date(2025, 1, 1), date(2026, 7, 31)))
HOURS = MarketHours(lambda: CALENDAR)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=IST)


def ms(text: str) -> int:
    return round(at(text).timestamp() * 1000)


@dataclass
class ScriptedSource:
    """A broker that has a candle of every minute and day of trading; the price of a minute says which one it is."""

    asked: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    refuses: str = ""

    async def candles(self, instrument: Instrument, interval: str, start: datetime, end: datetime) -> Sequence[Candle]:
        self.asked.append((interval, start, end))
        if self.refuses:
            raise BrokerError(self.refuses)
        first, last = (round(moment.timestamp() * 1000) for moment in (start, end))
        if interval == "1d":
            days = [day_start_ms(day) for day in range(ist_day(first), ist_day(last) + 1)]
            times = [t for t in days if HOURS.minutes(market_of(instrument), t, t + DAY_MS)]
        else:
            sessions = HOURS.sessions(market_of(instrument), first, last).all
            times = [t for s in sessions for t in range(s.start_ms, s.end_ms, MINUTE_MS) if first <= t <= last]
        return [candle(t) for t in times]

    async def open_interest(self, *_: object) -> Sequence[tuple[datetime, int]]:
        return ()

    async def quotes(self, instruments: Sequence[Instrument]) -> Sequence[QuoteReport]:
        return ()

    async def close(self) -> None: ...


def candle(start_ms: int) -> Candle:
    price = Decimal(100 + start_ms // MINUTE_MS % 500)
    return Candle(datetime.fromtimestamp(start_ms / 1000, UTC), price, price + 2, price - 1, price + 1, 10)


@dataclass
class Stage:
    history: BarHistory
    store: BarStore
    source: ScriptedSource
    clock: MarketClock
    redis: Valkey

    def now_is(self, text: str) -> None:
        self.clock.set(ClockReading(ms(text), round(SystemClock().now().timestamp() * 1000), 0.0))

    async def starts(self, interval: str, **asked: object) -> list[str]:
        page = await self.history.bars(SBIN, interval, **asked)  # type: ignore[arg-type]
        return [f"{datetime.fromtimestamp(bar.start_ms / 1000, IST):%d %H:%M}" for bar in page.bars]


@pytest.fixture
async def stage(database: Database, valkey: Valkey) -> AsyncIterator[Stage]:
    clock, store, source, wishes = MarketClock(), BarStore(database), ScriptedSource(), WishReader(valkey)
    backfill = Backfill(
        store,
        source,
        wishes,
        HOURS,
        clock,
        instruments=lambda: {SBIN.key: SBIN},
        complete_from=dict,
        may_ask=lambda: True,
        days_back=5,
    )
    stage = Stage(BarHistory(store, HOURS, WishSender(valkey, 5.0), valkey, clock), store, source, clock, valkey)
    stage.now_is("2026-07-15T11:00:30")  # a Wednesday
    running = [asyncio.create_task(backfill.read_wishes()), asyncio.create_task(backfill.serve_wishes())]
    await asyncio.sleep(0.1)  # wishes are read from now on
    yield stage
    for task in running:
        task.cancel()


async def test_what_is_missing_is_fetched_once_and_then_read_from_the_store(stage: Stage) -> None:
    page = await stage.history.bars(SBIN, "1m", limit=20)
    assert [bar.start_ms for bar in page.bars] == [ms("2026-07-15T10:40") + n * MINUTE_MS for n in range(20)]
    assert {(bar.source, bar.closed, bar.complete) for bar in page.bars} == {(BROKER, True, True)}
    assert page.next_start is None
    asked = len(stage.source.asked)
    assert await stage.starts("1m", limit=20) == await stage.starts("1m", limit=20)
    assert len(stage.source.asked) == asked
    stage.now_is("2026-07-15T11:02:30")
    assert (await stage.starts("1m", limit=1)) == ["15 11:01"]
    assert len(stage.source.asked) == asked + 1


async def test_longer_bars_are_made_of_the_minutes_and_end_with_their_session(stage: Stage) -> None:
    page = await stage.history.bars(SBIN, "60m", limit=3)
    assert [f"{datetime.fromtimestamp(b.start_ms / 1000, IST):%d %H:%M}" for b in page.bars] == [
        "14 14:15",
        "14 15:15",
        "15 09:15",
    ]
    assert [bar.volume for bar in page.bars] == [600, 150, 600]
    assert await stage.starts("30m", limit=1) == ["15 10:15"]


async def test_pages_go_on_where_the_last_one_ended_over_a_weekend(stage: Stage) -> None:
    found: list[str] = []
    start: datetime | None = at("2026-07-10T15:28")
    while start is not None:
        page = await stage.history.bars(SBIN, "1m", start, at("2026-07-13T09:18"), limit=2)
        found += [f"{datetime.fromtimestamp(bar.start_ms / 1000, IST):%d %H:%M}" for bar in page.bars]
        start = page.next_start
    assert found == ["10 15:28", "10 15:29", "13 09:15", "13 09:16", "13 09:17"]


async def test_days_are_the_brokers_and_today_is_not_over(stage: Stage) -> None:
    assert await stage.starts("1d", limit=3) == ["10 00:00", "13 00:00", "14 00:00"]
    stage.now_is("2026-07-15T15:30:10")
    assert await stage.starts("1d", limit=2) == ["14 00:00", "15 00:00"]


async def test_the_growing_bar_comes_last_when_it_is_asked_for(stage: Stage) -> None:
    growing = Bar(SBIN.key, "1m", ms("2026-07-15T11:00"), 900, 950, 890, 940, 7, closed=False, complete=False)
    await stage.redis.hset(redis_keys.OPEN_BARS, SBIN.key, msgspec.msgpack.encode(growing))
    page = await stage.history.bars(SBIN, "1m", limit=1, include_open=True)
    *_, last = page.bars
    assert (last.closed, last.close_e4, last.volume, last.source) == (False, 940, 7, STREAM)
    hour = (await stage.history.bars(SBIN, "60m", limit=1, include_open=True)).bars[-1]
    assert (hour.closed, hour.volume, hour.low_e4) == (False, 45 * 10 + 7, 890)
    assert all(bar.closed for bar in (await stage.history.bars(SBIN, "60m", limit=3)).bars)


async def test_a_broker_that_does_not_answer_is_said_and_asked_again_the_next_time(stage: Stage) -> None:
    stage.source.refuses = "the candles of NSE:SBIN-EQ: something went wrong"
    with pytest.raises(BarsNotInError, match="something went wrong") as refused:
        await stage.history.bars(SBIN, "1m", limit=5)
    assert refused.value.reason == "BARS_NOT_IN"
    stage.source.refuses = ""
    assert len(await stage.starts("1m", limit=5)) == 5


async def test_without_a_feed_it_is_told_after_a_while_that_bars_are_not_in(stage: Stage, valkey: Valkey) -> None:
    lonely = BarHistory(stage.store, HOURS, WishSender(valkey, 0.2), valkey, stage.clock)
    other = instrument("NSE:TCS-EQ", "11536")
    with pytest.raises(BarsNotInError):
        await lonely.bars(other, "1m", limit=5)


async def test_a_long_span_is_asked_in_the_brokers_pieces_and_never_twice(stage: Stage) -> None:
    page = await stage.history.bars(SBIN, "60m", at("2026-04-01T09:15"), limit=5_000)
    minutes = [asked for asked in stage.source.asked if asked[0] == "1m"]
    assert all(end - start <= timedelta(days=30) for _, start, end in minutes)
    spans = sorted((start, end) for _, start, end in minutes)
    assert all(later[0] > earlier[1] for earlier, later in pairwise(spans))
    assert len(page.bars) == len({bar.start_ms for bar in page.bars}) > 400
    assert all(bar.complete for bar in page.bars)


async def test_a_gap_of_the_stream_is_not_complete_until_the_brokers_candles_are_in(stage: Stage) -> None:
    await stage.history.bars(SBIN, "1m", limit=5)
    await stage.store.shrink([(SBIN.key, ms("2026-07-15T10:50"))])
    await stage.store.write_stream([Bar(SBIN.key, "1m", ms("2026-07-15T10:55"), 1, 1, 1, 1, 1)], [])
    stage.source.refuses = "no"
    with pytest.raises(BarsNotInError):
        await stage.history.bars(SBIN, "1m", limit=5)
    stage.source.refuses = ""
    page = await stage.history.bars(SBIN, "1m", limit=10)
    assert all(bar.complete and bar.source == BROKER and bar.low_e4 > 1 for bar in page.bars)


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"interval": "2m"}, "interval"),
        ({"limit": 0}, "page_size"),
        ({"limit": 5_001}, "page_size"),
        ({"start": at("2026-07-02T10:00"), "end": at("2026-07-02T10:00")}, "end_time"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(stage: Stage, asked: dict[str, object], names: str) -> None:
    with pytest.raises(InvalidArgumentError, match=names):
        await stage.history.bars(SBIN, **asked)  # type: ignore[arg-type]
