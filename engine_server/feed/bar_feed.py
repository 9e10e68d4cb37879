"""Ticks of this feed as bars: every quarter of a second what has come is built, published, and given to be stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from prometheus_client import Gauge

from engine_server.bars.domain.builder import BarBuilder, ClosedBars
from engine_server.bars.domain.ranges import Range
from engine_server.bars.domain.rows import Rows
from engine_server.bars.domain.sessions import DAY_MS, MINUTE_MS, ist_day
from engine_server.bars.market_hours import Market, MarketHours, market_of
from engine_server.feed.bar_keeper import BarKeeper
from engine_server.feed.bar_publisher import BarPublisher
from engine_server.feed.followed import Changes, FollowedInstruments, StreamedSocket
from engine_server.feed.growing_bars import GrowingBars
from tradewinds.bars import STREAM, Bar
from tradewinds.clock import MarketClock
from tradewinds.instruments import Instrument, InstrumentKey
from tradewinds.telemetry import get_logger
from tradewinds.ticks import TickArray

log = get_logger("feed.bars")

LATE = Gauge("tradewinds_feed_bar_ticks_late", "Ticks that came after their bar was over, since the start")

_CYCLE_SECONDS: Final = 0.25
_STEP_SECONDS: Final = 0.001
# At 50,000 ticks a second a round has 12,500, and no tick passed while they were taken in one piece: a third of that time now. Smaller
# pieces cost more than they give, since each looks at every instrument that has traded.
_AT_ONCE: Final = 3_200
# Real seconds: a bar waits so long for the last ticks of its minute, also where market time leaps over them.
GRACE_SECONDS: Final = 1.0
_MAX_WAITING_TICKS: Final = 200_000
_JUMP_BACK_MS: Final = 60_000
# Real seconds: a subscription that was asked for is in force by then.
_SUBSCRIBED_SECONDS: Final = 1.0


class BarFeed:
    """`take` is called with every batch of ticks, `run` is a watched task."""

    def __init__(
        self,
        publisher: BarPublisher,
        keeper: BarKeeper,
        hours: MarketHours,
        market_clock: MarketClock,
        *,
        is_known: Callable[[], bool],
        streamed: Callable[[], Sequence[StreamedSocket]],
        may_write: Callable[[], bool],
    ) -> None:
        """`is_known`: whether the market clock has been set. `may_write` is False while another feed may be publishing."""
        self._publisher = publisher
        self._keeper = keeper
        self._hours = hours
        self._market_clock = market_clock
        self._is_known = is_known
        self._streamed = streamed
        self._may_write = may_write
        self._builder = BarBuilder()
        self._followed = FollowedInstruments()
        self._markets: dict[Market, int] = {}
        self._hours_of: tuple[int, int, int] = (-1, -1, -1)
        self._waiting: list[TickArray] = []
        self._waiting_ticks = 0
        self._has_lost = False
        self._life = 0
        self._growing = GrowingBars()
        self._now_ms = 0
        self._told_ms = 0

    def begin(self) -> None:
        """This feed streams from now on: what waits here is of an earlier time, and others have published since."""
        self._waiting, self._waiting_ticks = [], 0
        self._life += 1
        self._publisher.begin()
        self._keeper.begin()

    def lost(self) -> None:
        """Some ticks, nobody knows which, have not come this far."""
        self._has_lost = True

    def take(self, ticks: TickArray) -> None:
        """A batch, in the order of arrival. More than 200,000 ticks between two rounds: all are given up, as a gap."""
        self._waiting.append(ticks)
        self._waiting_ticks += len(ticks)
        if self._waiting_ticks > _MAX_WAITING_TICKS:
            log.warning_throttled("overflow", dropped=self._waiting_ticks)
            self._waiting, self._waiting_ticks = [], 0
            self.lost()

    async def run(self) -> None:
        """Build, for ever."""
        loop = asyncio.get_running_loop()
        lag = 0.0
        while True:
            if self._is_known():
                life = self._life
                for _ in self._steps(lag):
                    await asyncio.sleep(_STEP_SECONDS)  # long enough for a batch of ticks to pass on its whole way
                    if self._life != life:
                        break  # what was being built is of an earlier time
                if self._may_write():
                    await self._publisher.flush()
            due = loop.time() + _CYCLE_SECONDS
            await asyncio.sleep(_CYCLE_SECONDS)
            lag = loop.time() - due

    def complete_from(self) -> Mapping[InstrumentKey, int]:
        """Since when the minutes of each instrument are complete (epoch ms)."""
        slots = self._followed.slots
        times = self._builder.complete_from_ms(np.array(slots, np.int64)).tolist()
        return {self._followed.key(slot): _next_minute(ms) for slot, ms in zip(slots, times, strict=True)}

    def round(self, lag_seconds: float = 0.0) -> None:
        """Take what has come, close what is over, follow what is streamed now. A process that was held up has not read yet what came
        meanwhile: bars wait so much longer.
        """
        for _ in self._steps(lag_seconds):
            pass

    def _steps(self, lag_seconds: float) -> Iterator[None]:
        """A round in pieces of a few milliseconds at most: ticks may pass between them, and wait for the next round here."""
        now_ms = self._market_clock.now_ms()
        closed: list[ClosedBars] = []
        if now_ms < self._now_ms - _JUMP_BACK_MS:
            log.info("clock.back", from_ms=self._now_ms, to_ms=now_ms)
            closed += self._builder.close_all()
            self._told_ms = 0
            self.lost()
        self._now_ms = now_ms
        if self._has_lost:
            self._has_lost = False
            self._interrupt(self._followed.slots, now_ms)
        self._refresh_hours(now_ms)
        # Before the ticks: where a socket has been lost and is there again since the last round, those of the new one would end a bar that
        # the old one has not filled.
        self._follow(self._streamed(), now_ms)
        ticks = self._collect()
        yield
        for start in range(0, len(ticks), _AT_ONCE):
            closed += self._builder.take(ticks[start : start + _AT_ONCE])
            yield
        closed_until_ms = self._market_clock.ago_ms(GRACE_SECONDS + lag_seconds) // MINUTE_MS * MINUTE_MS
        closed += self._builder.advance(closed_until_ms)
        LATE.set(self._builder.late)
        self._correct_late(now_ms)
        yield
        self._tell(closed, ticks)
        yield
        self._store(closed, closed_until_ms)

    def _collect(self) -> Rows:
        """What has come since the last round of what we follow."""
        batches, self._waiting, self._waiting_ticks = self._waiting, [], 0
        return self._followed.rows(batches)

    def _tell(self, closed: list[ClosedBars], ticks: Rows) -> None:
        for bars in closed:
            self._publisher.close(list(self._bars(bars.interval, bars.rows, closed=True)))
        self._growing.changed(np.unique(ticks["slot"]).tolist())
        if told := self._growing.take():
            self._publisher.grow(self._bars("1m", self._builder.growing(np.array(told, np.int64)), closed=False))

    def _store(self, closed: list[ClosedBars], closed_until_ms: int) -> None:
        minutes = [bar for bars in closed if bars.interval == "1m" for bar in self._bars("1m", bars.rows, closed=True)]
        whole: dict[InstrumentKey, Range] = {}
        if closed_until_ms > self._told_ms and (minutes or self._is_trading(closed_until_ms - MINUTE_MS)):
            self._told_ms = closed_until_ms
            spans = {key: Range(from_ms, closed_until_ms) for key, from_ms in self.complete_from().items()}
            whole = {key: span for key, span in spans.items() if not span.is_empty}
        if minutes or whole:
            self._keeper.add(minutes, whole)
        if self._keeper.take_shortage():
            self._interrupt(self._followed.slots, self._now_ms)

    def _bars(self, interval: str, rows: Rows, *, closed: bool) -> Iterable[Bar]:
        for slot, start, _end, _filled, first, high, low, last, volume, interest, complete, _watched in rows.tolist():
            key = self._followed.key(slot)
            yield Bar(key, interval, start, first, high, low, last, volume, interest, STREAM, closed, complete)

    def _follow(self, streamed: Sequence[StreamedSocket], now_ms: int) -> None:
        if changes := self._followed.changes(streamed):
            self._change(changes, now_ms)
        if mute := self._followed.mute:
            self._builder.interrupt(np.array(mute, np.int64), now_ms)

    def _change(self, changes: Changes, now_ms: int) -> None:
        settled_ms = now_ms + int(_SUBSCRIBED_SECONDS * 1000 * max(1.0, self._market_clock.rate))
        self._leave(changes.gone)
        self._interrupt(list(changes.moved), settled_ms)
        for slot, source in changes.moved.items():
            self._followed.move(slot, source)
        for instrument, source in changes.new.values():
            self._followed.add(self._begin(instrument, settled_ms), instrument, source)
        if changes.gone or changes.new:
            self._followed.index()

    def _begin(self, instrument: Instrument, complete_from_ms: int) -> int:
        market = market_of(instrument)
        if market not in self._markets:
            self._markets[market] = len(self._markets)
            self._hours_of = (-1, -1, -1)
        return self._builder.begin(self._markets[market], complete_from_ms)

    def _leave(self, slots: list[int]) -> None:
        if not slots:
            return
        self._lose(slots)
        self._growing.forget(slots)
        self._publisher.forget([self._followed.key(slot) for slot in slots])
        for slot in slots:
            self._builder.end(slot)
            self._followed.remove(slot)

    def _interrupt(self, slots: list[int], complete_from_ms: int) -> None:
        if slots:
            self._lose(slots)
            self._builder.interrupt(np.array(slots, np.int64), complete_from_ms)

    def _lose(self, slots: list[int]) -> None:
        """Nothing is known of them since their last tick: a socket may have been mute for a while before it was found dead."""
        last_seen = self._builder.last_seen_ms(np.array(slots, np.int64)).tolist()
        self._keeper.lose(
            [
                (self._followed.key(slot), seen // MINUTE_MS * MINUTE_MS)
                for slot, seen in zip(slots, last_seen, strict=True)
            ]
        )

    def _correct_late(self, now_ms: int) -> None:
        """What came after its bar was over is missing there, and its volume is in the bar of now: both come from the broker."""
        if late := self._builder.take_late():
            self._keeper.lose([(self._followed.key(slot), ms // MINUTE_MS * MINUTE_MS) for slot, ms in late.items()])
            self._builder.interrupt(np.array(list(late), np.int64), now_ms)

    def _refresh_hours(self, now_ms: int) -> None:
        """Sessions of yesterday, today and tomorrow, again when the day, the calendar or the markets change."""
        state = (ist_day(now_ms), self._hours.version, len(self._markets))
        if state == self._hours_of:
            return
        self._hours_of = state
        for market, number in self._markets.items():
            self._builder.use_sessions(number, self._hours.sessions(market, now_ms - DAY_MS, now_ms + DAY_MS))

    def _is_trading(self, time_ms: int) -> bool:
        return any(self._hours.minutes(market, time_ms, time_ms + MINUTE_MS) for market in self._markets)


def _next_minute(time_ms: int) -> int:
    return -(-time_ms // MINUTE_MS) * MINUTE_MS
