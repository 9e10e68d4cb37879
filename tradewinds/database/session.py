"""The connection to PostgreSQL: ORM sessions for ordinary work, a raw pool for measured paths, LISTEN for wake-ups."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from tradewinds.config import DatabaseSettings
from tradewinds.database.addresses import redacted
from tradewinds.database.connecting import (
    REMEDY,
    TRANSIENT_ERRORS,
    check_server,
    connect_arguments,
    open_connection,
    refused,
    to_json,
    use_json_codecs,
)
from tradewinds.database.listener import Handler, Listener
from tradewinds.database.reconnecting import describe, until_connected
from tradewinds.errors import PreconditionError
from tradewinds.telemetry import get_logger

log = get_logger("database")

_POOL_WAIT_SECONDS = 5.0
_POOL_RECYCLE_SECONDS = 1800
_CLOSE_SECONDS = 5.0
_UNHEALTHY: tuple[type[Exception], ...] = (*TRANSIENT_ERRORS, asyncpg.PostgresError, asyncpg.InterfaceError)


class Database:
    """Two pools of `pool_size` connections each on one server. When a pool is empty, `session()` waits up to 5 s and then raises
    SQLAlchemy's `TimeoutError`; with `pool.acquire` pass a `timeout` of your own."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._pool: asyncpg.Pool[Any] | None = None
        self._engine: AsyncEngine | None = None
        self._sessions: async_sessionmaker[AsyncSession] | None = None
        self._listeners: list[Listener] = []

    @property
    def pool(self) -> asyncpg.Pool[Any]:
        """Raw asyncpg, with jsonb as Python values."""
        if self._pool is None:
            raise PreconditionError("the database is not connected: call connect() first")
        return self._pool

    async def connect(self, *, deadline_seconds: float | None = None) -> None:
        """Connect and check the server (a primary, version >= 14, synchronous_commit on).

        Tries again with backoff while the server is starting, failing over or unreachable. Raises `UnavailableError` after the deadline
        (default: the settings'), `ConfigurationError` at once for what waiting does not mend. Nothing stays open when it raises.
        """
        if self._pool is not None:
            return
        try:
            self._pool = await until_connected(
                self._open_pool,
                target=f"the database {redacted(self._settings.url.get_secret_value())}",
                remedy=REMEDY,
                transient=TRANSIENT_ERRORS,
                deadline_seconds=deadline_seconds or self._settings.connect_deadline_seconds,
            )
        except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as e:
            raise refused(self._settings, e) from e
        self._engine = self._create_engine()
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)

    async def close(self) -> None:
        """Stop the listeners and close every connection; those still in use after 5 s are cut."""
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            await listener.close()
        engine, self._engine, self._sessions = self._engine, None, None
        if engine is not None:
            await engine.dispose()
        pool, self._pool = self._pool, None
        if pool is not None:
            await _close_pool(pool)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """An ORM session. Nothing is committed but by `await session.commit()`: leaving the block rolls back."""
        if self._sessions is None:
            raise PreconditionError("the database is not connected: call connect() first")
        async with self._sessions() as session:
            yield session

    async def listen(self, channel: str, handler: Handler) -> Listener:
        """Call `handler(payload)` for each notification on `channel`, from now until `close()`.

        `handler(None)` means "look at everything": once now, after each reconnect, and when more came than could be kept.
        The first connection is made here, so that a start-up fails here; later losses are mended in the background.
        """
        listener = Listener(channel, handler, lambda: open_connection(self._settings, role=f"listen {channel}"))
        await listener.start()
        self._listeners.append(listener)
        return listener

    async def act_on(self, channel: str, act: Callable[[], Awaitable[None]], *, poll_seconds: float) -> None:
        """Await `act()` now, after every notification on `channel`, and every `poll_seconds` without one, for ever.

        Notifications that come while it acts are one more act. What `act` raises ends it. Raises as `listen`.
        """
        heard = asyncio.Event()

        async def hear(_payload: str | None) -> None:
            heard.set()

        listener = await self.listen(channel, hear)
        try:
            while True:
                heard.clear()
                await act()
                try:
                    async with asyncio.timeout(poll_seconds):
                        await heard.wait()
                except TimeoutError:
                    continue
        finally:
            await listener.close()

    async def is_healthy(self, *, timeout_seconds: float = 1.0) -> bool:
        """Whether a query is answered in time. Never raises; False too while every pooled connection is busy that long."""
        if self._pool is None:
            return False
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._pool.fetchval("SELECT 1")
        except _UNHEALTHY as e:
            log.warning_throttled("unhealthy", error=describe(e))
            return False
        return True

    async def _open_pool(self) -> asyncpg.Pool[Any]:
        pool = asyncpg.create_pool(
            **connect_arguments(self._settings, role="pool"),
            min_size=1,
            max_size=self._settings.pool_size,
            init=self._prepare,
            reset=_leave_as_it_is,
        )
        try:
            await pool
        except BaseException:
            pool.terminate()
            raise
        return pool

    async def _prepare(self, connection: asyncpg.Connection[Any]) -> None:
        await check_server(connection, self._settings)
        await use_json_codecs(connection)

    def _create_engine(self) -> AsyncEngine:
        async def connect() -> asyncpg.Connection[Any]:
            return await open_connection(self._settings, role="session")

        return create_async_engine(
            # The address is the creator's: asyncpg and libpq read more forms of it than SQLAlchemy.
            "postgresql+asyncpg://",
            async_creator=connect,
            pool_size=self._settings.pool_size,
            max_overflow=0,
            pool_timeout=_POOL_WAIT_SECONDS,
            pool_recycle=_POOL_RECYCLE_SECONDS,
            pool_pre_ping=True,
            json_serializer=to_json,
            json_deserializer=msgspec.json.decode,
        )


async def _leave_as_it_is(_connection: Any) -> None:
    """What asyncpg would undo between two users of a connection (settings, advisory locks and cursors of a session) nobody here leaves
    behind: all of ours end with their transaction, or are undone by who made them (a test reads every statement for it). It would cost
    each statement a second round trip. A transaction left open it ends all the same."""


async def _close_pool(pool: asyncpg.Pool[Any]) -> None:
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await pool.close()
    except TimeoutError:
        log.warning("close.cut", after_seconds=_CLOSE_SECONDS)
        pool.terminate()
