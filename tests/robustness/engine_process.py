"""Engines in processes of their own, at the simulated broker, which tests kill, freeze and thaw by pid.

They are forked from a server that has imported everything (an import takes seconds where two cores do everything). What an engine
says is a tuple over its pipe: short ones, which a killed or frozen writer cannot leave half written.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Self

import uvloop
from pydantic import SecretStr

from engine_server.broker.angel_one import AngelOneBroker, Budgets
from engine_server.broker.angel_one.rates import Rate, RateSettings
from engine_server.broker.angel_one.sessions import PostgresSessionStore
from engine_server.broker.fence import EgressFence
from engine_server.broker.port import Broker
from engine_server.broker.scripted import ScriptedBroker
from engine_server.oms.directory import Account
from engine_server.oms.domain.resolution import ResolutionBounds
from engine_server.oms.fencing import Fence
from engine_server.oms.pacer import PacerSettings
from engine_server.oms.parts import OmsSettings
from engine_server.oms.quotes import QuoteReader
from tests.integration.oms.engine import Engine, running_engine
from tests.robustness.patience import PATIENT
from tests.robustness.shares import ListedShares
from tests.support.angel_one import broker_settings, credentials_of
from tests.support.sandbox_process import SandboxCredentials, SandboxProcess
from tests.support.waiting import eventually
from tradewinds import failpoints
from tradewinds.clock import ClockReading, MarketClock, SystemClock
from tradewinds.config import DatabaseSettings, RedisSettings
from tradewinds.database.redis_connection import RedisConnection
from tradewinds.database.session import Database
from tradewinds.failpoints import Failpoint

SEAL_KEY = b"s" * 32
OPEN, DONE = "OPEN", "DONE"
_OPEN_SECONDS = 60.0
_END_SECONDS = 25.0
_POOL = 6

Say = Callable[..., None]
Work = Callable[[Engine, Say], Awaitable[None]]


@dataclass(frozen=True)
class Surroundings:
    """Where an engine finds everything. At `pace` the broker takes so many times as much, and an engine waits so many times less."""

    database_url: str
    egress_url: str
    https_url: str
    ca_file: Path
    credentials: SandboxCredentials
    reading: ClockReading
    pace: int = 1
    ttl_seconds: float = 1.2
    redis_url: str = ""  # where the feed publishes quotes; without, every quote is fresh
    adapter: type[AngelOneBroker] = AngelOneBroker

    @classmethod
    async def of(
        cls, sandbox: SandboxProcess, database_url: str, egress_url: str, pace: int = 1, redis_url: str = ""
    ) -> Surroundings:
        """At a simulated broker that runs."""
        clock = await sandbox.get("/sandbox/clock")
        reading = ClockReading(clock["market_ms"], clock["real_ms"], clock["rate"])
        known, at = sandbox.credentials, sandbox.https_url
        return cls(database_url, egress_url, at, sandbox.ca_file, known, reading, pace, redis_url=redis_url)

    def market_clock(self) -> MarketClock:
        """The broker's: on a day off its trades are of another day than ours, and an intraday position of them would seem to have ended."""
        clock = MarketClock()
        clock.set(self.reading)
        return clock

    def broker(self, database: Database, account: Account, epoch: int) -> Broker:
        """The account at the simulated broker, through the egress."""
        return self.adapter(
            account.account_id,
            credentials_of(self.credentials),
            broker_settings(self.https_url, self.ca_file),
            self.egress_url,
            epoch,
            PostgresSessionStore(database, SEAL_KEY, account.account_id),
            budgets=Budgets(self._rates()),
        )

    def fence(self, owner: str) -> Fence:
        """What keeps earlier owners from sending."""
        return EgressFence(self.egress_url, owner)

    def settings(self) -> OmsSettings:
        """As the other runs have it, sped up; entries wait for the books as long as they do in earnest."""
        patient = replace(PATIENT, reconcile_wait_seconds=2.0)
        if self.pace == 1:
            return patient
        bounds = ResolutionBounds(minimum_seconds=3.0, minimum_reads=4, tell_seconds=60.0)
        recovery = replace(patient.recovery, unknown_seconds=1.1 / self.pace, bounds=bounds)
        return replace(patient, pacer=PacerSettings(limit=9 * self.pace), recovery=recovery)

    def _rates(self) -> RateSettings:
        each, orders = Rate.parse(f"{self.pace}/s"), Rate.parse(f"{9 * self.pace}/s")
        return RateSettings(place=orders, modify=orders, cancel=orders, order_messages=orders, order_book=each)


@contextlib.asynccontextmanager
async def engine_at(around: Surroundings, owner: str, database: Database) -> Any:
    """An engine in this process, which has the account or waits for it."""

    def make(account: Account, epoch: int) -> Broker:
        return around.broker(database, account, epoch)

    async with (
        published_quotes(around.redis_url) as published,
        running_engine(
            database,
            ScriptedBroker(),
            owner=owner,
            make_broker=make,
            fence=around.fence(owner),
            settings=around.settings(),
            instruments=ListedShares(),
            market_clock=around.market_clock(),
            ttl_seconds=around.ttl_seconds,
            wait=False,
            published=published,
        ) as engine,
    ):
        yield engine


@contextlib.asynccontextmanager
async def published_quotes(redis_url: str) -> AsyncIterator[QuoteReader | None]:
    """As the engine reads what the feed publishes; None without an address."""
    if not redis_url:
        yield None
        return
    redis = RedisConnection(RedisSettings(url=SecretStr(redis_url)))
    await redis.connect()
    reader = QuoteReader(redis.client, SystemClock())
    running = asyncio.create_task(reader.run(), name="quotes of orders")
    try:
        yield reader
        if running.done():
            running.result()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await redis.close()


def is_open(engine: Engine) -> bool:
    """Whether it may trade."""
    return engine.management is not None and engine.management.gate.is_open


class EngineProcess:
    """One engine that does `work` once it may trade. `said` is what it told so far."""

    def __init__(
        self, around: Surroundings, owner: str, work: Work, log: Path, armed: tuple[Failpoint, ...] = ()
    ) -> None:
        self.said: list[tuple[str, ...]] = []
        self.name = owner
        self._ended_with: int | None = None
        self._hears, says = _SERVER.Pipe(duplex=False)
        self._process: BaseProcess = _SERVER.Process(
            target=_run, args=(around, owner, work, log, armed, says), name=owner, daemon=True
        )
        self._process.start()
        says.close()
        asyncio.get_running_loop().add_reader(self._hears.fileno(), self._hear)

    async def until_open(self) -> None:
        """Until it owns the account, and its gate is open; also where it dies or freezes on the way."""
        await eventually(
            lambda: (OPEN,) in self.said or self.is_over, timeout=_OPEN_SECONDS, what=f"{self.name} may trade"
        )

    @property
    def is_over(self) -> bool:
        """Nothing more comes of it: it has done its work, was killed, or is frozen."""
        return (DONE,) in self.said or self.is_dead or self.is_frozen

    @property
    def is_dead(self) -> bool:
        return self._process.exitcode is not None

    @property
    def is_frozen(self) -> bool:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            return Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
        return False

    @property
    def exit_code(self) -> int | None:
        """Minus the signal that killed it; None while it lives."""
        return self._ended_with if self._ended_with is not None else self._process.exitcode

    @property
    def died_by_itself(self) -> bool:
        """Neither in order nor of a kill: of a defect."""
        return self.exit_code not in (None, 0, -signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """To this very process; nothing where it is gone already."""
        if self._process.pid is not None and not self.is_dead:
            os.kill(self._process.pid, number)

    async def stop(self) -> None:
        """In order, where it still can; otherwise killed."""
        self.send(signal.SIGTERM)
        try:
            await eventually(lambda: self.is_dead or self.is_frozen, timeout=_END_SECONDS, what="it has ended")
        except AssertionError:
            self.send(signal.SIGUSR1)  # its log says what it waits for
            await asyncio.sleep(1)
            raise
        finally:
            await self.kill()

    async def kill(self) -> None:
        """SIGKILL, and what it said until then is heard."""
        self.send(signal.SIGKILL)
        await eventually(lambda: self.is_dead, timeout=_END_SECONDS, what="it is dead")
        asyncio.get_running_loop().remove_reader(self._hears.fileno())
        self._hear()
        self._hears.close()
        self._ended_with = self._process.exitcode
        self._process.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self._hears.closed:
            await self.kill()

    def _hear(self) -> None:
        try:
            while self._hears.poll():
                self.said.append(self._hears.recv())
        except (EOFError, ConnectionResetError):
            asyncio.get_running_loop().remove_reader(self._hears.fileno())


_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["tests.robustness.engine_process"])


def _run(
    around: Surroundings, owner: str, work: Work, log: Path, armed: tuple[Failpoint, ...], says: Connection
) -> None:
    with log.open("ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    failpoints.arm(armed, seed=len(owner))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(around, owner, work, says))


async def _serve(around: Surroundings, owner: str, work: Work, says: Connection) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, _show_tasks)

    def say(*words: str) -> None:
        says.send(words)

    database = Database(DatabaseSettings(url=SecretStr(around.database_url), pool_size=_POOL))
    await database.connect()
    async with engine_at(around, owner, database) as engine:
        working = asyncio.create_task(_work(engine, work, say), name="work")
        await asyncio.wait((working, asyncio.create_task(stopped.wait())), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
            await stopped.wait()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    await database.close()


def _show_tasks() -> None:
    for task in asyncio.all_tasks():
        task.print_stack()


async def _work(engine: Engine, work: Work, say: Say) -> None:
    await eventually(lambda: is_open(engine), timeout=3600, what="its turn")
    say(OPEN)
    await work(engine, say)
    say(DONE)
