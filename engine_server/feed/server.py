"""`python -m engine_server feed`: market data of one broker session, health and metrics."""

from __future__ import annotations

from engine_server.feed.download import tls_context
from engine_server.feed.feed import Feed
from engine_server.feed.settings import FeedSettings
from tradewinds.config import BrokerSettings, DatabaseSettings, RedisSettings, SealSettings, load
from tradewinds.database.redis_connection import RedisConnection
from tradewinds.database.session import Database
from tradewinds.grpc_server import GrpcServer
from tradewinds.service import Service, log_settings, serve_metrics


async def main(service: Service) -> None:
    """Serve until the process is told to stop. Raises `ConfigurationError` and `UnavailableError` when it cannot start."""
    settings, broker, seal = load(FeedSettings), load(BrokerSettings), load(SealSettings)
    database_settings, redis_settings = load(DatabaseSettings), load(RedisSettings)
    log_settings(settings, broker, database_settings, redis_settings)
    tls = tls_context(broker.ca_file)
    database, redis, health = Database(database_settings), RedisConnection(redis_settings), GrpcServer()
    try:
        await database.connect()
        await redis.connect()
        instance_id = service.settings.instance_id
        feed = Feed(database, redis.client, settings, broker, seal.key_bytes(), tls, instance_id)
        feed.start(service)
        grpc_address = await health.start(service.settings.host, settings.grpc_port, ())
        metrics_port = serve_metrics(service)
        service.ready(grpc=grpc_address, metrics=f"{service.settings.host}:{metrics_port}")
        await service.run_until_stopped()
        await feed.close()
    finally:
        await health.stop()
        try:
            await service.close()
        finally:
            await redis.close()
            await database.close()
