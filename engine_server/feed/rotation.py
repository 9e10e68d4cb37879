"""What is wanted and not streamed, quoted in turn: fifty instruments a request, at a pace that the broker's hourly limit bears.

Whoever was quoted longest ago is next; among equals the order of the wishes. An instrument whose market is closed is asked for once a
minute: its price does not move. Everybody waits equally long, and `cycle_seconds` says how long that is.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from prometheus_client import Counter, Gauge

from engine_server.broker.market_data import MarketDataSource, QuoteReport
from engine_server.broker.port import BrokerError
from engine_server.feed.placement import Instruments
from tradewinds.clock import MarketClock
from tradewinds.database.reconnecting import Backoff
from tradewinds.instruments import Instrument, InstrumentKey
from tradewinds.money import to_e4
from tradewinds.telemetry import get_logger
from tradewinds.ticks import REST_FLAG, TICK_DTYPE, TickArray

log = get_logger("feed.rotation")

QUOTED = Counter("tradewinds_feed_rotated_quotes_total", "Quotes of the rotation", ["outcome"])
CYCLE = Gauge("tradewinds_feed_rotation_seconds", "How long it takes until everything in the rotation is quoted again")

QUOTES_A_REQUEST: Final = 50  # SmartAPI market quote: tokens a request
# 10/s, 500/min and 5,000/h: once a second stays below the hour's, and leaves a quarter of it.
PACE_SECONDS: Final = 1.0
_CLOSED_SECONDS: Final = 60.0
_IDLE_SECONDS: Final = 0.25
_NEVER: Final = float("-inf")


class Rotation:
    """`run` is a watched task. `wanted`: what is in the rotation now, in the order of the wishes; empty while another feed streams."""

    def __init__(
        self,
        source: MarketDataSource,
        market_clock: MarketClock,
        *,
        wanted: Callable[[], Instruments],
        is_open: Callable[[Instrument], bool],
        take: Callable[[TickArray], None],
        pace_seconds: float = PACE_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._source = source
        self._market_clock = market_clock
        self._wanted = wanted
        self._is_open = is_open
        self._take = take
        self._pace_seconds = pace_seconds
        self._monotonic = monotonic
        self._wall_ns = wall_ns
        self._quoted_at: dict[InstrumentKey, float] = {}
        self._backoff = Backoff(2.0, 30.0)
        self.problem = ""

    @property
    def cycle_seconds(self) -> float:
        """How long it takes until each is quoted again; 0 where nothing is in the rotation."""
        return math.ceil(len(self._wanted()) / QUOTES_A_REQUEST) * self._pace_seconds

    async def run(self) -> None:
        """Ask, for ever."""
        while True:
            CYCLE.set(self.cycle_seconds)
            chosen = self.next_batch()
            await asyncio.sleep(await self.ask(chosen) if chosen else _IDLE_SECONDS)

    def next_batch(self) -> list[Instrument]:
        """Those whose turn it is."""
        now, wanted = self._monotonic(), self._wanted()
        self._quoted_at = {key: at for key, at in self._quoted_at.items() if key in wanted}
        due = [key for key, instrument in wanted.items() if self._is_due(key, instrument, now)]
        due.sort(key=lambda key: self._quoted_at.get(key, _NEVER))
        return [wanted[key] for key in due[:QUOTES_A_REQUEST]]

    async def ask(self, chosen: Sequence[Instrument]) -> float:
        """One request; returns the seconds until the next."""
        started = self._monotonic()
        try:
            reports = await self._source.quotes(chosen)
        except BrokerError as e:
            self.problem = e.message
            QUOTED.labels("failed").inc(len(chosen))
            log.warning_throttled("failed", error=e.message)
            return self._backoff.next_delay()
        self.problem = ""
        self._backoff.reset()
        # Those that the broker does not quote have had their turn too.
        self._quoted_at.update((instrument.key, started) for instrument in chosen)
        QUOTED.labels("quoted").inc(len(reports))
        QUOTED.labels("missing").inc(len(chosen) - len(reports))
        self._take(quote_ticks(reports, chosen, self._market_clock.now_ms(), self._wall_ns()))
        return max(0.0, started + self._pace_seconds - self._monotonic())

    def _is_due(self, key: InstrumentKey, instrument: Instrument, now: float) -> bool:
        quoted_at = self._quoted_at.get(key, _NEVER)
        return now - quoted_at >= _CLOSED_SECONDS or (
            now - quoted_at >= self._pace_seconds and self._is_open(instrument)
        )


def quote_ticks(
    reports: Iterable[QuoteReport], asked: Iterable[Instrument], market_ms: int, received_ns: int
) -> TickArray:
    """Quotes as tick records that say that they were asked for. One that has not traded is as of now: bid and ask are."""
    types: Mapping[tuple[str, str], int] = {(i.exchange, i.token): i.exchange_type for i in asked}
    found = [report for report in reports if (report.exchange, report.token) in types]
    ticks = np.zeros(len(found), TICK_DTYPE)
    for tick, report in zip(ticks, found, strict=True):
        tick["exchange_type"], tick["token"] = types[report.exchange, report.token], int(report.token)
        tick["flags"], tick["received_ns"] = REST_FLAG, received_ns
        tick["last_price_e4"] = to_e4(report.last_price)
        tick["bid_price_e4"] = to_e4(report.bid_price) if report.bid_price is not None else 0
        tick["ask_price_e4"] = to_e4(report.ask_price) if report.ask_price is not None else 0
        tick["close_price_e4"] = to_e4(report.close_price) if report.close_price is not None else 0
        tick["volume"], tick["open_interest"] = report.volume, report.open_interest
        tick["exchange_ms"] = round(report.traded_at.timestamp() * 1000) if report.traded_at is not None else market_ms
    return ticks
