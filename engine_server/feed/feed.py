"""The feed, put together: who tells whom."""

from __future__ import annotations

import ssl
import time
from datetime import timedelta

from redis.asyncio import Redis

from engine_server.bars.market_hours import MarketHours
from engine_server.broker.angel_one import AngelOneMarketData
from engine_server.broker.angel_one.budgets import Budgets
from engine_server.broker.angel_one.rates import RateSettings
from engine_server.calendar.domain.segments import class_of, segment_of
from engine_server.calendar.store import CalendarStore
from engine_server.calendar.trading_calendar import TradingCalendar
from engine_server.feed.bar_parts import BarParts, BarSurroundings
from engine_server.feed.broker_session import SessionKeeper
from engine_server.feed.clock_poller import ClockPoller
from engine_server.feed.download import download
from engine_server.feed.feed_lease import FeedLease
from engine_server.feed.feed_state import FeedFacts, SocketFacts, StatePublisher
from engine_server.feed.followed import StreamedSocket
from engine_server.feed.inbox import FrameInbox
from engine_server.feed.instrument_keeper import InstrumentKeeper, MasterRules
from engine_server.feed.instrument_publisher import InstrumentPublisher
from engine_server.feed.listing import Listing
from engine_server.feed.market_phases import CalendarPhases
from engine_server.feed.market_sockets import CANARY, MarketSockets
from engine_server.feed.market_stream import MarketStream
from engine_server.feed.market_time import MarketTime
from engine_server.feed.master_alarm import MasterAlarm
from engine_server.feed.master_archive import MasterArchive
from engine_server.feed.master_ledger import MasterLedger
from engine_server.feed.placement import Placement
from engine_server.feed.quote_book import QuoteBook
from engine_server.feed.rotation import Rotation
from engine_server.feed.settings import FeedSettings
from engine_server.feed.stale_board import StaleBoard
from engine_server.feed.stale_notices import StaleNotices
from engine_server.feed.subscription_keeper import SubscriptionKeeper
from engine_server.feed.subscription_outcome import SubscriptionOutcome, outcome
from engine_server.feed.subscription_table import SubscriptionTable
from engine_server.feed.subscriptions import SubscriptionPlan
from engine_server.feed.tick_path import TickPath
from engine_server.feed.tick_routes import routes
from engine_server.feed.watch import Watch
from engine_server.feed.watchdog import Watchdog
from engine_server.instruments.master_gate import not_in_because
from tradewinds import garbage
from tradewinds.clock import MarketClock, SystemClock, ist
from tradewinds.config import BrokerSettings, load
from tradewinds.database.session import Database
from tradewinds.ids import new_id
from tradewinds.service import Service
from tradewinds.ticks import instrument_code


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
        self._market_clock = market_clock
        self._outcome = SubscriptionOutcome()
        self._calendar = TradingCalendar(CalendarStore(database))
        self._clock = ClockPoller(broker.clock_url, tls, redis, market_clock, clock)
        self._sessions = SessionKeeper(database, seal_key, settings.account_id)
        self._lease = FeedLease(
            database,
            self._sessions,
            name=settings.account_id or "default",
            owner_id=instance_id,
            instance_id=new_id("feed"),
            on_held=self._take_over,
        )
        self._source = AngelOneMarketData(broker, lambda: self._lease.session, budgets=Budgets(load(RateSettings)))
        surroundings = BarSurroundings(
            database,
            redis,
            self._source,
            MarketHours(lambda: self._calendar.current),
            market_clock,
            is_clock_known=lambda: self._clock.is_known,
            streamed=self._streamed,
            instruments=lambda: self._instruments.listing.instruments,
            may_write=lambda: self._lease.may_write,
        )
        self._bars = BarParts(
            surroundings, retention_days=settings.bar_retention_days, days_back=settings.bar_backfill_days
        )
        self._ticks = TickPath(
            redis,
            inbox,
            QuoteBook(redis),
            MarketTime(market_clock, lambda: self._clock.is_known, self._clock.look),
            may_write=lambda: self._lease.may_write,
            sink=self._bars.feed,
        )
        self._sockets = MarketSockets(
            settings.sockets,
            broker.market_stream_url,
            tls,
            self._lease,
            inbox,
            on_change=self._placed,
            on_connected=self._ticks.reconnected,
            most=settings.socket_quota,
        )
        phases = CalendarPhases(self._calendar)
        self._watchdog = Watchdog(self._sockets, phases, market_clock, lambda: self._ticks.canary_ticked)
        self._rotation = Rotation(
            self._source,
            market_clock,
            wanted=lambda: self._sockets.placement.rotated if self._lease.session is not None else {},
            is_open=lambda one: phases.may_move(segment_of(one), class_of(one), market_clock.now()),
            take=self._ticks.take_sampled,
        )
        self._board = StaleBoard(redis)
        self._watch = Watch(self._sockets, self._watchdog, self._board, lambda: self._lease.is_held)
        self._notices = StaleNotices(database, lambda: self._board.stale, clock, lambda: self._lease.is_held)
        self._subscriptions = SubscriptionKeeper(
            SubscriptionTable(database), lambda: self._sockets.placement.streamed, self._wanted
        )
        self._instruments = InstrumentKeeper(
            lambda sink: download(broker.scrip_master_url, tls, sink),
            InstrumentPublisher(redis, instance_id),
            MasterLedger(database, _archive(database, settings), market_clock),
            MasterAlarm(database, self._not_in_because, lambda: ist(market_clock.now()).date()),
            rules=MasterRules(
                settings.scrip_master_minimum_rows, settings.scrip_master_least_share, settings.scrip_master_may_repeat
            ),
            may_trade=self._calendar.may_trade,
            until_clock_known=self._clock.until_known,
            market_clock=market_clock,
            clock=clock,
            on_change=self._listing_changed,
        )
        self._state = StatePublisher(redis, self.facts, self._lease.superseded)

    def start(self, service: Service) -> None:
        """Run everything; if one part dies, the process says so and stops."""
        service.spawn("market clock", self._clock.run())
        service.spawn("calendar", self._calendar.follow(self._database))
        service.spawn("instruments", self._instruments.run())
        service.spawn("broker session", self._sessions.follow())
        service.spawn("feed lease", self._lease.run())
        service.spawn("subscriptions", self._subscriptions.follow(self._database))
        for name, coroutine in self._sockets.runs():
            service.spawn(name, coroutine)
        service.spawn("tick path", self._ticks.run())
        service.spawn("tick writing", self._ticks.write())
        service.spawn("quotes", self._ticks.keep_quotes())
        for name, coroutine in self._bars.runs():
            service.spawn(name, coroutine)
        service.spawn("rotation", self._rotation.run())
        service.spawn("feed watch", self._watch.run())
        service.spawn("feed notices", self._notices.run())
        service.spawn("feed state", self._state.run())

    async def close(self) -> None:
        """Let another feed take over at once."""
        await self._lease.release()
        await self._ticks.close()
        await self._bars.close()
        await self._source.close()

    async def _take_over(self) -> None:
        await self._ticks.adopt()
        self._bars.feed.begin()

    def _streamed(self) -> list[StreamedSocket]:
        """What comes on each socket now; nothing while another feed streams."""
        if not self._lease.is_held:
            return []
        return [
            StreamedSocket(instruments, stream.connections if stream.connected_at is not None else None)
            for stream, instruments in zip(self._sockets.streams, self._sockets.placement.sockets, strict=True)
        ]

    def _listing_changed(self, listing: Listing) -> None:
        self._subscriptions.use(listing.instruments)
        garbage.settle()  # 150,000 rows that stay until tomorrow

    def _not_in_because(self, listing: Listing) -> str:
        return not_in_because(
            bool(listing.version), listing.trade_day, self._market_clock.now(), self._calendar.may_trade
        )

    def _wanted(self, plan: SubscriptionPlan) -> None:
        canary = self._instruments.listing.instruments.get(CANARY)
        # First where ticks go, then that they are wanted: the first tick must find its way.
        self._ticks.want(routes(plan.wanted.values()))
        self._ticks.expect(instrument_code(canary.exchange_type, int(canary.token)) if canary is not None else None)
        self._sockets.want(plan.wanted, canary)

    def _placed(self, placement: Placement) -> None:
        self._outcome = outcome(self._subscriptions.plan, placement)

    def facts(self) -> FeedFacts | None:
        """What all parts know, for the published state; None while another feed streams."""
        if not self._lease.is_held:
            return None
        last_tick_ns = self._ticks.last_tick_ns
        return FeedFacts(
            has_session=self._sessions.session is not None,
            sockets=[_socket_facts(stream) for stream in self._sockets.streams],
            streamed=self._outcome.streamed,
            rotated=self._outcome.rotated,
            rotation_seconds=round(self._rotation.cycle_seconds),
            rotation_problem=self._rotation.problem,
            bar_gaps=self._bars.backfill.gaps,
            unknown=self._outcome.unknown,
            subscribers=self._outcome.subscribers,
            open_instruments=self._watchdog.open_instruments,
            stale=len(self._board.stale),
            seconds_since_tick=(time.time_ns() - last_tick_ns) / 1e9 if last_tick_ns else None,
            last_tick_ms=last_tick_ns // 1_000_000,
            ticks=self._ticks.ticks,
            dropped=self._ticks.dropped,
            scrip_master=self._instruments.listing.version,
            scrip_master_day=str(self._instruments.listing.trade_day or ""),
            scrip_master_problem=self._instruments.problem,
            epoch=self._lease.epoch,
        )


def _archive(database: Database, settings: FeedSettings) -> MasterArchive:
    retention = timedelta(days=settings.scrip_master_retention_days)
    return MasterArchive(database, retention=retention, minimum_rows=settings.scrip_master_minimum_rows)


def _socket_facts(stream: MarketStream) -> SocketFacts:
    is_connected = stream.connected_at is not None
    return SocketFacts(
        stream.number, is_connected, stream.subscriptions, stream.quota, stream.connections, stream.problem
    )
