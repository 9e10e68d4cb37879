"""`python -m engine_server engine`: the public API, the fleet and the order management of this engine, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from engine_server.bars.history import BarHistory
from engine_server.bars.market_hours import MarketHours
from engine_server.bars.store import BarStore
from engine_server.bars.wishes import WishSender
from engine_server.broker.angel_one.broker import AngelOneBroker
from engine_server.broker.angel_one.budgets import BudgetsByClient
from engine_server.broker.angel_one.credentials import unseal_credentials
from engine_server.broker.angel_one.rates import RateSettings
from engine_server.broker.angel_one.sessions import PostgresSessionStore
from engine_server.broker.fence import EgressFence
from engine_server.broker.port import Broker
from engine_server.calendar.store import CalendarStore
from engine_server.calendar.trading_calendar import TradingCalendar
from engine_server.calendar.unknown_day import UnknownDayAlarm
from engine_server.fleet.cordons import Cordons
from engine_server.fleet.domain.crashes import CrashBudget
from engine_server.fleet.fleet import Fleet
from engine_server.fleet.trading_hours import CalendarHours
from engine_server.instruments.catalog import InstrumentCatalog
from engine_server.instruments.master_gate import MasterGate
from engine_server.market.entry_gate import EntryGate
from engine_server.market.feed_status import FeedStatusReader
from engine_server.market.intraday import IntradayDay
from engine_server.market.quote_watch import QuoteWatch
from engine_server.market.quotes import QuoteService
from engine_server.oms.account_lease import LeaseOwner
from engine_server.oms.directory import Account
from engine_server.oms.domain.tags import tag_key
from engine_server.oms.event_follower import EventFollower
from engine_server.oms.event_log import OrderEventLog
from engine_server.oms.kill_desk import KillDesk
from engine_server.oms.pacer import PacerSettings
from engine_server.oms.parts import OmsParts, OmsSettings
from engine_server.oms.positions_check import PositionsCheck
from engine_server.oms.queries import OrderQueries
from engine_server.oms.quotes import QuoteReader
from engine_server.oms.reconciled_news import ReconciledNews
from engine_server.oms.registry import AccountRegistry, BrokerFactory
from engine_server.oms.risk_board import StoredRiskBoard
from engine_server.oms.risk_decisions import DecisionPolicy, keep_applying
from engine_server.operations.health import HealthCheck
from engine_server.operations.listings import Listings
from engine_server.outbox import OutboxRelay
from engine_server.rpc.bar_desk import BarDesk
from engine_server.rpc.broker_accounts import OwnersWord
from engine_server.rpc.broker_logins import BrokerLogins
from engine_server.rpc.calendar_desk import CalendarDesk
from engine_server.rpc.market_data import MarketDataServicer
from engine_server.rpc.operations import OperationsServicer
from engine_server.rpc.order_watch import OrderWatch
from engine_server.rpc.peers import Peers
from engine_server.rpc.risk import RiskParts
from engine_server.rpc.runner_session import StrategyRunnerServicer
from engine_server.rpc.strategy_manager import StrategyManagerServicer
from engine_server.rpc.strategy_watch import StrategyWatch
from engine_server.rpc.trading import TradingServicer
from engine_server.settings import EngineSettings, RiskSettings
from tradewinds import garbage
from tradewinds.auth import TokenVerifier
from tradewinds.clock import MarketClock, SystemClock
from tradewinds.config import (
    AuthSettings,
    BrokerSettings,
    DatabaseSettings,
    LeaseSettings,
    RedisSettings,
    SealSettings,
    load,
)
from tradewinds.database.faults import is_passing
from tradewinds.database.redis_connection import RedisConnection
from tradewinds.database.session import Database
from tradewinds.grpc_server import GrpcServer, open_channel
from tradewinds.ids import new_id
from tradewinds.market_clock_reader import follow_market_clock
from tradewinds.service import Service, log_settings, serve_metrics
from tradewinds.v1 import (
    market_data_pb2_grpc,
    operations_pb2_grpc,
    strategy_manager_pb2_grpc,
    strategy_runner_pb2_grpc,
    trading_pb2_grpc,
)

_SERVICES = tuple(
    f"tradewinds.v1.{name}" for name in ("StrategyManager", "StrategyRunner", "Trading", "MarketData", "Operations")
)


@dataclass(frozen=True)
class Configuration:
    """Every setting of an engine, loaded before anything is opened."""

    engine: EngineSettings
    database: DatabaseSettings
    redis: RedisSettings
    auth: AuthSettings
    seal: SealSettings
    leases: LeaseSettings
    broker: BrokerSettings
    risk: RiskSettings

    @classmethod
    def from_environment(cls) -> Configuration:
        """Raises `ConfigurationError` for the first class that does not load."""
        return cls(
            load(EngineSettings),
            load(DatabaseSettings),
            load(RedisSettings),
            load(AuthSettings),
            load(SealSettings),
            load(LeaseSettings),
            load(BrokerSettings),
            load(RiskSettings),
        )

    def log(self) -> None:
        """At start, redacted."""
        log_settings(self.engine, self.database, self.redis, self.auth, self.seal, self.leases, self.broker, self.risk)


@dataclass(frozen=True)
class Parts:
    """What the capabilities of one engine share."""

    configuration: Configuration
    database: Database
    redis: RedisConnection
    relay: OutboxRelay
    clock: SystemClock = field(default_factory=SystemClock)
    market_clock: MarketClock = field(default_factory=MarketClock)


async def main(service: Service) -> None:
    """Serve until the process is told to stop."""
    configuration = Configuration.from_environment()
    configuration.log()
    verifier = TokenVerifier(configuration.auth.jwks_file)
    async with _stores(configuration) as (database, redis), _notifier_channel(configuration) as notifier:
        relay = OutboxRelay(database, notifier, configuration.auth.service_token.get_secret_value())
        await _serve(service, Parts(configuration, database, redis, relay), verifier)


async def _serve(service: Service, parts: Parts, verifier: TokenVerifier) -> None:
    catalog, relay = InstrumentCatalog(parts.redis.client), parts.relay
    event_log, queries = OrderEventLog(parts.database), OrderQueries(parts.database)
    following = QuoteService(parts.redis.client, parts.database)
    quotes = QuoteReader(parts.redis.client, parts.clock, lambda key: following.quotes([key], "orders"))
    calendar = TradingCalendar(CalendarStore(parts.database))
    await calendar.start()
    master = MasterGate(catalog, parts.market_clock, calendar.may_trade)
    intraday = IntradayDay(calendar, parts.market_clock, parts.configuration.engine.mis_square_off_minutes)
    entries = EntryGate(calendar, master, intraday, parts.market_clock)
    risk = parts.configuration.risk
    board, policy = StoredRiskBoard(parts.database), DecisionPolicy(risk.approvals, risk.cool_off_seconds)
    desk = _kill_desk(service, parts, policy)
    registry = _registry(service, parts, event_log, catalog, quotes, entries, intraday, board, desk)
    hours = CalendarHours(calendar, parts.market_clock, catalog, master.problem)
    fleet = _fleet(service, parts, event_log, catalog, queries, registry, hours)
    follower = EventFollower(parts.database, parts.redis.client, event_log, service.settings.instance_id)
    peers = Peers(service.settings.instance_id)
    strategies = StrategyWatch(parts.database, service.stopping)
    watch = OrderWatch(event_log, queries, service.stopping)
    health = HealthCheck(parts.database, parts.redis.client, master.problem)
    server = GrpcServer(verifier, is_passing)
    trading_pb2_grpc.add_TradingServicer_to_server(
        TradingServicer(registry, queries, watch, quotes, catalog.by_token, peers), server.server
    )
    strategy_manager_pb2_grpc.add_StrategyManagerServicer_to_server(
        StrategyManagerServicer(fleet, peers, strategies), server.server
    )
    strategy_runner_pb2_grpc.add_StrategyRunnerServicer_to_server(StrategyRunnerServicer(fleet), server.server)
    quote_watch = QuoteWatch(
        parts.redis.client, partial(following.follow, subject=f"watch:{service.settings.instance_id}"), service.stopping
    )
    feed_status = FeedStatusReader(parts.redis.client, parts.clock)
    market_data_pb2_grpc.add_MarketDataServicer_to_server(
        MarketDataServicer(
            catalog,
            following,
            quote_watch,
            feed_status,
            CalendarDesk(parts.database, calendar),
            BarDesk(_bar_history(parts, calendar)),
            parts.market_clock,
            parts.clock,
        ),
        server.server,
    )
    operations_pb2_grpc.add_OperationsServicer_to_server(
        OperationsServicer(
            health,
            Listings(parts.database),
            Cordons(parts.database),
            RiskParts(parts.database, queries, desk, policy, new_id, parts.market_clock),
            BrokerLogins(parts.database, registry, peers),
            OwnersWord(registry, peers),
        ),
        server.server,
    )
    service.spawn("instruments", catalog.follow())
    service.spawn("calendar", calendar.follow(parts.database))
    service.spawn("unknown day", UnknownDayAlarm(parts.database, calendar, parts.market_clock).run())
    service.spawn("quote watch", quote_watch.run())
    service.spawn("quotes of orders", quotes.run())
    service.spawn("market clock", follow_market_clock(parts.redis.client, parts.market_clock))
    service.spawn("outbox relay", relay.run())
    service.spawn("risk board", board.follow())
    service.spawn("risk decisions", keep_applying(parts.database))
    service.spawn("accounts", registry.run())
    service.spawn("order events announced", follower.announce())
    service.spawn("order events heard", follower.listen())
    service.spawn("order events followed", follower.follow())
    await strategies.start()
    await fleet.start(service)
    try:
        address = await server.start(service.settings.host, parts.configuration.engine.grpc_port, _SERVICES)
        metrics = f"{service.settings.host}:{serve_metrics(service)}"
        garbage.settle()
        service.ready(grpc=address, metrics=metrics)
        await service.run_until_stopped()
    finally:
        await fleet.stop()
        await server.stop()
        await peers.close()
        await service.close()  # before the stores that its tasks work with


def _bar_history(parts: Parts, calendar: TradingCalendar) -> BarHistory:
    """Bars for everybody: what is missing is wished from the feed."""
    hours = MarketHours(lambda: calendar.current)
    redis = parts.redis.client
    return BarHistory(BarStore(parts.database), hours, WishSender(redis), redis, parts.market_clock)


def _registry(
    service: Service,
    parts: Parts,
    event_log: OrderEventLog,
    catalog: InstrumentCatalog,
    quotes: QuoteReader,
    entries: EntryGate,
    intraday: IntradayDay,
    board: StoredRiskBoard,
    desk: KillDesk,
) -> AccountRegistry:
    """The order management of the accounts that this engine owns."""
    rates = load(RateSettings)
    oms = OmsParts(
        database=parts.database,
        event_log=event_log,
        clock=parts.clock,
        market_clock=parts.market_clock,
        new_id=new_id,
        tag_key=tag_key(parts.configuration.seal.key_bytes()),
        wake_outbox=parts.relay.wake,
        compare_positions=PositionsCheck(catalog.by_token),
        tell_reconciled=ReconciledNews(parts.redis.client, parts.clock).tell,
        board=board,
        desk=desk,
        instruments=catalog,
        quotes=quotes,
        intraday=intraday,
        settings=OmsSettings(pacer=PacerSettings(limit=rates.order_messages.in_a_second)),
    )
    owner = LeaseOwner(service.settings.instance_id, parts.configuration.engine.address(service.settings.host))
    make_broker = _broker_factory(parts.configuration, parts.database, rates)
    fence = EgressFence(parts.configuration.engine.egress_url, owner.owner_id)
    return AccountRegistry(oms, owner, parts.configuration.leases, fence, make_broker, catalog, quotes, entries)


def _kill_desk(service: Service, parts: Parts, policy: DecisionPolicy) -> KillDesk:
    fence = EgressFence(parts.configuration.engine.egress_url, service.settings.instance_id)
    return KillDesk(parts.database, fence, parts.clock, new_id, policy)


def _fleet(
    service: Service,
    parts: Parts,
    event_log: OrderEventLog,
    catalog: InstrumentCatalog,
    queries: OrderQueries,
    registry: AccountRegistry,
    hours: CalendarHours,
) -> Fleet:
    """Commands, assignment and the sessions of the runners that connect here."""
    engine = parts.configuration.engine
    return Fleet(
        database=parts.database,
        redis=parts.redis.client,
        leases=parts.configuration.leases,
        engine_id=service.settings.instance_id,
        engine_address=engine.address(service.settings.host),
        instruments=catalog,
        order_events=event_log,
        books=queries,
        outbox_wake=parts.relay.wake,
        clock=parts.clock,
        ids=new_id,
        crash_budget=CrashBudget(engine.quarantine_crashes, engine.quarantine_window_seconds),
        strategy_facts_changed=registry.strategies.forget,
        hours=hours,
        orders=registry,
    )


def _broker_factory(configuration: Configuration, database: Database, rates: RateSettings) -> BrokerFactory:
    """Angel One for every account, with its own unsealed credentials, through the egress."""
    seal_key, budgets = configuration.seal.key_bytes(), BudgetsByClient(rates)

    def make(account: Account, epoch: int) -> Broker:
        credentials = unseal_credentials(seal_key, account.account_id, account.sealed_credentials)
        return AngelOneBroker(
            account.account_id,
            credentials,
            configuration.broker,
            configuration.engine.egress_url,
            epoch,
            PostgresSessionStore(database, seal_key, account.account_id),
            budgets=budgets.of(credentials.client_code),
        )

    return make


@asynccontextmanager
async def _stores(configuration: Configuration) -> AsyncIterator[tuple[Database, RedisConnection]]:
    database, redis = Database(configuration.database), RedisConnection(configuration.redis)
    try:
        await database.connect()
        await redis.connect()
        yield database, redis
    finally:
        await redis.close()
        await database.close()


@asynccontextmanager
async def _notifier_channel(configuration: Configuration) -> AsyncIterator[Any]:
    channel = open_channel(configuration.engine.notifier_address)
    try:
        yield channel
    finally:
        await channel.close()
