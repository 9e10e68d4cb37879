"""The tick path: frames of the sockets → decoded in bulk → judged → one pipelined batch to Redis. Nothing in it waits for a reader.

At once when idle; under load whatever came within a millisecond goes together. Reading never waits for Redis: while that is slow
or away the newest tick of each instrument is kept, the rest is dropped and counted, and the newest go out when it is back.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol

import prometheus_client
from prometheus_client import Histogram
from redis.asyncio import Redis
from redis.exceptions import RedisError

from engine_server.feed.backlog import Backlog
from engine_server.feed.few import decode_few
from engine_server.feed.inbox import FrameInbox, Frames
from engine_server.feed.market_time import MarketTime
from engine_server.feed.packets import DecodedTicks, decode
from engine_server.feed.quote_book import QuoteBook
from engine_server.feed.tick_judge import TickJudge
from engine_server.feed.tick_routes import TickRoutes
from engine_server.feed.tick_writer import TickWriter
from tradewinds.database.reconnecting import describe
from tradewinds.telemetry import get_logger
from tradewinds.ticks import FEW_TICKS, TickArray, instrument_codes

log = get_logger("feed.ticks")

FRAMES = prometheus_client.Counter("tradewinds_feed_frames_total", "Binary frames off the market sockets")
TICKS = prometheus_client.Counter("tradewinds_feed_ticks_total", "Ticks written to Redis")
CANARY = prometheus_client.Gauge(
    "tradewinds_feed_canary_ticked", "1 when the canary has ticked: silence is then noticed sooner"
)
DROPPED = prometheus_client.Counter("tradewinds_feed_ticks_dropped_total", "Ticks dropped, by reason", ["reason"])
FLUSH_SECONDS = Histogram(
    "tradewinds_feed_flush_seconds",
    "First frame off the socket to acknowledged by Redis",
    buckets=(0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.05, 0.25, 1),
)

_COALESCE_SECONDS: Final = 0.001
_WRITE_DEADLINE_SECONDS: Final = 1.0
_AGAIN_SECONDS: Final = 0.1
_MEND_SECONDS: Final = 1.0
# What the market does by itself: said in numbers only.
_ORDINARY: Final = frozenset({"unwanted", "regressed", "sampled"})


class TickSink(Protocol):
    """Who builds on the ticks in this process."""

    def take(self, ticks: TickArray) -> None:
        """A batch of news, in the order of arrival."""
        ...

    def lost(self) -> None:
        """Some ticks, nobody knows which, were lost before they were read."""
        ...


class TickPath:
    """Owns the inbox's other end, the judge, the backlog and the quotes. `sink` gets every batch of news, in order."""

    def __init__(
        self,
        redis: Redis,
        inbox: FrameInbox,
        quotes: QuoteBook,
        market_time: MarketTime,
        *,
        may_write: Callable[[], bool],
        sink: TickSink,
    ) -> None:
        """`may_write` is False while another feed may be publishing: what comes waits, the newest of each."""
        self._writer = TickWriter(redis, seconds=_WRITE_DEADLINE_SECONDS)
        self._inbox = inbox
        self._quotes = quotes
        self._market_time = market_time
        self._may_write = may_write
        self._sink = sink
        self._judge = TickJudge()
        self._routes = self._judge.routes  # those that everything that was written went by
        self._backlog = Backlog()
        self._filled = asyncio.Event()
        # An old quote that is written again must not overtake a new one.
        self._writing = asyncio.Lock()
        self._canary: int | None = None
        self.canary_ticked = False
        self.ticks = 0
        self.dropped: Counter[str] = Counter()
        self.last_tick_ns = 0

    def want(self, routes: TickRoutes) -> None:
        """From now on write ticks of these instruments only."""
        self._judge.want(routes)
        self._quotes.want(routes)

    def expect(self, code: int | None) -> None:
        """Ticks of the canary come, whether anybody wants them or not."""
        if code != self._canary:
            self._canary, self.canary_ticked = code, False
            CANARY.set(0)
            self._judge.expect({code} if code is not None else set())

    def reconnected(self) -> None:
        """A new connection numbers its ticks as it likes."""
        self._judge.reconnected()

    async def adopt(self) -> None:
        """Go on where a feed before us ended: what it published is not news. A Redis that is away has nothing to adopt."""
        self._backlog.take()
        try:
            async with asyncio.timeout(_WRITE_DEADLINE_SECONDS):
                published = await self._quotes.published()
        except (RedisError, OSError, TimeoutError) as e:
            log.warning("adopt.failed", error=describe(e))
            return
        self._judge.remember(published)
        self._quotes.adopt(published)

    async def run(self) -> None:
        """Decode and judge, for ever."""
        began = 0.0
        while True:
            # Only what comes within a millisecond of the batch before waits for it to be over: a wake-up costs as much as a few ticks.
            frames = await self._inbox.take(began + _COALESCE_SECONDS)
            began = time.monotonic()
            if frames.payloads:
                FRAMES.inc(len(frames.payloads))
                if overflow := self._inbox.take_overflow():
                    self._drop("overflow", overflow)
                    self._sink.lost()
                await self.take(_decoded(frames))

    async def take(self, decoded: DecodedTicks) -> None:
        """One batch off the sockets."""
        moment = self._market_time.moment()
        if moment is not None and self._judge.has_future(decoded, moment):
            await self._market_time.look_again()
            moment = self._market_time.moment()
        if not self.canary_ticked and self._canary is not None:
            self.canary_ticked = bool((instrument_codes(decoded.ticks) == self._canary).any())
            CANARY.set(self.canary_ticked)
        judged = self._judge.judge(decoded, moment)
        for reason, count in judged.dropped.items():
            self._drop(reason, count)
        if len(judged.quotes):
            self._take_quotes(judged.quotes)
        if len(judged.news):
            self.last_tick_ns = int(judged.news["received_ns"][-1])
            self._quotes.take(judged.news, judged.slots)
            self._backlog.add(judged.news)
            self._sink.take(judged.news)
        if len(judged.news) or len(judged.quotes):
            self._filled.set()

    def take_sampled(self, ticks: TickArray) -> None:
        """Quotes that were asked for, one an instrument: each is as of now; those that say something new go to everybody."""
        good = self._judge.sampled(ticks)
        self._drop("sampled", len(ticks) - len(good))
        if not len(good):
            return
        self._backlog.add(good[self._quotes.differ(good)])
        self._take_quotes(good)
        self._filled.set()

    def _take_quotes(self, ticks: TickArray) -> None:
        self._quotes.take(ticks, self._judge.routes.slots(instrument_codes(ticks)))

    async def close(self) -> None:
        """Let the connection to Redis go."""
        await self._writer.close()

    async def write(self) -> None:
        """Write what waits, for ever; what fails is tried again with whatever is newest then."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            if not await self._flush():
                await asyncio.sleep(_AGAIN_SECONDS)
                self._filled.set()

    async def keep_quotes(self) -> None:
        """Mend `md:quotes` once a second, for ever."""
        while True:
            try:
                async with self._writing, asyncio.timeout(_WRITE_DEADLINE_SECONDS):
                    if self._may_write():
                        await self._quotes.mend()
            except (RedisError, OSError, TimeoutError) as e:
                log.warning_throttled("mend.failed", error=describe(e))
            await asyncio.sleep(_MEND_SECONDS)

    async def _flush(self) -> bool:
        if not self._may_write():
            return False
        async with self._writing:
            ticks = self._still_wanted(self._backlog.take())
            try:
                await self._writer.write(ticks, self._quotes.unwritten())
            except (RedisError, OSError, TimeoutError) as e:
                self._quotes.doubt()
                if len(ticks):
                    self._backlog.give_back(ticks)
                log.warning_throttled("write.failed", error=describe(e), waiting=len(self._backlog))
                return False
            finally:
                self._drop("overload", self._backlog.take_dropped())
        if len(ticks):
            self.ticks += len(ticks)
            TICKS.inc(len(ticks))
            FLUSH_SECONDS.observe((time.time_ns() - int(ticks["received_ns"][0])) / 1e9)
        return True

    def _still_wanted(self, ticks: TickArray) -> TickArray:
        """Without what nobody wants any more: what waits may have come before the wishes changed."""
        if self._judge.routes is self._routes:
            return ticks
        self._routes = self._judge.routes
        return ticks[self._routes.slots(instrument_codes(ticks)) >= 0]

    def _drop(self, reason: str, count: int) -> None:
        if count:
            self.dropped[reason] += count
            DROPPED.labels(reason).inc(count)
            if reason not in _ORDINARY:
                log.warning_throttled(f"dropped.{reason}", count=count, dropped_so_far=self.dropped[reason])


def _decoded(frames: Frames) -> DecodedTicks:
    few = decode_few(*frames) if len(frames.payloads) <= FEW_TICKS else None
    return few if few is not None else decode(*frames)
