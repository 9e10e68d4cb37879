"""The connection to Redis or Valkey, the nerve: everything in it can be lost at any moment."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterable
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import AuthenticationError, BusyLoadingError, NoPermissionError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.maint_notifications import MaintNotificationsConfig

from tradewinds.config import RedisSettings
from tradewinds.database.addresses import redacted
from tradewinds.database.reconnecting import describe, until_connected
from tradewinds.errors import ConfigurationError, PreconditionError
from tradewinds.telemetry import get_logger

log = get_logger("redis")

_REMEDY = "check that the server is up and that REDIS_URL (redis://[:password@]host:port/0) names it"
_MAX_CONNECTIONS = 32
_POOL_WAIT_SECONDS = 5.0
_SOCKET_SECONDS = 10.0
_CONNECT_SECONDS = 2.0
_IDLE_CHECK_SECONDS = 15
_CONNECT_DEADLINE_SECONDS = 30.0
# A notice of a Redis Enterprise cluster. While redis-py waits for them (its default from 8 on) it hands out pooled connections that
# still hold an answer, and every command on such a one gets the answer of the one before.
NO_MAINTENANCE_NOTICES: Final = MaintNotificationsConfig(enabled=False)


class RedisConnection:
    """A pool of up to 32 connections; when all are busy, a command waits up to 5 s and then raises redis' `ConnectionError`.

    A command whose connection broke is sent once more on a new one, so it may run twice: writers must not mind (stream entries
    carry ids of their own). Blocking reads wait less than 10 s at a time, the socket's timeout.
    """

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        self._client: Redis | None = None

    @property
    def client(self) -> Redis:
        """redis-py's client; keys and values are bytes."""
        if self._client is None:
            raise PreconditionError("Redis is not connected: call connect() first")
        return self._client

    async def connect(self, *, deadline_seconds: float = _CONNECT_DEADLINE_SECONDS) -> None:
        """Connect and PING, again with backoff until the deadline.

        Raises `UnavailableError` after the deadline, `ConfigurationError` at once for a bad URL or password.
        """
        if self._client is not None:
            return
        target = redacted(self._settings.url.get_secret_value())
        try:
            self._client = await until_connected(
                self._open,
                target=f"Redis {target}",
                remedy=_REMEDY,
                transient=(OSError, RedisConnectionError, RedisTimeoutError, BusyLoadingError),
                deadline_seconds=deadline_seconds,
            )
        except (RedisError, ValueError) as e:
            raise ConfigurationError(f"REDIS_URL {target} was refused: {e}; {_REMEDY}") from e

    async def close(self) -> None:
        """Close every connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def is_healthy(self, *, timeout_seconds: float = 1.0) -> bool:
        """Whether PING is answered in time. Never raises."""
        if self._client is None:
            return False
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._client.ping()
        except (OSError, RedisError) as e:
            log.warning_throttled("unhealthy", error=describe(e))
            return False
        return True

    async def _open(self) -> Redis:
        pool = BlockingConnectionPool.from_url(
            self._settings.url.get_secret_value(),
            max_connections=_MAX_CONNECTIONS,
            timeout=_POOL_WAIT_SECONDS,
            socket_timeout=_SOCKET_SECONDS,
            socket_connect_timeout=_CONNECT_SECONDS,
            socket_keepalive=True,
            health_check_interval=_IDLE_CHECK_SECONDS,
            maint_notifications_config=NO_MAINTENANCE_NOTICES,
            retry=Retry(
                ExponentialWithJitterBackoff(cap=0.5, base=0.05), retries=1, supported_errors=(RedisConnectionError,)
            ),
        )
        pool.connection_class = telling_loss(pool.connection_class)
        client = Redis.from_pool(pool)
        try:
            await client.ping()
        except (AuthenticationError, NoPermissionError) as e:
            await client.aclose()
            # A subclass of redis' ConnectionError, but waiting does not mend it.
            raise ValueError(str(e)) from e
        except BaseException:
            await client.aclose()
            raise
        return client


def telling_loss(connection_class: Any) -> Any:
    """`connection_class` that loses nothing that its callers must be told.

    uvloop says RuntimeError to a write on a connection that has just been cut; redis-py and its callers know OSError as the loss of a
    connection, and take the other for a defect. And redis-py sends in `asyncio.wait_for`, which before Python 3.12 forgets a cancellation
    that comes just as it ends (python/cpython#86296): the task would run on for ever. (It makes a task of each command, too.)
    """

    class Connection(connection_class):
        async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
            if not self.is_connected:
                await self.connect_check_health(check_health=False)
            if check_health:
                await self.check_health()
            try:
                async with asyncio.timeout(self.socket_timeout):
                    await self._send_packed_command(_pieces(command))
            except BaseException as e:
                await self.disconnect(nowait=True)  # a part of it may have gone
                if isinstance(e, OSError):  # TimeoutError is one
                    raise _loss(e) from e
                raise

        async def _send_packed_command(self, command: Iterable[bytes]) -> None:
            try:
                await super()._send_packed_command(command)
            except RuntimeError as e:
                raise ConnectionResetError(errno.ECONNRESET, f"the connection was closed: {e}") from e

    return Connection


def _pieces(command: bytes | str | Iterable[bytes]) -> Iterable[bytes]:
    if isinstance(command, str):
        return [command.encode()]
    return [command] if isinstance(command, bytes) else command


def _loss(error: OSError) -> RedisError:
    """As redis-py says it."""
    if isinstance(error, TimeoutError) and error.errno is None:
        return RedisTimeoutError("Timeout writing to socket")
    return RedisConnectionError(f"Error {error.errno} while writing to socket. {error}.")
