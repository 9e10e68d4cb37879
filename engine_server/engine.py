"""`python -m engine_server engine`: the public API, the fleet and the order management of this engine, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from engine_server.broker.angel_one.broker import AngelOneBroker
from engine_server.broker.angel_one.budgets import BudgetsByClient
from engine_server.broker.angel_one.credentials import unseal_credentials
from engine_server.broker.angel_one.rates import RateSettings
from engine_server.broker.angel_one.sessions import PostgresSessionStore
from engine_server.broker.fence import EgressFence
from engine_server.broker.port import Broker
from engine_server.configuration import Configuration, Parts
from engine_server.fleet.cordons import Cordons
from engine_server.fleet.domain.crashes import CrashBudget
from engine_server.fleet.fleet import Fleet
from engine_server.fleet.trading_hours import CalendarHours
from engine_server.market.feed_status import FeedStatusReader
from engine_server.market_parts import MarketParts
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
from engine_server.oms.reconciled_news import ReconciledNews
from engine_server.oms.registry import AccountRegistry, BrokerFactory
from engine_server.oms.risk_board import StoredRiskBoard
from engine_server.oms.risk_decisions import DecisionPolicy, keep_applying
from engine_server.operations.health import HealthCheck
from engine_server.operations.listings import Listings
from engine_server.operations.log_seals import keep_sealing
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
from tradewinds import garbage
from tradewinds.auth import TokenVerifier
from tradewinds.config import (
    load,
)
from tradewinds.database.faults import is_passing
from tradewinds.database.redis_connection import RedisConnection
from tradewinds.database.session import Database
from tradewinds.grpc_server import GrpcServer, open_channel
from tradewinds.ids import new_id
from tradewinds.service import Service, serve_metrics
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


async def main(service: Service) -> None:
    """Serve until the process is told to stop."""
    configuration = Configuration.from_environment()
    configuration.log()
    verifier = TokenVerifier(configuration.auth.jwks_file)
    async with _stores(configuration) as (database, redis), _notifier_channel(configuration) as notifier:
        relay = OutboxRelay(database, notifier, configuration.auth.service_token.get_secret_value())
        await _serve(service, Parts(configuration, database, redis, relay), verifier)


async def _serve(service: Service, parts: Parts, verifier: TokenVerifier) -> None:
    market = await MarketParts.read(service, parts)
    orders = _orders(service, parts, market)
    fleet = _fleet(service, parts, market, orders)
    peers, strategies = Peers(service.settings.instance_id), StrategyWatch(parts.database, service.stopping)
    server = GrpcServer(verifier, is_passing)
    _add_trading(server.server, service, market, orders, peers)
    _add_fleet(server.server, fleet, peers, strategies)
    _add_market_data(server.server, parts, market)
    _add_operations(server.server, parts, market, orders, peers)
    market.spawn(service, parts)
    orders.spawn(service, parts)
    service.spawn("outbox relay", parts.relay.run())
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


@dataclass(frozen=True)
class _Orders:
    """The order management of the accounts that this engine owns, and what every engine can say of all of them."""

    registry: AccountRegistry
    event_log: OrderEventLog
    queries: OrderQueries
    board: StoredRiskBoard
    policy: DecisionPolicy
    desk: KillDesk

    def spawn(self, service: Service, parts: Parts) -> None:
        """Everything that keeps it going."""
        follower = EventFollower(parts.database, parts.redis.client, self.event_log, service.settings.instance_id)
        service.spawn("risk board", self.board.follow())
        service.spawn("risk decisions", keep_applying(parts.database))
        service.spawn("order log seals", keep_sealing(parts.database))
        service.spawn("accounts", self.registry.run())
        service.spawn("order events announced", follower.announce())
        service.spawn("order events heard", follower.listen())
        service.spawn("order events followed", follower.follow())


def _orders(service: Service, parts: Parts, market: MarketParts) -> _Orders:
    configuration, rates = parts.configuration, load(RateSettings)
    egress, name = configuration.engine.egress_url, service.settings.instance_id
    event_log, board = OrderEventLog(parts.database), StoredRiskBoard(parts.database)
    policy = DecisionPolicy(configuration.risk.approvals, configuration.risk.cool_off_seconds)
    desk = KillDesk(parts.database, EgressFence(egress, name), parts.clock, new_id, policy)
    oms = OmsParts(
        database=parts.database,
        event_log=event_log,
        clock=parts.clock,
        market_clock=parts.market_clock,
        new_id=new_id,
        tag_key=tag_key(configuration.seal.key_bytes()),
        wake_outbox=parts.relay.wake,
        compare_positions=PositionsCheck(market.catalog.by_token),
        tell_reconciled=ReconciledNews(parts.redis.client, parts.clock).tell,
        board=board,
        desk=desk,
        instruments=market.catalog,
        quotes=market.order_quotes,
        intraday=market.intraday,
        settings=OmsSettings(pacer=PacerSettings(limit=rates.order_messages.in_a_second)),
    )
    owner = LeaseOwner(name, configuration.engine.address(service.settings.host))
    fence = EgressFence(egress, owner.owner_id)
    make_broker = _broker_factory(configuration, parts.database, rates)
    registry = AccountRegistry(
        oms, owner, configuration.leases, fence, make_broker, market.catalog, market.order_quotes, market.entries
    )
    return _Orders(registry, event_log, OrderQueries(parts.database), board, policy, desk)


def _add_trading(server: Any, service: Service, market: MarketParts, orders: _Orders, peers: Peers) -> None:
    watch = OrderWatch(orders.event_log, orders.queries, service.stopping)
    servicer = TradingServicer(
        orders.registry, orders.queries, watch, market.order_quotes, market.catalog.by_token, peers
    )
    trading_pb2_grpc.add_TradingServicer_to_server(servicer, server)


def _add_fleet(server: Any, fleet: Fleet, peers: Peers, strategies: StrategyWatch) -> None:
    manager = StrategyManagerServicer(fleet, peers, strategies)
    strategy_manager_pb2_grpc.add_StrategyManagerServicer_to_server(manager, server)
    strategy_runner_pb2_grpc.add_StrategyRunnerServicer_to_server(StrategyRunnerServicer(fleet), server)


def _add_market_data(server: Any, parts: Parts, market: MarketParts) -> None:
    servicer = MarketDataServicer(
        market.catalog,
        market.quotes,
        market.watch,
        FeedStatusReader(parts.redis.client, parts.clock),
        CalendarDesk(parts.database, market.calendar),
        BarDesk(market.bars),
        parts.market_clock,
        parts.clock,
    )
    market_data_pb2_grpc.add_MarketDataServicer_to_server(servicer, server)


def _add_operations(server: Any, parts: Parts, market: MarketParts, orders: _Orders, peers: Peers) -> None:
    servicer = OperationsServicer(
        HealthCheck(parts.database, parts.redis.client, market.master.problem),
        Listings(parts.database),
        Cordons(parts.database),
        RiskParts(parts.database, orders.queries, orders.desk, orders.policy, new_id, parts.market_clock),
        BrokerLogins(parts.database, orders.registry, peers),
        OwnersWord(orders.registry, peers),
    )
    operations_pb2_grpc.add_OperationsServicer_to_server(servicer, server)


def _fleet(service: Service, parts: Parts, market: MarketParts, orders: _Orders) -> Fleet:
    """Commands, assignment and the sessions of the runners that connect here."""
    engine = parts.configuration.engine
    return Fleet(
        database=parts.database,
        redis=parts.redis.client,
        leases=parts.configuration.leases,
        engine_id=service.settings.instance_id,
        engine_address=engine.address(service.settings.host),
        instruments=market.catalog,
        order_events=orders.event_log,
        books=orders.queries,
        outbox_wake=parts.relay.wake,
        clock=parts.clock,
        ids=new_id,
        crash_budget=CrashBudget(engine.quarantine_crashes, engine.quarantine_window_seconds),
        strategy_facts_changed=orders.registry.strategies.forget,
        hours=CalendarHours(market.calendar, parts.market_clock, market.catalog, market.master.problem),
        orders=orders.registry,
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
