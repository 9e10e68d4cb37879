"""An engine's fleet on real PostgreSQL, Valkey and gRPC, and runners that tests script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from engine_server.calendar.domain.days import Interval
from engine_server.feed.instrument_publisher import InstrumentPublisher
from engine_server.feed.listing import Listing
from engine_server.fleet.domain.crashes import CrashBudget
from engine_server.fleet.domain.schedule import Day, Schedule
from engine_server.fleet.fleet import Fleet
from engine_server.instruments.catalog import InstrumentCatalog
from engine_server.instruments.table import InstrumentTable
from engine_server.oms.event_log import OrderEventLog
from engine_server.oms.queries import OrderQueries
from engine_server.rpc.peers import Peers
from engine_server.rpc.runner_session import StrategyRunnerServicer
from engine_server.rpc.strategy_manager import StrategyManagerServicer
from engine_server.rpc.strategy_watch import StrategyWatch
from tests.integration.fleet.scripted_runner import ScriptedRunner
from tests.support.datastores import temporary_state_dir
from tests.support.settings import database_settings
from tests.support.waiting import eventually
from tests.unit.feed.instruments import instrument
from tradewinds import auth
from tradewinds.clock import IST, SystemClock
from tradewinds.config import LeaseSettings, ServiceSettings
from tradewinds.database.redis_connection import RedisConnection
from tradewinds.database.session import Database
from tradewinds.embedded.installation import Installation
from tradewinds.embedded.ports import free_ports
from tradewinds.grpc_server import GrpcServer, open_channel
from tradewinds.ids import new_id
from tradewinds.service import Service
from tradewinds.v1 import strategy_manager_pb2_grpc, strategy_runner_pb2_grpc

LEASES = LeaseSettings(ttl_seconds=0.5)
SYMBOLS = ("RELIANCE-EQ", "TCS-EQ", "INFY-EQ")


@pytest.fixture(scope="session")
def installation() -> Iterator[Installation]:
    with temporary_state_dir() as folder:
        made = Installation(folder)
        made.prepare()
        yield made


@pytest.fixture
async def catalog(redis: RedisConnection) -> InstrumentCatalog:
    """Three shares, published as the feed publishes them."""
    listed = InstrumentTable.of(instrument(f"NSE:{symbol}", str(len(symbol))) for symbol in SYMBOLS)
    await InstrumentPublisher(redis.client, "test").publish(Listing("1", listed))
    loaded = InstrumentCatalog(redis.client)
    await loaded.load()
    return loaded


NOON = datetime(2026, 11, 23, 12, 0, tzinfo=IST)


@dataclass
class TestHours:
    """A market day from 9:15 to 15:30 at a time that tests set."""

    __test__ = False

    time: datetime = NOON
    missing_master: str = ""

    def now(self) -> datetime:
        return self.time

    def day(self, schedule: Schedule) -> Day:
        hours = [Interval(NOON.replace(hour=9, minute=15), NOON.replace(hour=15, minute=30))]
        return Day(True, hours, NOON.replace(hour=15, minute=15))

    def is_open(self, instrument: str) -> bool:
        return True

    def not_in_because(self) -> str:
        return self.missing_master


class NoAccounts:
    """An engine that owns no broker account."""

    def owned(self, account_id: str) -> None:
        return None

    async def place(self, request: Any, caller: Any) -> Any:
        raise AssertionError("it owns no account")

    cancel = place


@dataclass
class Engine:
    """A running engine as far as the fleet goes."""

    address: str
    fleet: Fleet
    orders: OrderEventLog
    service: Service
    server: GrpcServer
    database: Database
    woken: list[None]
    peers: Peers
    stopping: asyncio.Event
    hours: TestHours
    has_stopped: bool = False

    async def stop(self) -> None:
        if self.has_stopped:
            return
        self.has_stopped = True
        await self.fleet.stop()
        await self.server.stop(0.1)
        await self.service.close()
        await self.peers.close()
        await self.database.close()


StartEngine = Callable[..., Awaitable[Engine]]


@pytest.fixture
async def start_engine(
    database_url: str, redis: RedisConnection, catalog: InstrumentCatalog, installation: Installation
) -> AsyncIterator[StartEngine]:
    """Start an engine: `await start_engine("engine-0")`; all are stopped afterwards."""
    engines: list[Engine] = []

    async def start(engine_id: str = "engine-0", *, url: str = "", instruments: Any = None) -> Engine:
        database = Database(database_settings(url or database_url))
        await database.connect()
        [port] = free_ports(1)
        orders, woken, facts_changed = OrderEventLog(database), list[None](), list[str | None]()
        hours = TestHours()
        fleet = Fleet(
            database=database,
            redis=redis.client,
            leases=LEASES,
            engine_id=engine_id,
            engine_address=f"127.0.0.1:{port}",
            instruments=instruments or catalog,
            order_events=orders,
            books=OrderQueries(database),
            outbox_wake=lambda: woken.append(None),
            clock=SystemClock(),
            ids=new_id,
            crash_budget=CrashBudget(crashes=4, window_seconds=60),
            strategy_facts_changed=facts_changed.append,
            hours=hours,
            orders=NoAccounts(),
        )
        peers, stopping = Peers(engine_id), asyncio.Event()
        watch = StrategyWatch(database, stopping, heartbeat_seconds=0.3)
        await watch.start()
        server = GrpcServer(auth.TokenVerifier(installation.jwks_file))
        strategy_runner_pb2_grpc.add_StrategyRunnerServicer_to_server(StrategyRunnerServicer(fleet), server.server)
        strategy_manager_pb2_grpc.add_StrategyManagerServicer_to_server(
            StrategyManagerServicer(fleet, peers, watch), server.server
        )
        service = Service(engine_id, ServiceSettings())
        await fleet.start(service)
        address = await server.start(
            "127.0.0.1", port, ["tradewinds.v1.StrategyRunner", "tradewinds.v1.StrategyManager"]
        )
        engines.append(Engine(address, fleet, orders, service, server, database, woken, peers, stopping, hours))
        return engines[-1]

    yield start
    for engine in engines:
        await engine.stop()


@pytest.fixture
async def engine(start_engine: StartEngine) -> Engine:
    return await start_engine()


StartRunner = Callable[..., Awaitable[ScriptedRunner]]


@pytest.fixture
async def start_runner(engine: Engine, installation: Installation) -> AsyncIterator[StartRunner]:
    """Connect a runner: `await start_runner("runner-1", capacity=2)`; all vanish afterwards."""
    token = installation.token("runner", (auth.RUNNER,), timedelta(hours=1))
    runners: list[ScriptedRunner] = []

    async def start(runner_id: str = "runner-0", *, address: str = "", **how: Any) -> ScriptedRunner:
        runners.append(ScriptedRunner(address or engine.address, token, runner_id=runner_id, **how))
        return await runners[-1].connect()

    yield start
    await asyncio.gather(*(runner.vanish() for runner in runners))


@pytest.fixture
async def manager(engine: Engine) -> AsyncIterator[Any]:
    """A StrategyManager stub."""
    async with open_channel(engine.address) as channel:
        yield strategy_manager_pb2_grpc.StrategyManagerStub(channel)


@pytest.fixture
def token_of(installation: Installation) -> Callable[..., Any]:
    """Call metadata: `token_of("asha", auth.TRADER)`."""

    def make(subject: str, *roles: str) -> Any:
        return auth.bearer(installation.token(subject, roles or (auth.TRADER,), timedelta(hours=1)))

    return make


class Rows:
    """What PostgreSQL says, and plain SQL by a person."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def one(self, sql: str, *arguments: object) -> Any:
        return await self._database.pool.fetchrow(sql, *arguments)

    async def all(self, sql: str, *arguments: object) -> list[Any]:
        return list(await self._database.pool.fetch(sql, *arguments))

    async def execute(self, sql: str, *arguments: object) -> None:
        await self._database.pool.execute(sql, *arguments)

    async def add_config(self, config_id: str, config: dict[str, object] | None = None) -> None:
        """A configuration of asha, as registration stores it."""
        await self.execute(
            "INSERT INTO strategy_configs (config_id, user_id, account_id, module_path, class_name, config)"
            " VALUES ($1, 'asha', 'A1', 'strategies.momentum', 'MomentumStrategy', $2)",
            config_id,
            config if config is not None else {"symbols": ["NSE:RELIANCE-EQ"], "execution_interval": 5},
        )

    async def command(self, config_id: str, verb: str, payload: dict[str, object] | None = None) -> Any:
        """A plain INSERT; returns the command's id."""
        row = await self.one(
            "INSERT INTO strategy_commands (config_id, verb, payload) VALUES ($1, $2, $3) RETURNING command_id",
            config_id, verb, payload or {},
        )  # fmt: skip
        return row["command_id"]

    async def outcome(self, command_id: Any, *, status: str = "DONE", timeout: float = 5) -> Any:
        """The command, once it has come to `status`."""

        async def there() -> Any:
            row = await self.one("SELECT * FROM strategy_commands WHERE command_id = $1", command_id)
            assert row["status"] == status, dict(row)
            return row

        return await eventually(there, timeout=timeout, what=f"command {status}")

    async def config(self, config_id: str) -> Any:
        return await self.one("SELECT * FROM strategy_configs WHERE config_id = $1", config_id)

    async def assignment(self, config_id: str) -> Any:
        return await self.one("SELECT * FROM assignments WHERE config_id = $1", config_id)

    async def state(self, config_id: str, state: str, *, timeout: float = 5) -> Any:
        """The configuration, once it is in `state`."""

        async def there() -> Any:
            row = await self.config(config_id)
            assert row["state"] == state, dict(row)
            return row

        return await eventually(there, timeout=timeout, what=f"{config_id} {state}")


@pytest.fixture
async def rows(database: Database) -> Rows:
    """Users asha (account A1) and bela (B1, B2), no configuration."""
    rows = Rows(database)
    await rows.execute(
        "INSERT INTO users (user_id, display_name) VALUES ('asha', 'Asha'), ('bela', 'Bela'), ('chand', 'Chand')"
    )
    await rows.execute(
        "INSERT INTO broker_accounts (account_id, user_id, client_code, sealed_credentials)"
        " VALUES ('A1', 'asha', 'C1', ''), ('B1', 'bela', 'C2', ''), ('B2', 'bela', 'C3', '')"
    )
    return rows


async def started(rows: Rows, config_id: str = "a") -> None:
    """A configuration that runs."""
    await rows.add_config(config_id)
    await rows.outcome(await rows.command(config_id, "START"))
