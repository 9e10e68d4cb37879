"""Back-fill: what is missing of bars is asked from the broker, a piece at a time, until it is in or the broker has none.

Two workers share the broker's budget: one for what somebody waits for, one that closes the gaps of what is streamed (after a
start, a reconnection, a dropped tick). What is in is written with the stretch that is whole by it: a restart goes on there.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from weakref import WeakValueDictionary

from prometheus_client import Counter, Gauge

from engine_server.bars.candles import Differences, bars_of, differences
from engine_server.bars.domain.ranges import Range, kept, missing, pieces
from engine_server.bars.domain.sessions import DAY_MS, MINUTE_MS, day_start_ms, ist_day
from engine_server.bars.market_hours import MarketHours, market_of
from engine_server.bars.store import BarStore
from engine_server.bars.wishes import Wish, WishReader
from engine_server.broker.market_data import MarketDataSource
from engine_server.broker.port import BrokerError
from tradewinds.clock import MarketClock
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.reconnecting import Backoff, describe
from tradewinds.instruments import Instrument, InstrumentKey
from tradewinds.telemetry import get_logger

log = get_logger("feed.backfill")

FILLED = Counter("tradewinds_feed_backfilled_bars_total", "Bars taken from the broker's candles", ["interval"])
DIFFERING = Counter(
    "tradewinds_feed_bars_differing_total", "Bars of the stream that the broker's differed from", ["how"]
)
GAPS = Gauge("tradewinds_feed_bar_gaps", "Streamed instruments whose bars are not whole yet")

# Real seconds: a candle of the broker's is final so long after its minute.
SETTLE_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 1.0
_MAX_WISHES: Final = 500
_TELL_SECONDS: Final = 10.0
_DERIVATIVES: Final = ("FUT", "OPT")
_LONG_MS: Final = 10 * DAY_MS


@dataclass
class _Asked:
    wanted: Range
    wishes: list[Wish] = field(default_factory=list)


class Backfill:
    """`read_wishes`, `serve_wishes` and `close_gaps` are watched tasks. `may_ask`: whether this feed is the one that streams."""

    def __init__(
        self,
        store: BarStore,
        source: MarketDataSource,
        wishes: WishReader,
        hours: MarketHours,
        market_clock: MarketClock,
        *,
        instruments: Callable[[], Mapping[InstrumentKey, Instrument]],
        complete_from: Callable[[], Mapping[InstrumentKey, int]],
        may_ask: Callable[[], bool],
        days_back: int,
    ) -> None:
        self._store = store
        self._source = source
        self._wishes = wishes
        self._hours = hours
        self._market_clock = market_clock
        self._instruments = instruments
        self._complete_from = complete_from
        self._may_ask = may_ask
        self._days_back = days_back
        self._asked: OrderedDict[tuple[InstrumentKey, str], _Asked] = OrderedDict()
        self._arrived = asyncio.Event()
        self.gaps = 0  # streamed instruments whose bars are not whole yet
        self._locks: WeakValueDictionary[tuple[InstrumentKey, str], asyncio.Lock] = WeakValueDictionary()

    async def read_wishes(self) -> None:
        """Take wishes in, for ever; those for the same bars are one."""
        async for wish in self._wishes.wishes():
            if not self._may_ask():
                continue
            key = (wish.instrument, wish.interval)
            if len(self._asked) >= _MAX_WISHES and key not in self._asked:
                await self._wishes.answer(wish, f"{_MAX_WISHES} other instruments are waited for already; try again")
                continue
            asked = self._asked.setdefault(key, _Asked(wish.wanted))
            asked.wanted = asked.wanted.joined(wish.wanted)
            asked.wishes.append(wish)
            self._arrived.set()

    async def serve_wishes(self) -> None:
        """Fill what somebody waits for, first come first served, for ever."""
        while True:
            if not self._asked:
                self._arrived.clear()
                await self._arrived.wait()
            (key, interval), asked = self._asked.popitem(last=False)
            problem = await self._attempt(key, interval, asked.wanted)
            for wish in asked.wishes:
                await self._wishes.answer(wish, problem)

    async def close_gaps(self) -> None:
        """Make whole what is streamed, for ever."""
        backoff = Backoff(1.0, 60.0)
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if not self._may_ask():
                continue
            try:
                gaps = await self._gaps()
            except PASSING_FAULTS as e:
                log.warning_throttled("unreadable", error=describe(e))
                continue
            self._has_gaps(len(gaps))
            if gaps and not await self._close(gaps):
                await asyncio.sleep(backoff.next_delay())
            else:
                backoff.reset()

    def _has_gaps(self, number: int) -> None:
        self.gaps = number
        GAPS.set(number)

    async def _close(self, gaps: Mapping[InstrumentKey, Range]) -> bool:
        """One after the other; False where the broker does not answer now."""
        loop = asyncio.get_running_loop()
        began = told_at = loop.time()
        log.info("gaps.found", instruments=len(gaps))
        for number, (key, wanted) in enumerate(gaps.items(), start=1):
            problem = await self._attempt(key, "1m", wanted)
            if problem:
                log.warning_throttled("gap.left", instrument=key, problem=problem)
                return False
            self._has_gaps(len(gaps) - number)
            if loop.time() - told_at >= _TELL_SECONDS:
                told_at = loop.time()
                log.info("gaps.progress", closed=number, of=len(gaps))
        log.info("gaps.closed", instruments=len(gaps), seconds=round(loop.time() - began, 1))
        return True

    async def _gaps(self) -> dict[InstrumentKey, Range]:
        """What is missing of each streamed instrument: before the minute from which its ticks are complete, or at all."""
        complete_from, settled_ms = self._complete_from(), self.settled_ms()
        known = await self._store.whole_minutes(list(complete_from))
        found: dict[InstrumentKey, Range] = {}
        for key, from_ms in complete_from.items():
            instrument = self._instruments().get(key)
            if instrument is None or from_ms > settled_ms:
                continue
            wanted = Range(day_start_ms(ist_day(from_ms) - self._days_back), from_ms)
            if any(self._matters(instrument, gap) for gap in missing(known.get(key), wanted)):
                found[key] = wanted
        return found

    def settled_ms(self) -> int:
        """Candles of minutes before this are final at the broker."""
        behind = SETTLE_SECONDS * 1000 * max(1.0, self._market_clock.rate)
        return int(self._market_clock.now_ms() - behind) // MINUTE_MS * MINUTE_MS

    async def _attempt(self, key: InstrumentKey, interval: str, wanted: Range) -> str:
        """Fill; returns what is the matter, empty when all is in."""
        instrument = self._instruments().get(key)
        if instrument is None:
            return f"{key} is not in today's scrip master"
        lock = self._locks.setdefault((key, interval), asyncio.Lock())
        try:
            async with lock:
                await self.fill(instrument, interval, wanted)
        except BrokerError as e:
            return e.message
        except PASSING_FAULTS as e:
            return f"the database is away ({type(e).__name__})"
        return ""

    async def fill(self, instrument: Instrument, interval: str, wanted: Range) -> None:
        """Make a stretch whole, as far as candles are final. Raises `BrokerError` and asyncpg's errors; what is in stays in."""
        if interval == "1m":
            wanted = Range(wanted.from_ms, min(wanted.until_ms, self.settled_ms()))
        whole = await self._store.whole(instrument.key, interval)
        base = kept(whole, wanted)
        for piece in pieces(whole, wanted, interval):
            span = piece if base is None else base.joined(piece)
            await self._fill_piece(instrument, interval, piece, span)
            base = span

    async def _fill_piece(self, instrument: Instrument, interval: str, piece: Range, whole: Range) -> None:
        if not self._matters(instrument, piece):
            await self._store.write_candles(instrument.key, interval, (), whole)
            return
        first, last = _moment(piece.from_ms), _moment(piece.until_ms - MINUTE_MS)
        candles = await self._source.candles(instrument, interval, first, last)
        interest: Iterable[tuple[datetime, int]] = ()
        if candles and instrument.kind in _DERIVATIVES:
            interest = await self._source.open_interest(instrument, interval, first, last)
        bars = bars_of(instrument.key, interval, candles, interest, piece)
        if interval == "1m":
            self._compare(differences(await self._store.minutes(instrument.key, piece), bars))
        await self._store.write_candles(instrument.key, interval, bars, whole)
        FILLED.labels(interval).inc(len(bars))
        log.info(
            "filled",
            instrument=instrument.key,
            interval=interval,
            first=first.isoformat(),
            last=last.isoformat(),
            bars=len(bars),
        )

    def _compare(self, found: Differences) -> None:
        DIFFERING.labels("slightly").inc(found.differing - found.far)
        DIFFERING.labels("far").inc(found.far)
        if found.far:
            log.warning("far_from_the_broker", bars=found.far, of=found.differing, example=found.example)

    def _matters(self, instrument: Instrument, gap: Range) -> bool:
        """Whether there was trading in it, or the calendar does not reach so far back."""
        is_long = gap.until_ms - gap.from_ms > _LONG_MS
        return is_long or self._hours.minutes(market_of(instrument), gap.from_ms, gap.until_ms) > 0


def _moment(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC)
