"""Settings: one frozen class per concern, read from the environment, logged (redacted) at start.

Secrets are `SecretStr`, so that a settings object can be logged whole. `load` turns a bad or missing variable into one
`ConfigurationError` that names the variable and the remedy.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tradewinds.errors import ConfigurationError


class Settings(BaseSettings):
    """Base of every settings class: frozen, from the environment only, unknown variables ignored."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)


SettingsT = TypeVar("SettingsT", bound=Settings)


def load(settings_class: type[SettingsT]) -> SettingsT:
    """Read `settings_class` from the environment; raises `ConfigurationError` naming each bad variable."""
    try:
        return settings_class()
    except ValidationError as e:
        problems = "; ".join(_describe(error["loc"], error["msg"], settings_class) for error in e.errors())
        raise ConfigurationError(f"{settings_class.__name__}: {problems}") from e


def _describe(location: tuple[int | str, ...], message: str, settings_class: type[Settings]) -> str:
    name = str(location[0]) if location else "settings"
    # pydantic names a missing value by its alias (the variable), a wrong one by either.
    named = (field for key, field in settings_class.model_fields.items() if name in (key, field.validation_alias))
    field = next(named, None)
    alias = field.validation_alias if field is not None and isinstance(field.validation_alias, str) else name
    hint = f" ({field.description})" if field is not None and field.description else ""
    return f"{alias.upper()}: {message.removeprefix('Value error, ')}{hint}"


class ServiceSettings(Settings):
    """What every process has: its name, where it says that it is ready, how it logs."""

    instance_id: str = Field(
        default="local",
        validation_alias="INSTANCE_ID",
        description="the process's stable name, e.g. engine-0",
    )
    host: str = Field(
        default="127.0.0.1",
        validation_alias="BIND_HOST",
        description="the address to listen on; 0.0.0.0 in a container",
    )
    metrics_port: int = Field(
        default=0, ge=0, le=65535, validation_alias="METRICS_PORT", description="where /metrics is served; 0 takes any"
    )
    ready_file: Path | None = Field(
        default=None,
        validation_alias="READY_FILE",
        description="written once it serves: its process id and addresses, as JSON",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", validation_alias="LOG_LEVEL", description="what is logged at least"
    )


class DatabaseSettings(Settings):
    """PostgreSQL, the truth. `postgresql://user:password@host:port/database`."""

    url: SecretStr = Field(
        validation_alias="DATABASE_URL", description="set it to postgresql://user:password@host:port/database"
    )
    pool_size: Annotated[int, Field(ge=2, le=100)] = Field(
        default=8, validation_alias="DATABASE_POOL_SIZE", description="connections to PostgreSQL at the most"
    )
    connect_deadline_seconds: float = Field(
        default=30.0,
        gt=0,
        validation_alias="DATABASE_CONNECT_DEADLINE_SECONDS",
        description="how long to wait for PostgreSQL at the start before giving up",
    )

    @field_validator("url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must start with postgresql://")
        return value


class MigrationSettings(DatabaseSettings):
    """Who owns the database, where the services connect as somebody else: only migrations are given that."""

    owner_url: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="DATABASE_OWNER_URL",
        description="the owner's postgresql://user:password@host:port/database; unset, DATABASE_URL is the owner's",
    )

    @field_validator("owner_url")
    @classmethod
    def _is_postgresql_or_unset(cls, value: SecretStr) -> SecretStr:
        return cls._is_postgresql(value) if value.get_secret_value() else value


class RedisSettings(Settings):
    """Redis or Valkey, the nerve. `redis://[:password@]host:port[/db]`."""

    url: SecretStr = Field(validation_alias="REDIS_URL", description="set it to redis://[:password@]host:port/0")

    @field_validator("url")
    @classmethod
    def _is_redis(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must start with redis://, rediss:// or unix://")
        return value


class AuthSettings(Settings):
    """Who may call: the public keys that tokens are checked with, and this process's own token."""

    jwks_file: Path = Field(validation_alias="JWKS_FILE", description="path of a JWKS file with the public keys")
    service_token: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="SERVICE_TOKEN",
        description="the token this process calls others with",
    )


class SealSettings(Settings):
    """The key that broker credentials and sessions are sealed with (AES-256-GCM)."""

    key: SecretStr = Field(validation_alias="SEAL_KEY", description="32 random bytes in base64")

    @field_validator("key")
    @classmethod
    def _is_32_bytes(cls, value: SecretStr) -> SecretStr:
        try:
            raw = base64.b64decode(value.get_secret_value(), validate=True)
        except binascii.Error as e:
            raise ValueError("is not base64") from e
        if len(raw) != 32:
            raise ValueError(f"holds {len(raw)} bytes, 32 are needed")
        return value

    def key_bytes(self) -> bytes:
        """The 32 key bytes."""
        return base64.b64decode(self.key.get_secret_value())


class LeaseSettings(Settings):
    """Times of the lease protocol (design §5.2): what is not set is in proportion to the TTL, so that a test can scale all at once.

    A runner whose heartbeats are not acknowledged closes its order gate before anybody else may be given its strategies: checked here,
    so that no process starts with times that could let two of them order.
    """

    ttl_seconds: float = Field(
        default=6.0,
        gt=0.1,
        le=120,
        validation_alias="LEASE_TTL_SECONDS",
        description="a lease that is not renewed for so long is over",
    )
    own_heartbeat_seconds: float | None = Field(
        default=None,
        gt=0,
        validation_alias="LEASE_HEARTBEAT_SECONDS",
        description="how often a holder renews; a sixth of the TTL",
    )
    own_gate_close_seconds: float | None = Field(
        default=None,
        gt=0,
        validation_alias="LEASE_GATE_CLOSE_SECONDS",
        description="without an acknowledged heartbeat for so long no order leaves; three quarters of the TTL",
    )
    own_grace_seconds: float | None = Field(
        default=None,
        ge=0,
        validation_alias="LEASE_GRACE_SECONDS",
        description="waited beyond the TTL before somebody else gets the work; a third of the TTL",
    )

    @model_validator(mode="after")
    def _gate_closes_before_anybody_else_is_given_the_work(self) -> Self:
        gate, beat = self.gate_close_seconds, self.heartbeat_seconds
        if gate < 3 * beat:
            raise ValueError(
                f"LEASE_GATE_CLOSE_SECONDS: {gate:g} s is less than three heartbeats of {beat:g} s, so that one lost message stops "
                "orders; raise it, or lower LEASE_HEARTBEAT_SECONDS"
            )
        # A heartbeat's time is for the order that leaves at the last moment. An account's lease has no grace: its epoch is fenced.
        if gate >= self.ttl_seconds or gate + beat > self.ttl_seconds + self.grace_seconds:
            raise ValueError(
                f"LEASE_GATE_CLOSE_SECONDS: a gate that closes after {gate:g} s, with heartbeats of {beat:g} s, may let an order pass when "
                f"the lease of {self.ttl_seconds:g} s, or its grace of {self.grace_seconds:g} s, is over and somebody else has the "
                "work; lower it, or raise LEASE_TTL_SECONDS or LEASE_GRACE_SECONDS"
            )
        return self

    @property
    def heartbeat_seconds(self) -> float:
        """How often a holder renews: 1 s at the default TTL."""
        return self.own_heartbeat_seconds or self.ttl_seconds / 6

    @property
    def grace_seconds(self) -> float:
        """What is waited beyond the TTL before somebody else gets the work: 2 s at the default TTL."""
        return self.ttl_seconds / 3 if self.own_grace_seconds is None else self.own_grace_seconds

    @property
    def gate_close_seconds(self) -> float:
        """Without an acknowledged heartbeat for so long, a runner closes its order gate: 4.5 s at the default TTL."""
        return self.own_gate_close_seconds or self.ttl_seconds * 0.75

    @property
    def flush_seconds(self) -> float:
        """How often an engine writes the heartbeats it has collected: 250 ms at the default TTL."""
        return self.heartbeat_seconds / 4


class BrokerCredentials(Settings):
    """A real account at the broker, for `tradewinds up` and `tradewinds broker check`; all empty: the sandbox is the broker."""

    client_code: str = Field(
        default="", validation_alias="BROKER_CLIENT_CODE", description="the client code at the broker"
    )
    pin: SecretStr = Field(default=SecretStr(""), validation_alias="BROKER_PIN", description="its PIN")
    totp_secret: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="BROKER_TOTP_SECRET",
        description="in base32, shown once when TOTP was enabled",
    )
    api_key: SecretStr = Field(
        default=SecretStr(""), validation_alias="BROKER_API_KEY", description="of the SmartAPI app"
    )

    @property
    def missing(self) -> tuple[str, ...]:
        """The variables that are not set."""
        values = {
            "BROKER_CLIENT_CODE": self.client_code,
            "BROKER_PIN": self.pin.get_secret_value(),
            "BROKER_TOTP_SECRET": self.totp_secret.get_secret_value(),
            "BROKER_API_KEY": self.api_key.get_secret_value(),
        }
        return tuple(name for name, value in values.items() if not value)

    @property
    def given(self) -> bool:
        """Whether there is a real account. Raises `ConfigurationError` when only a part of it is set."""
        missing = self.missing
        if missing and len(missing) < 4:
            raise ConfigurationError(f"{', '.join(missing)}: not set, although the rest of the broker's credentials is")
        return not missing

    def checked(self) -> BrokerCredentials:
        """Itself; raises `ConfigurationError` naming what is missing."""
        if self.missing:
            raise ConfigurationError(
                f"{', '.join(self.missing)}: not set; the broker's client code, PIN, TOTP secret (base32, shown once when TOTP was "
                "enabled) and API key"
            )
        return self


class BrokerSettings(Settings):
    """Where the broker is. The defaults are Angel One's own addresses; `tradewinds up` points them at the sandbox."""

    rest_url: str = Field(
        default="https://apiconnect.angelone.in",
        validation_alias="BROKER_REST_URL",
        description="its REST API; https://",
    )
    order_stream_url: str = Field(
        default="wss://tns.angelone.in/smart-order-update",
        validation_alias="BROKER_ORDER_STREAM_URL",
        description="the order updates; wss://",
    )
    market_stream_url: str = Field(
        default="wss://smartapisocket.angelone.in/smart-stream",
        validation_alias="BROKER_MARKET_STREAM_URL",
        description="the ticks; wss://",
    )
    scrip_master_url: str = Field(
        default="https://margincalculator.angelone.in/OpenAPI_File/files/OpenAPIScripMaster.json",
        validation_alias="BROKER_SCRIP_MASTER_URL",
        description="the list of all instruments, as JSON",
    )
    clock_url: str = Field(
        default="",
        validation_alias="BROKER_CLOCK_URL",
        description="where a simulated broker publishes its market clock; empty for a real one",
    )
    ca_file: Path | None = Field(
        default=None,
        validation_alias="BROKER_CA_FILE",
        description="CA certificate, where the system's do not do",
    )

    @field_validator("ca_file", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return value or None

    @model_validator(mode="after")
    def _encrypted(self) -> BrokerSettings:
        """Credentials never travel in the clear."""
        for name, url, scheme in (
            ("BROKER_REST_URL", self.rest_url, "https://"),
            ("BROKER_ORDER_STREAM_URL", self.order_stream_url, "wss://"),
            ("BROKER_MARKET_STREAM_URL", self.market_stream_url, "wss://"),
        ):
            if not url.startswith(scheme):
                raise ValueError(f"{name} must start with {scheme}, it is {url!r}")
        return self
