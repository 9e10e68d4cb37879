"""What an engine is told at its start, and what all its capabilities share."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine_server.outbox import OutboxRelay
from engine_server.settings import EngineSettings, RiskSettings
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
from tradewinds.database.redis_connection import RedisConnection
from tradewinds.database.session import Database
from tradewinds.service import log_settings


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
