"""The whole system on one machine: every part started as early as what it needs allows, and stopped in order."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from tradewinds.embedded.given_stores import check_database, check_redis
from tradewinds.embedded.installation import OWNER, OWNER_ROLES, Installation, write_private
from tradewinds.embedded.layout import Addresses, Layout
from tradewinds.embedded.options import DEFAULT_REST_PORT, UpOptions
from tradewinds.embedded.ports import free_ports, rest_port
from tradewinds.embedded.postgres import EmbeddedPostgres
from tradewinds.embedded.seeding import seed
from tradewinds.embedded.server_process import EmbeddedServerError
from tradewinds.embedded.state_dir import StateDir
from tradewinds.embedded.supervised import ProcessSpec, SupervisedProcess
from tradewinds.embedded.supervised_store import Store, SupervisedStore
from tradewinds.embedded.valkey import EmbeddedValkey

# A second of imports (SQLAlchemy, Alembic, aiohttp), made while the stores start.
_NEEDED_LATER = (
    "tradewinds.database.migrations",
    "tradewinds.embedded.envoy",
    "tradewinds.embedded.scrip_master",
)
OWNER_TOKEN_LIFETIME = timedelta(days=7)


@dataclass(frozen=True)
class StackFacts:
    """Where everything is, for people and for READY files."""

    rest: str
    token: str
    sandbox: str
    account_id: str
    database_url: str
    redis_url: str
    grpc: dict[str, str]
    processes: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        """The shape that `--ready-file` promises."""
        return {
            "rest": self.rest,
            "grpc": self.grpc,
            "token": self.token,
            "sandbox": self.sandbox,
            "account_id": self.account_id,
            "database_url": self.database_url,
            "redis_url": self.redis_url,
            "processes": self.processes,
        }


@dataclass(frozen=True)
class DatabaseUrls:
    """As whom it is migrated, and as whom the services use it."""

    owner_url: str
    services_url: str


class Stack:
    """`progress(name, what)` is called as parts come up, go down and are started again."""

    def __init__(self, options: UpOptions, progress: Callable[[str, str], None]) -> None:
        self._options = options
        self._progress = progress
        self._installation = Installation(options.state_dir)
        self._owner_lock = StateDir(options.state_dir)
        self._owns_folder = False
        self._processes: dict[str, SupervisedProcess] = {}
        self._stores: dict[str, SupervisedStore] = {}
        self._layout: Layout | None = None
        self._account_id = ""
        self._is_up = False

    async def start(self) -> None:
        """Bring everything up; raises `TradewindsError` with the reason (the caller stops what had started)."""
        self._options.check()
        wanted = self._options.rest_port
        rest = rest_port(DEFAULT_REST_PORT if wanted is None else wanted, asked_for=wanted is not None)
        self._owner_lock.acquire()
        self._owns_folder = True
        self._installation.prepare()
        ports = free_ports(self._options.engines + 5)
        addresses = Addresses(rest, tuple(ports[5:]), *ports[:5])
        layout = Layout(self._options, self._installation, addresses)
        layout, *_ = await self._together(
            self._prepare_stores(layout),
            *([] if self._options.real_broker else [self._start(layout.sandbox())]),
            self._start(layout.egress()),
        )
        self._layout = layout
        from tradewinds.embedded.envoy import gateway
        from tradewinds.embedded.scrip_master import scrip_master_in

        await self._together(
            self._start_feed_first(layout),
            *(self._start(layout.engine(number)) for number in range(self._options.engines)),
            self._start(gateway(layout.gateway_environment(), self._installation.state_dir)),
        )
        await self._named("instruments", scrip_master_in(self.facts().rest, self.facts().token))
        self._is_up = True
        self._tell()

    async def stop(self) -> None:
        """End everything in order: who makes work first, who keeps it last. Safe to call whatever had started."""
        if not self._owns_folder:
            return  # another stack lives there
        self._is_up = False
        self._installation.facts_file.unlink(missing_ok=True)
        runners = [name for name in self._processes if name.startswith("runner-")]
        engines = [name for name in self._processes if name.startswith("engine-")]
        for group in (["gateway"], runners, [*engines, "feed"], ["notifier"], ["egress"], ["sandbox"]):
            await asyncio.gather(*(self._stop(name) for name in group if name in self._processes))
        for name in ("valkey", "postgres"):
            if name in self._stores:
                await self._stores[name].stop()
        self._owner_lock.release()

    def facts(self) -> StackFacts:
        """Where everything is now (pids change when a part was started again)."""
        if self._layout is None:
            raise EmbeddedServerError("the stack has not been started: call start() first")
        addresses = self._layout.addresses
        processes = {name: part.pid for name, part in (self._processes | self._stores).items()}
        return StackFacts(
            rest=f"http://127.0.0.1:{addresses.rest}",
            token=self._installation.token(OWNER, OWNER_ROLES, OWNER_TOKEN_LIFETIME),
            sandbox="" if self._options.real_broker else f"http://127.0.0.1:{addresses.sandbox}",
            account_id=self._account_id,
            database_url=self._layout.database_url,
            redis_url=self._layout.redis_url,
            grpc={
                **{f"engine-{number}": f"127.0.0.1:{port}" for number, port in enumerate(addresses.engines)},
                "notifier": f"127.0.0.1:{addresses.notifier}",
            },
            processes=processes,
        )

    async def _prepare_stores(self, layout: Layout) -> Layout:
        """With the stores, which serve, migrated and seeded when this returns."""
        (database, redis_url), _ = await self._together(self._start_stores(), _import_all(_NEEDED_LATER))
        await self._prepare_database(database)
        return replace(layout, database_url=database.services_url, redis_url=redis_url)

    async def _start_feed_first(self, layout: Layout) -> None:
        """The scrip master takes longest, so that a processor is the feed's until it is up; those who can wait come then."""
        await self._start(layout.feed())
        await self._together(
            self._start(layout.notifier()),
            *(self._start(layout.runner(number)) for number in range(self._options.runners)),
        )

    async def _start_stores(self) -> tuple[DatabaseUrls, str]:
        """Ours where no other is given; where both are."""
        database, redis_url = await self._together(self._database(), self._redis())
        return database, redis_url

    async def _database(self) -> DatabaseUrls:
        given, owner = self._options.database_url, self._options.database_owner_url
        if given:
            await check_database(given)
            return DatabaseUrls(owner or given, given)
        postgres = EmbeddedPostgres(self._installation.state_dir / "postgres")
        await self._start_store("postgres", postgres)
        return DatabaseUrls(postgres.url, postgres.services_url)

    async def _redis(self) -> str:
        if self._options.redis_url:
            await check_redis(self._options.redis_url)
            return self._options.redis_url
        valkey = EmbeddedValkey(self._installation.state_dir / "valkey")
        await self._start_store("valkey", valkey)
        return valkey.url

    async def _start_store(self, name: str, embedded: Store) -> None:
        store = self._stores[name] = SupervisedStore(name, embedded, self._changed)
        await self._named(name, store.start())

    def _changed(self, name: str, what: str) -> None:
        """A part has died, or serves again: its pid is another one."""
        self._progress(name, what)
        if self._is_up:
            self._tell()

    async def _prepare_database(self, database: DatabaseUrls) -> None:
        from tradewinds.database import migrations

        await self._named("migrations", migrations.upgrade(database.owner_url, services_url=database.services_url))
        self._account_id = await seed(
            database.services_url,
            self._installation.secrets(),
            is_replay=bool(self._options.replay),
            real=self._options.real_broker,
        )

    async def _start(self, spec: ProcessSpec) -> None:
        state_dir = self._installation.state_dir
        process = SupervisedProcess(spec, state_dir / "logs", state_dir / "ready")
        self._processes[spec.name] = process
        await self._named(spec.name, process.start(self._changed))

    def _tell(self) -> None:
        """Write the facts where the CLI and `--ready-file` want them."""
        facts = self.facts().as_json()
        for file in (self._installation.facts_file, self._options.ready_file):
            if file is not None:
                write_private(file, json.dumps(facts, indent=1))  # it holds a token and passwords

    async def _named(self, name: str, starting: Awaitable[None]) -> None:
        began = asyncio.get_running_loop().time()
        self._progress(name, "starting")
        await starting
        self._progress(name, f"up in {asyncio.get_running_loop().time() - began:.1f} s")

    async def _stop(self, name: str) -> None:
        await self._processes[name].stop()
        self._progress(name, "stopped")

    @staticmethod
    async def _together(*work: Awaitable[Any]) -> list[Any]:
        """All at once; the first failure ends the others and is raised alone, as a person wants to read it."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(_awaited(one)) for one in work]
        except BaseExceptionGroup as e:
            raise e.exceptions[0] from e
        return [task.result() for task in tasks]


async def _import_all(names: tuple[str, ...]) -> None:
    """While the stores' processes start. Not in a thread: two threads that import at once can meet a module half made."""
    for name in names:
        await asyncio.sleep(0)
        importlib.import_module(name)


async def _awaited(work: Awaitable[Any]) -> Any:
    return await work
