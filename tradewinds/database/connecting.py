"""How every PostgreSQL connection is opened, and what must be true of the server before we trust it with orders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg
import msgspec

from tradewinds.config import DatabaseSettings
from tradewinds.database.addresses import redacted
from tradewinds.errors import ConfigurationError, UnavailableError

MINIMUM_SERVER_VERSION = 140000

# reliability: a statement that hangs must not hold a lease, a lock or a snapshot. What knowingly takes longer
# says `SET LOCAL statement_timeout` in its own transaction.
_SERVER_SETTINGS = {
    "statement_timeout": "2s",
    "lock_timeout": "500ms",
    "idle_in_transaction_session_timeout": "5s",
    "timezone": "UTC",
    "jit": "off",  # short statements only: compiling them costs more than running them
}
# The client's own bound, for a server that no longer answers at all.
_COMMAND_TIMEOUT_SECONDS = 10.0
_CONNECT_TIMEOUT_SECONDS = 5.0

REMEDY = "check that the server is up and that DATABASE_URL (postgresql://user:password@host:port/database) names it"


class NotPrimaryError(UnavailableError):
    """The server is in recovery: a replica, or a primary that is being promoted. Decisions read the primary."""


# What a restart, a fail-over or a slow start looks like. A wrong password or database name is not among them.
TRANSIENT_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ConnectionDoesNotExistError,
    NotPrimaryError,
)


async def open_connection(settings: DatabaseSettings, *, role: str) -> asyncpg.Connection[Any]:
    """One connection with our timeouts to a checked server; `role` says in pg_stat_activity what it is for."""
    connection: asyncpg.Connection[Any] = await asyncpg.connect(**connect_arguments(settings, role=role))
    try:
        await check_server(connection, settings)
    except BaseException:
        connection.terminate()
        raise
    return connection


def connect_arguments(settings: DatabaseSettings, *, role: str) -> dict[str, Any]:
    """The arguments of `asyncpg.connect` and `asyncpg.create_pool`."""
    return {
        "dsn": settings.url.get_secret_value(),
        "timeout": _CONNECT_TIMEOUT_SECONDS,
        "command_timeout": _COMMAND_TIMEOUT_SECONDS,
        "server_settings": {"application_name": f"tradewinds {role}", **_SERVER_SETTINGS},
    }


async def use_json_codecs(connection: asyncpg.Connection[Any]) -> None:
    """jsonb and json columns are Python values on this connection. Decimals are written as strings: money stays exact."""
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, schema="pg_catalog", encoder=to_json, decoder=msgspec.json.decode)


def to_json(value: object) -> str:
    """The JSON text of a value: decimals and times as strings."""
    return msgspec.json.encode(value).decode()


@dataclass(frozen=True)
class ServerState:
    """What a server says about itself."""

    version: int  # server_version_num: 180006
    in_recovery: bool
    synchronous_commit: str


async def check_server(connection: asyncpg.Connection[Any], settings: DatabaseSettings) -> None:
    """Ask the server, and raise what `judge` raises. Every new connection asks: it may lead to another server than the last."""
    row = await connection.fetchrow(
        """
        SELECT current_setting('server_version_num')::int AS version,
               pg_is_in_recovery() AS in_recovery,
               current_setting('synchronous_commit') AS synchronous_commit
        """
    )
    assert row is not None, "a SELECT without FROM has one row"  # noqa: S101 - for the type checker
    judge(ServerState(**row), target=redacted(settings.url.get_secret_value()))


def judge(state: ServerState, *, target: str) -> None:
    """Raises `NotPrimaryError` for what may pass, `ConfigurationError` for what will not."""
    if state.version < MINIMUM_SERVER_VERSION:
        raise ConfigurationError(f"{target} runs PostgreSQL {state.version // 10000}, 14 or newer is needed")
    if state.in_recovery:
        raise NotPrimaryError(f"{target} is in recovery: a replica, or not promoted yet")
    if state.synchronous_commit not in ("on", "remote_apply"):
        raise ConfigurationError(
            f"{target} has synchronous_commit = {state.synchronous_commit}: an acknowledged order could be lost; "
            "run ALTER ROLE … SET synchronous_commit = on"
        )


def refused(settings: DatabaseSettings, error: Exception) -> ConfigurationError:
    """What no amount of waiting will mend: a bad URL, password or database name."""
    target = redacted(settings.url.get_secret_value())
    return ConfigurationError(f"DATABASE_URL {target} was refused: {redacted(str(error))}; {REMEDY}")
