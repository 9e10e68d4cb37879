"""`python -m notifier`: gRPC and SSE in one process and one event loop."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from notifier.alerts.assembly import Alerts, start_alerts
from notifier.alerts.templated import TemplatedFires
from notifier.engines import Engines
from notifier.following import Following
from notifier.heartbeat import Heartbeat, HeartbeatSettings
from notifier.http_server import HttpServer
from notifier.last_resort import LastResort
from notifier.notification import NewNotification
from notifier.outside import Outside, start_outside
from notifier.phone.assembly import Phone, assemble_phone
from notifier.provider_settings import ProviderSettings, control_bot
from notifier.realtime.canary import Canary
from notifier.realtime.dedupe import Claims
from notifier.realtime.hub import Hub
from notifier.realtime.publisher import Publisher
from notifier.realtime.reader import Reader
from notifier.realtime.replay import LiveStreams
from notifier.realtime.room_keeper import RoomKeeper
from notifier.realtime.stream_store import STREAM_ERRORS, StreamStore, connect
from notifier.rpc import messages
from notifier.rpc.servicer import AS_BYTES, NotifierServicer
from notifier.sending import Sender
from notifier.settings import EngineSettings, NotifierSettings, PhoneSettings
from tradewinds import auth, garbage, ids, service
from tradewinds.clock import SystemClock
from tradewinds.config import AuthSettings, DatabaseSettings, RedisSettings, load
from tradewinds.database.faults import is_passing
from tradewinds.database.reconnecting import describe
from tradewinds.database.session import Database
from tradewinds.grpc_server import GrpcServer
from tradewinds.telemetry import get_logger
from tradewinds.v1.notifier_pb2_grpc import add_NotifierServicer_to_server

log = get_logger("notifier")

_TRIM_EVERY_SECONDS: Final = 60.0
_FIRST_READ_SECONDS: Final = 2.0
# How long streams have to take their last word.
_LAST_WORD_SECONDS: Final = 2.0


@dataclass(frozen=True)
class _Parts:
    """What lives as long as the process."""

    settings: NotifierSettings
    hub: Hub
    store: StreamStore
    database: Database
    grpc: GrpcServer
    http: HttpServer
    alerts: Alerts
    engines: Engines | None
    phone: Phone | None


async def main(running: service.Service) -> None:
    """Connect, serve, and stop in order: streams end in-band, what was taken is finished, then the connections close."""
    settings, authentication = load(NotifierSettings), load(AuthSettings)
    database_settings, redis_settings = load(DatabaseSettings), load(RedisSettings)
    service.log_settings(settings, authentication, database_settings, redis_settings)
    verifier = auth.TokenVerifier(authentication.jwks_file)
    database = Database(database_settings)
    await database.connect()
    redis = connect(redis_settings)
    streams = StreamStore(redis)
    try:
        try:
            parts = await _assemble(running, settings, verifier, database, redis, streams)
            await _serve(running, parts)
        finally:
            await running.close()  # before the stores that its tasks work with
    finally:
        await streams.close()
        await database.close()


async def _assemble(
    running: service.Service,
    settings: NotifierSettings,
    verifier: auth.TokenVerifier,
    database: Database,
    redis: Redis,
    streams: StreamStore,
) -> _Parts:
    hub, clock = Hub(), SystemClock()
    publisher = Publisher(streams, hub)
    outside = await start_outside(running, database, redis, clock, settings.retention_days)
    sender = Sender(outside.keeper, publisher, Claims(streams), outside.preferences, clock, ids.new_ids, messages)
    templated = TemplatedFires(outside.templates, outside.preferences)
    alerts = start_alerts(running, database, redis, clock, sender, settings, templated, outside.preferences)
    following = Following(LiveStreams(streams, hub), settings.heartbeat_seconds)
    engines = _reach_engines(running, database, outside)
    phone = _start_phone(running, database, engines, clock, sender)
    grpc_server = GrpcServer(verifier, is_passing, as_bytes=AS_BYTES)
    servicer = NotifierServicer(sender, following, outside, alerts, phone.desk if phone is not None else None)
    add_NotifierServicer_to_server(servicer, grpc_server.server)
    running.spawn("reader", Reader(streams, hub).run())
    running.spawn("publisher", publisher.run())
    running.spawn("gap marker", publisher.mark_gaps())
    running.spawn("room keeper", RoomKeeper(streams).run())
    running.spawn("trimmer", _trim(streams, settings.ttl_seconds))
    canary = Canary(publisher, hub, ids.new_id("canary"), settings.canary_seconds)
    running.spawn("canary", canary.run())
    _call_outside(running, canary, database, clock)
    return _Parts(
        settings,
        hub,
        streams,
        database,
        grpc_server,
        HttpServer(following, verifier, canary, outside.unsubscribing),
        alerts,
        engines,
        phone,
    )


def _reach_engines(running: service.Service, database: Database, outside: Outside) -> Engines | None:
    """None where nobody has said where they are: nothing is commanded then."""
    settings, token = load(EngineSettings), load(AuthSettings).service_token.get_secret_value()
    service.log_settings(settings)
    if not settings.engines():
        return None
    engines = Engines(settings.engines())
    if token:
        running.spawn("last resort", LastResort(database, outside.preferences, engines, token).run())
    return engines


def _start_phone(
    running: service.Service, database: Database, engines: Engines | None, clock: SystemClock, sender: Sender
) -> Phone | None:
    settings = load(PhoneSettings)
    service.log_settings(settings)

    async def send(new: NewNotification) -> None:
        await sender.send([new], lambda _: "")

    phone = assemble_phone(settings, control_bot(load(ProviderSettings)), database, engines, clock, send)
    if phone is not None:
        running.spawn("phone", phone.listener.run())
    return phone


def _call_outside(running: service.Service, canary: Canary, database: Database, clock: SystemClock) -> None:
    settings = load(HeartbeatSettings)
    service.log_settings(settings)
    if not settings.url.get_secret_value():
        return

    async def is_well() -> bool:
        return canary.is_well and await database.is_healthy()

    running.spawn("heartbeat", Heartbeat(settings, clock, is_well).run())


async def _serve(running: service.Service, parts: _Parts) -> None:
    await _reach_redis(parts.hub)
    host = running.settings.host
    http_address = await parts.http.start(host, parts.settings.http_port)
    try:
        grpc_address = await parts.grpc.start(host, parts.settings.grpc_port, ["tradewinds.v1.Notifier"])
        metrics = f"{host}:{service.serve_metrics(running)}"
        garbage.settle()
        running.ready(grpc=grpc_address, http=http_address, metrics=metrics)
        await running.run_until_stopped()
        await _hand_over_alerts(parts.alerts)
        await _end_streams(parts.hub)
        if parts.phone is not None:
            await _hang_up(parts.phone)
        if parts.engines is not None:
            await parts.engines.close()
    finally:
        await parts.grpc.stop()
        await parts.http.stop()


async def _reach_redis(hub: Hub) -> None:
    """Who follows before the streams are read is told of a loss; without Redis we serve all the same: what is kept needs none."""
    try:
        async with asyncio.timeout(_FIRST_READ_SECONDS):
            await hub.reached()
    except TimeoutError:
        log.warning("started.without_redis")


async def _hand_over_alerts(alerts: Alerts) -> None:
    """Another replica judges at once, where this one can still say that it stops."""
    try:
        async with asyncio.timeout(_LAST_WORD_SECONDS):
            await alerts.evaluator.stop()
    except TimeoutError:
        log.warning("alerts.cut", after_seconds=_LAST_WORD_SECONDS)


async def _hang_up(phone: Phone) -> None:
    """Another replica listens at once, where this one can still say that it stops."""
    try:
        async with asyncio.timeout(_LAST_WORD_SECONDS):
            await phone.listener.stop()
    except Exception as e:
        if not (is_passing(e) or isinstance(e, TimeoutError)):
            raise
        log.warning("phone.cut", error=describe(e))


async def _end_streams(hub: Hub) -> None:
    hub.close()
    try:
        async with asyncio.timeout(_LAST_WORD_SECONDS):
            await hub.emptied()
    except TimeoutError:
        log.warning("streams.cut", after_seconds=_LAST_WORD_SECONDS)


async def _trim(streams: StreamStore, ttl_seconds: float) -> None:
    """Forget what is too old to be resumed."""
    while True:
        await asyncio.sleep(_TRIM_EVERY_SECONDS)
        try:
            await streams.trim(int((time.time() - ttl_seconds) * 1e6))
        except STREAM_ERRORS as e:
            log.warning_throttled("trim.failed", error=describe(e))


if __name__ == "__main__":
    service.run("notifier", main)
