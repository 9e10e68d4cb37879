"""Which bars are complete: what a socket that is down, lost frames, another connection or another feed do to them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np
import pytest

from engine_server.bars.domain.ranges import Range
from engine_server.bars.market_hours import MarketHours
from engine_server.calendar.domain.calendar import Calendar
from engine_server.calendar.domain.seed import seeded_days
from engine_server.feed.bar_feed import BarFeed
from engine_server.feed.followed import StreamedSocket
from tests.unit.feed.instruments import instrument
from tradewinds.bars import Bar
from tradewinds.clock import IST
from tradewinds.instruments import InstrumentKey
from tradewinds.ticks import REST_FLAG, TICK_DTYPE

SBIN, TCS = instrument("NSE:SBIN-EQ", "3045"), instrument("NSE:TCS-EQ", "11536")
CALENDAR = Calendar().with_days(seeded_days(date(2026, 7, 13), date(2026, 7, 17)))


def at(text: str) -> int:
    return round(datetime.fromisoformat(f"2026-07-15T{text}").replace(tzinfo=IST).timestamp() * 1000)


@dataclass
class Publisher:
    closed: list[Bar] = field(default_factory=list)
    growing: dict[InstrumentKey, Bar] = field(default_factory=dict)

    def begin(self) -> None:
        self.closed.clear()

    def close(self, bars: Sequence[Bar]) -> None:
        self.closed += bars

    async def flush(self) -> None: ...

    def grow(self, bars: Iterable[Bar]) -> None:
        self.growing.update((bar.instrument, bar) for bar in bars)

    def forget(self, keys: Iterable[InstrumentKey]) -> None:
        for key in keys:
            self.growing.pop(key, None)


@dataclass
class Keeper:
    stored: list[Bar] = field(default_factory=list)
    whole: dict[InstrumentKey, Range] = field(default_factory=dict)
    lost: list[tuple[InstrumentKey, int]] = field(default_factory=list)
    is_short: bool = False

    def begin(self) -> None: ...

    def add(self, bars: Iterable[Bar], whole: Mapping[InstrumentKey, Range]) -> None:
        self.stored += bars
        self.whole.update(whole)

    def lose(self, lost: Sequence[tuple[InstrumentKey, int]]) -> None:
        self.lost += lost

    def take_shortage(self) -> bool:
        was_short, self.is_short = self.is_short, False
        return was_short


class Clock:
    """Market time that the test sets."""

    rate = 1.0

    def __init__(self) -> None:
        self.ms = at("09:00:00")
        self.leapt_from_ms: int | None = None  # a moment ago

    def now_ms(self) -> int:
        return self.ms

    def ago_ms(self, real_seconds: float) -> int:
        return self.ms - int(real_seconds * 1000) if self.leapt_from_ms is None else self.leapt_from_ms


class Stage:
    def __init__(self) -> None:
        self.publisher, self.keeper, self.clock = Publisher(), Keeper(), Clock()
        self.instruments = {SBIN.key: SBIN, TCS.key: TCS}
        self.sockets: list[StreamedSocket] = [StreamedSocket(self.instruments, 1)]
        self.feed = BarFeed(
            self.publisher,  # type: ignore[arg-type]
            self.keeper,  # type: ignore[arg-type]
            MarketHours(lambda: CALENDAR),
            self.clock,  # type: ignore[arg-type]
            is_known=lambda: True,
            streamed=lambda: self.sockets,
            may_write=lambda: True,
        )
        self.now_is("09:00:00")

    def now_is(self, text: str) -> None:
        self.clock.ms = at(text)
        self.feed.round()

    def tick(self, text: str, price: int, volume: int, one: object = SBIN, *, flags: int = 0) -> None:
        assert one is SBIN or one is TCS
        ticks = np.zeros(1, TICK_DTYPE)
        ticks["exchange_type"], ticks["token"] = one.exchange_type, int(one.token)
        ticks["last_price_e4"], ticks["volume"], ticks["exchange_ms"], ticks["flags"] = price, volume, at(text), flags
        self.feed.take(ticks)
        self.now_is(max(text, f"{datetime.fromtimestamp(self.clock.ms / 1000, IST):%H:%M:%S}"))

    def minutes(self, one: object = SBIN) -> list[tuple[str, int, bool]]:
        """Start, volume and completeness of the minutes that were published."""
        return [
            (f"{datetime.fromtimestamp(bar.start_ms / 1000, IST):%H:%M}", bar.volume, bar.complete)
            for bar in self.publisher.closed
            if bar.interval == "1m" and bar.instrument == one.key  # type: ignore[attr-defined]
        ]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_minute_is_published_and_stored_a_moment_after_its_end(stage: Stage) -> None:
    stage.tick("09:15:10", 100, 5)
    assert stage.publisher.growing[SBIN.key].close_e4 == 100
    stage.now_is("09:16:00.5")
    assert stage.minutes() == []
    stage.now_is("09:16:01.1")
    assert stage.minutes() == [("09:15", 5, True)]
    assert [bar.start_ms for bar in stage.keeper.stored] == [at("09:15:00")]
    assert stage.keeper.whole[TCS.key].until_ms == at("09:16:00"), "nothing traded, and nothing is missing"


def test_a_socket_that_is_down_makes_no_minute_complete_until_it_is_back_for_a_moment(stage: Stage) -> None:
    stage.tick("09:15:10", 100, 5)
    stage.sockets = [StreamedSocket(stage.instruments, None)]
    stage.now_is("09:15:30")
    assert (SBIN.key, at("09:15:00")) in stage.keeper.lost
    stage.now_is("09:17:30")
    stage.sockets = [StreamedSocket(stage.instruments, 2)]
    stage.now_is("09:17:59.5")
    stage.tick("09:18:05", 101, 50)
    stage.tick("09:18:20", 102, 60)
    stage.tick("09:19:20", 102, 70)
    stage.now_is("09:20:02")
    assert stage.minutes() == [("09:15", 5, False), ("09:18", 10, False), ("09:19", 10, True)]
    assert stage.keeper.whole[SBIN.key] == Range(at("09:19:00"), at("09:20:00"))


def test_a_socket_that_was_lost_and_is_back_within_a_round_spoils_the_minute_all_the_same(stage: Stage) -> None:
    stage.tick("09:15:10", 100, 5)
    stage.sockets = [StreamedSocket(stage.instruments, 2)]
    stage.tick("09:16:05", 101, 50)
    stage.tick("09:17:05", 101, 60)
    stage.tick("09:18:05", 101, 65)
    # When the 45 of the first new tick were traded is not known.
    assert stage.minutes() == [("09:15", 5, False), ("09:17", 10, True)]


def test_lost_frames_spoil_the_minute_that_they_were_in(stage: Stage) -> None:
    stage.tick("09:15:10", 100, 5)
    stage.feed.lost()
    stage.now_is("09:15:20")
    stage.tick("09:16:10", 100, 9)
    stage.tick("09:16:20", 101, 12)
    stage.tick("09:17:10", 100, 20)
    stage.now_is("09:18:02")
    # How much of the nine was traded before 09:16 is not known.
    assert stage.minutes() == [("09:15", 5, False), ("09:16", 3, False), ("09:17", 8, True)]


def test_what_comes_after_its_bar_was_over_is_fetched_from_the_broker(stage: Stage) -> None:
    stage.tick("09:15:10", 100, 5)
    stage.now_is("09:16:05")
    assert stage.minutes() == [("09:15", 5, True)]
    stage.tick("09:15:50", 120, 8)
    stage.now_is("09:16:10")
    assert (SBIN.key, at("09:15:00")) in stage.keeper.lost
    stage.tick("09:16:20", 101, 9)
    stage.tick("09:16:30", 102, 11)
    stage.now_is("09:17:02")
    assert [complete for _, _, complete in stage.minutes()] == [True, False]


def test_a_process_that_was_held_up_gives_bars_so_much_longer(stage: Stage) -> None:
    stage.tick("09:15:10", 100, 5)
    stage.clock.ms = at("09:16:03")
    stage.feed.round(2.5)
    assert stage.minutes() == []
    stage.tick("09:15:50", 120, 8)
    stage.now_is("09:16:03.3")
    assert stage.minutes() == [("09:15", 8, True)]


def test_a_bar_waits_for_its_last_ticks_while_market_time_leaps_over_the_night(stage: Stage) -> None:
    for one in (SBIN, TCS):
        stage.tick("15:29:10", 100, 5, one)
    stage.clock.leapt_from_ms = at("15:29:59.4")
    stage.tick("23:59:00", 100, 5, TCS)
    assert stage.minutes() == stage.minutes(TCS) == []
    stage.tick("15:29:59", 120, 8)  # it was on its way
    stage.sockets = [StreamedSocket({SBIN.key: SBIN}, 1), StreamedSocket({TCS.key: TCS}, None)]
    stage.now_is("23:59:30")
    stage.clock.leapt_from_ms = None
    stage.now_is("23:59:31")
    assert stage.minutes(SBIN) == [("15:29", 8, True)]
    assert stage.minutes(TCS) == [("15:29", 5, False)], "what its socket had not delivered is lost"


def test_what_moves_to_another_socket_is_interrupted_and_its_neighbour_is_not(stage: Stage) -> None:
    stage.tick("09:15:10", 100, 5)
    stage.tick("09:15:11", 200, 7, TCS)
    stage.sockets = [StreamedSocket({SBIN.key: SBIN}, 1), StreamedSocket({TCS.key: TCS}, 1)]
    stage.now_is("09:15:20")
    stage.now_is("09:16:02")
    assert stage.minutes(SBIN) == [("09:15", 5, True)]
    assert stage.minutes(TCS) == [("09:15", 7, False)]


def test_another_token_under_the_same_key_is_another_instrument(stage: Stage) -> None:
    stage.tick("09:15:10", 100, 5)
    renumbered = instrument("NSE:SBIN-EQ", "777")
    stage.sockets = [StreamedSocket({SBIN.key: renumbered}, 1)]
    stage.now_is("09:15:20")
    stage.tick("09:15:30", 999, 6)
    stage.now_is("09:16:02")
    assert stage.minutes() == []
    assert SBIN.key not in stage.publisher.growing


def test_a_feed_that_stands_by_follows_nothing_and_one_that_begins_has_nothing_old(stage: Stage) -> None:
    stage.tick("09:15:10", 100, 5)
    stage.sockets = []
    stage.now_is("09:15:20")
    assert stage.publisher.growing == {}
    assert not stage.feed.complete_from()
    stage.feed.begin()
    stage.sockets = [StreamedSocket(stage.instruments, 2)]
    stage.now_is("09:16:10")
    stage.tick("09:16:20", 100, 500)
    stage.tick("09:16:30", 101, 503)
    stage.now_is("09:17:02")
    assert stage.minutes() == [("09:16", 3, False)]


def test_a_price_that_was_asked_for_makes_no_bar(stage: Stage) -> None:
    stage.tick("09:15:10", 100, 5, flags=REST_FLAG)
    stage.now_is("09:16:02")
    assert stage.minutes() == []


def test_bars_that_did_not_fit_the_store_are_a_gap(stage: Stage) -> None:
    stage.tick("09:15:10", 100, 5)
    stage.keeper.is_short = True
    stage.now_is("09:16:02")
    assert (SBIN.key, at("09:15:00")) in stage.keeper.lost


def test_more_ticks_than_fit_between_two_rounds_are_given_up_as_a_gap(stage: Stage) -> None:
    stage.tick("09:15:10", 100, 5)
    stage.feed.take(np.zeros(200_001, TICK_DTYPE))
    stage.now_is("09:15:20")
    stage.now_is("09:16:02")
    assert stage.minutes() == [("09:15", 5, False)]


def test_a_market_clock_that_was_set_back_closes_all_as_incomplete_and_begins_anew(stage: Stage) -> None:
    stage.tick("11:15:10", 100, 5)
    stage.now_is("09:20:00")
    assert stage.minutes() == [("11:15", 5, False)]
    stage.tick("09:21:10", 100, 5)
    stage.tick("09:22:10", 100, 9)
    stage.now_is("09:23:02")
    assert stage.minutes()[-1] == ("09:22", 4, True)


async def test_what_is_being_built_when_another_time_begins_is_given_up(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.tick("09:15:10", 100, 5)
    stage.clock.ms = at("09:16:05")
    pauses = 0

    async def pause(seconds: float) -> None:
        nonlocal pauses
        pauses += 1
        if pauses == 2:
            stage.feed.begin()
        if seconds > 0.1:  # the round is over
            raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", pause)
    with pytest.raises(asyncio.CancelledError):
        await stage.feed.run()
    assert stage.minutes() == [], "another feed has published since"
