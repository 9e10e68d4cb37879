"""LISTEN that survives: its own connection, reconnected for ever, and nobody misses what was said meanwhile.

A notification is a hint to look at the tables. The handler is called with its payload, and with None ("look at everything")
after each connect and after an overflow, since PostgreSQL keeps nothing for a listener that is not there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from tradewinds.database.reconnecting import Backoff, describe
from tradewinds.telemetry import get_logger

log = get_logger("database.listen")

Handler = Callable[[str | None], Awaitable[None]]
_INBOX_LIMIT = 1000
_PROBE_SECONDS = 5.0


class ConnectionLostError(Exception):
    """The LISTEN connection has ended."""


class Listener:
    """One channel, one connection, one task. Handlers run one after the other; one that raises is logged and called again with None
    after a delay, for as long as it takes.

    A connection that a network partition has cut says nothing: it is asked after every `probe_seconds` of silence, and is lost
    when it does not answer for as long.
    """

    def __init__(
        self,
        channel: str,
        handler: Handler,
        connect: Callable[[], Awaitable[asyncpg.Connection[Any]]],
        *,
        probe_seconds: float = _PROBE_SECONDS,
    ) -> None:
        self._channel = channel
        self._handler = handler
        self._connect = connect
        self._probe_seconds = probe_seconds
        self._inbox = Inbox()
        self._connection: asyncpg.Connection[Any] | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """LISTEN now (what is notified after this returns is heard), then serve in the background."""
        self._connection = await self._listening_connection()
        self._task = asyncio.create_task(self._run(self._connection), name=f"listen {self._channel}")
        self._task.add_done_callback(self._report_end)

    async def wait(self) -> None:
        """For a supervisor: returns when closed, raises what ended the task otherwise."""
        if self._task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(self._task)

    async def close(self) -> None:
        """Stop listening; a handler that is running is cancelled."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])
        # A task that is cancelled before its first step never reaches its own `finally`.
        if self._connection is not None:
            self._connection.terminate()

    async def _run(self, connection: asyncpg.Connection[Any]) -> None:
        while True:
            try:
                await self._serve(connection)
            except (ConnectionLostError, TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as e:
                log.warning_throttled("lost", channel=self._channel, error=describe(e))
            finally:
                connection.terminate()
            connection = self._connection = await self._reconnected()

    async def _serve(self, connection: asyncpg.Connection[Any]) -> None:
        backoff = Backoff()
        payloads: list[str | None] = [None]
        while True:
            for payload in payloads:
                if not await self._handled(payload):
                    await asyncio.sleep(backoff.next_delay())
                    self._inbox.overflow()
                    break
                backoff.reset()
            payloads = await self._next_payloads(connection)

    async def _next_payloads(self, connection: asyncpg.Connection[Any]) -> list[str | None]:
        while True:
            try:
                async with asyncio.timeout(self._probe_seconds):
                    return await self._inbox.take()
            except TimeoutError:
                await connection.execute("SELECT 1", timeout=self._probe_seconds)

    async def _handled(self, payload: str | None) -> bool:
        try:
            await self._handler(payload)
        except Exception as e:
            # Whatever it was (often the database itself), the wake-up must not be lost.
            log.error("handler_failed", channel=self._channel, error=describe(e), exc_info=True)
            return False
        return True

    async def _reconnected(self) -> asyncpg.Connection[Any]:
        backoff = Backoff()
        while True:
            try:
                connection = await self._listening_connection()
            except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as e:
                log.warning_throttled("reconnect", channel=self._channel, error=describe(e))
                await asyncio.sleep(backoff.next_delay())
            else:
                log.info("reconnected", channel=self._channel)
                return connection

    async def _listening_connection(self) -> asyncpg.Connection[Any]:
        connection = await self._connect()
        inbox = self._inbox = Inbox()
        try:
            connection.add_termination_listener(inbox.lost)
            await connection.add_listener(self._channel, inbox.notified)
        except BaseException:
            connection.terminate()
            raise
        return connection

    def _report_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("died", channel=self._channel, error=describe(error))


class Inbox:
    """What one connection has heard. At most 1000 payloads: beyond that they become one "look at everything"."""

    def __init__(self) -> None:
        self._payloads: deque[str] = deque()
        self._overflowed = False
        self._lost = False
        self._changed = asyncio.Event()

    def notified(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        """asyncpg's callback."""
        if len(self._payloads) >= _INBOX_LIMIT:
            self.overflow()
        elif not self._overflowed:
            self._payloads.append(str(payload))
        self._changed.set()

    def lost(self, _connection: object) -> None:
        """asyncpg's callback."""
        self._lost = True
        self._changed.set()

    def overflow(self) -> None:
        """Forget the payloads: the next take is None."""
        self._payloads.clear()
        self._overflowed = True
        self._changed.set()

    async def take(self) -> list[str | None]:
        """Everything heard since the last take; waits for something. Raises when the connection is lost."""
        await self._changed.wait()
        self._changed.clear()
        if self._lost:
            raise ConnectionLostError("the server closed the connection")
        taken: list[str | None] = [None] if self._overflowed else list(self._payloads)
        self._payloads.clear()
        self._overflowed = False
        return taken
