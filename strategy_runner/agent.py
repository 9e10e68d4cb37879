"""Wires a runner together and lives its life: host first, then everything that holds a socket."""

from __future__ import annotations

import asyncio
import random
import secrets

from redis.asyncio import Redis

from strategy_runner import protocol
from strategy_runner.bar_reader import BarReader
from strategy_runner.broadcast_clock import BroadcastClock
from strategy_runner.calendar_reader import CalendarReader
from strategy_runner.confinement_check import check_confinement
from strategy_runner.engine_calls import EngineCalls
from strategy_runner.engine_market import EngineMarket
from strategy_runner.engines import Engines
from strategy_runner.feed_watch import FeedWatch
from strategy_runner.gate import OrderGate
from strategy_runner.host import ProcessHost
from strategy_runner.hosting import Hosting
from strategy_runner.inspection import Inspector
from strategy_runner.reconciled_watch import ReconciledWatch
from strategy_runner.roster import Roster
from strategy_runner.session import RunnerSession
from strategy_runner.session_outbox import SessionOutbox
from strategy_runner.settings import RunnerIdentity, RunnerSettings
from strategy_runner.supervisor import Supervisor
from strategy_runner.syscall_filter import hide_memory
from strategy_runner.ticks import TickReader
from tradewinds import config, garbage
from tradewinds.clock import ClockReading, SystemClock
from tradewinds.config import RedisSettings
from tradewinds.database.redis_connection import RedisConnection
from tradewinds.grpc_server import GrpcServer
from tradewinds.ids import new_id
from tradewinds.market_clock_reader import follow_market_clock
from tradewinds.service import Service, log_settings, serve_metrics
from tradewinds.telemetry import get_logger

log = get_logger("runner")

_DRAIN_SECONDS = 5.0  # beyond what on_stop may take: the last orders on their way
_GOODBYE_SECONDS = 3.0


async def main(service: Service) -> None:
    """Run until SIGTERM, or until another process has this runner's name."""
    settings, redis_settings = config.load(RunnerSettings), config.load(RedisSettings)
    log_settings(settings, redis_settings)
    host = ProcessHost()
    hide_memory()  # the token is there, and a strategy's process has the same user
    await host.start()
    service.spawn("fork-server", host.watch())
    redis = RedisConnection(redis_settings)
    server = GrpcServer()
    try:
        await check_confinement(host, settings.confinement)
        await redis.connect()
        agent = Agent(service, settings, host, redis.client)
        await agent.live(server)
    finally:
        await server.stop()
        await host.close()
        await redis.close()


class Agent:
    """The parts of one runner."""

    def __init__(self, service: Service, settings: RunnerSettings, host: ProcessHost, redis: Redis) -> None:
        clock = SystemClock()
        token = settings.service_token.get_secret_value()
        self._service = service
        self._settings = settings
        self._engines = Engines(settings.engines)
        self._outbox = SessionOutbox()
        self._gate = OrderGate(clock.monotonic)
        self._market_clock = BroadcastClock(clock, self._announce_clock)
        self._redis = redis
        self._ticks = TickReader(redis)
        self._bars = BarReader(redis)
        self._feed_watch = FeedWatch(redis, self._ticks, clock)
        market = EngineMarket(self._engines, token)
        self._calendar = CalendarReader(market, self._market_clock, self._announce_phases)
        self._roster = Roster(
            Hosting(
                host=host,
                upstream=self._outbox,
                ticks=self._ticks,
                bars=self._bars,
                market=market,
                phases=lambda: self._calendar.phases,
                redis=redis,
                calls=EngineCalls(self._engines, token),
                gate=self._gate,
                clock=clock,
                market_reading=lambda: self._market_clock.reading,
                market_clock_known=self._market_clock.known,
                spawn=service.spawn,
                dismiss=service.dismiss,
                folders=settings.folders,
                confinement=settings.confinement,
                bounds=settings.bounds,
                stop_seconds=settings.stop_seconds,
                new_nonce=lambda: secrets.token_hex(4),
                random=random.random,
            )
        )
        self._supervisor = Supervisor(self._roster, clock)
        self._reconciled_watch = ReconciledWatch(redis, self._roster)
        self._session = RunnerSession(
            engines=self._engines,
            token=token,
            identity=RunnerIdentity(service.settings.instance_id, new_id("ri"), settings.capacity, _build()),
            roster=self._roster,
            outbox=self._outbox,
            gate=self._gate,
            inspector=Inspector(host, self._outbox, settings.folders, settings.confinement, service.spawn),
            clock=clock,
        )

    async def live(self, server: GrpcServer) -> None:
        """Serve, say that it is ready, and leave in order."""
        service = self._service
        service.spawn("market-clock", follow_market_clock(self._redis, self._market_clock))
        service.spawn("ticks", self._ticks.run())
        service.spawn("bars", self._bars.run())
        service.spawn("feed-watch", self._feed_watch.run())
        service.spawn("reconciled-watch", self._reconciled_watch.run())
        service.spawn("calendar", self._calendar.run())
        service.spawn("supervisor", self._supervisor.run())
        session = service.spawn("session", self._session.run())
        service.spawn("gate", self._session.watch_gate())
        service.spawn("superseded", self._stop_when_superseded())
        service.spawn("drain", self._stop_when_drained())
        service.spawn("ready", self._tell_ready(server))
        await service.run_until_stopped()
        await self._leave(session)
        await self._engines.close()

    async def _tell_ready(self, server: GrpcServer) -> None:
        await self._session.registered.wait()
        settings = self._service.settings
        address = await server.start(settings.host, self._settings.grpc_port, ())
        metrics = serve_metrics(self._service)
        garbage.settle()
        self._service.ready(grpc=address, metrics=f"{settings.host}:{metrics}")

    async def _stop_when_superseded(self) -> None:
        await self._session.superseded.wait()
        self._service.stopping.set()

    async def _stop_when_drained(self) -> None:
        """An operator empties this runner: it leaves as on SIGTERM."""
        await self._session.drain_asked.wait()
        self._service.stopping.set()

    async def _leave(self, session: asyncio.Task[None]) -> None:
        """End the strategies, say Goodbye; heartbeats go on until then, so that nobody is declared lost meanwhile."""
        self._roster.drain()
        try:
            await asyncio.wait_for(self._roster.wait_until_empty(), self._settings.stop_seconds + _DRAIN_SECONDS)
        except TimeoutError:
            log.warning("strategies.left", count=len(self._roster))
        self._outbox.say_goodbye("SIGTERM")
        try:
            await asyncio.wait_for(asyncio.shield(session), _GOODBYE_SECONDS)
        except TimeoutError:
            log.warning("goodbye.unsaid")  # no engine there; the lease runs out

    def _announce_phases(self, phases: protocol.Phases) -> None:
        self._roster.tell_all(phases)

    def _announce_clock(self, reading: ClockReading) -> None:
        self._calendar.look_again()
        self._roster.tell_all(protocol.Clock(reading.market_ms, reading.real_ms, reading.rate))


def _build() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("tradewinds")
    except PackageNotFoundError:
        return "unknown"  # run from a checkout
