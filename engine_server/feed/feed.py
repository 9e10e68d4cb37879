"""The feed, put together: who tells whom."""

from __future__ import annotations

import ssl
import time

from redis.asyncio import Redis

from engine_server.feed.broker_session import SessionKeeper
from engine_server.feed.clock_poller import ClockPoller
from engine_server.feed.download import download
from engine_server.feed.feed_state import FeedFacts, StatePublisher
from engine_server.feed.inbox import FrameInbox
from engine_server.feed.instrument_keeper import InstrumentKeeper
from engine_server.feed.instrument_publisher import InstrumentPublisher
from engine_server.feed.listing import Listing
from engine_server.feed.market_stream import MarketStream
from engine_server.feed.market_time import MarketTime
from engine_server.feed.quote_book import QuoteBook
from engine_server.feed.settings import FeedSettings
from engine_server.feed.subscription_keeper import SubscriptionKeeper
from engine_server.feed.subscription_table import SubscriptionTable
from engine_server.feed.subscriptions import SubscriptionPlan
from engine_server.feed.tick_path import TickPath
from engine_server.feed.tick_routes import routes
from engine_server.instruments.catalog import InstrumentCatalog
from tradewinds.clock import MarketClock, SystemClock
from tradewinds.config import BrokerSettings
from tradewinds.database.session import Database
from tradewinds.service import Service


class Feed:
    """All parts of one feed process. `start` spawns them as watched tasks."""

    def __init__(
        self,
        database: Database,
        redis: Redis,
        settings: FeedSettings,
        broker: BrokerSettings,
        seal_key: bytes,
        tls: ssl.SSLContext,
        instance_id: str,
    ) -> None:
        clock = SystemClock()
        market_clock = MarketClock(clock)
        inbox = FrameInbox()
        self._database = database
        self._clock = ClockPoller(broker.clock_url, tls, redis, market_clock, clock)
        market_time = MarketTime(market_clock, lambda: self._clock.is_known, self._clock.look)
        self._ticks = TickPath(redis, inbox, QuoteBook(redis), market_time, lambda _ticks: None)
        self._sessions = SessionKeeper(database, seal_key, settings.account_id)
        self._stream = MarketStream(broker.market_stream_url, tls, self._sessions, inbox, self._ticks.reconnected)
        self._subscriptions = SubscriptionKeeper(SubscriptionTable(database), self._subscriptions_changed)
        self._instruments = InstrumentKeeper(
            lambda: download(broker.scrip_master_url, tls),
            InstrumentPublisher(redis, instance_id),
            InstrumentCatalog(redis),
            minimum_rows=settings.scrip_master_minimum_rows,
            market_clock=market_clock,
            clock=clock,
            on_change=self._listing_changed,
        )
        self._state = StatePublisher(redis, self.facts)

    def start(self, service: Service) -> None:
        """Run everything; if one part dies, the process says so and stops."""
        service.spawn("market clock", self._clock.run())
        service.spawn("instruments", self._instruments.run())
        service.spawn("broker session", self._sessions.follow())
        service.spawn("subscriptions", self._subscriptions.follow(self._database))
        service.spawn("market stream", self._stream.run())
        service.spawn("tick path", self._ticks.run())
        service.spawn("tick writing", self._ticks.write())
        service.spawn("quotes", self._ticks.keep_quotes())
        service.spawn("feed state", self._state.run())

    def _listing_changed(self, listing: Listing) -> None:
        self._subscriptions.use(listing.instruments)

    def _subscriptions_changed(self, plan: SubscriptionPlan) -> None:
        # First where ticks go, then that they are wanted: the first tick must find its way.
        self._ticks.want(routes(plan.subscribed.values()))
        self._stream.want(plan.subscribed)

    def facts(self) -> FeedFacts:
        """What all parts know, for the published state."""
        now, plan, last_tick_ns = time.monotonic(), self._subscriptions.plan, self._ticks.last_tick_ns
        return FeedFacts(
            has_session=self._sessions.session is not None,
            connected=self._stream.connected_at is not None,
            subscriptions=len(plan.subscribed),
            refused=len(plan.refused),
            unknown=len(plan.unknown),
            seconds_since_tick=(time.time_ns() - last_tick_ns) / 1e9 if last_tick_ns else None,
            seconds_since_change=now - self._stream.changed_at,
            last_tick_ms=last_tick_ns // 1_000_000,
            ticks=self._ticks.ticks,
            dropped=self._ticks.dropped.total(),
            scrip_master=self._instruments.listing.version,
            problem=self._stream.problem,
        )
