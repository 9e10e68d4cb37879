"""Everything in the feed that makes bars, put together: built from ticks, published, stored, and filled up from the broker."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from engine_server.bars.market_hours import MarketHours
from engine_server.bars.partitions import MonthPartitions
from engine_server.bars.store import BarStore
from engine_server.bars.wishes import WishReader
from engine_server.broker.market_data import MarketDataSource
from engine_server.feed.bar_backfill import Backfill
from engine_server.feed.bar_feed import BarFeed
from engine_server.feed.bar_keeper import BarKeeper
from engine_server.feed.bar_publisher import BarPublisher
from engine_server.feed.followed import StreamedSocket
from tradewinds.clock import MarketClock
from tradewinds.database.session import Database
from tradewinds.instruments import Instrument, InstrumentKey


@dataclass(frozen=True)
class BarSurroundings:
    """What bars are made of and where they go. `may_write` is False while another feed may be publishing."""

    database: Database
    redis: Redis
    source: MarketDataSource
    hours: MarketHours
    market_clock: MarketClock
    is_clock_known: Callable[[], bool]
    streamed: Callable[[], Sequence[StreamedSocket]]
    instruments: Callable[[], Mapping[InstrumentKey, Instrument]]
    may_write: Callable[[], bool]


class BarParts:
    """`feed` takes the ticks; `runs` are watched tasks."""

    def __init__(self, around: BarSurroundings, *, retention_days: int, days_back: int) -> None:
        self._around = around
        store = BarStore(around.database)
        self._keeper = BarKeeper(store, MonthPartitions(around.database), retention_days, around.may_write)
        self._publisher = BarPublisher(around.redis)
        self.feed = BarFeed(
            self._publisher,
            self._keeper,
            around.hours,
            around.market_clock,
            is_known=around.is_clock_known,
            streamed=around.streamed,
            may_write=around.may_write,
        )
        self.backfill = Backfill(
            store,
            around.source,
            WishReader(around.redis),
            around.hours,
            around.market_clock,
            instruments=around.instruments,
            complete_from=self.feed.complete_from,
            may_ask=lambda: around.may_write() and around.is_clock_known(),
            days_back=days_back,
        )

    def runs(self) -> Iterable[tuple[str, Coroutine[Any, Any, None]]]:
        """Named coroutines, to run for ever."""
        yield "bars", self.feed.run()
        yield "bar store", self._keeper.run()
        yield "bar partitions", self._keeper.keep_house(self._market_now_ms)
        yield "bar wishes", self.backfill.read_wishes()
        yield "bar wish filling", self.backfill.serve_wishes()
        yield "bar gap filling", self.backfill.close_gaps()

    async def close(self) -> None:
        """Let the connection to Redis go."""
        await self._publisher.end()

    def _market_now_ms(self) -> int | None:
        return self._around.market_clock.now_ms() if self._around.is_clock_known() else None
