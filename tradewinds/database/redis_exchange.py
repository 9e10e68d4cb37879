"""One connection for one kind of question: packed and parsed by hiredis, without the client library's pipelines, pool and streams.

Those took half of the notifier's time when it tells one notification at a time, and of the tick path's at a few ticks a batch. How a
connection is made (address, TLS, password, database) stays the library's business; once it is made, its answers come straight here.
After anything that went wrong the connection is thrown away: what it might still hold belongs to nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import hiredis
from redis._parsers import BaseParser
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse
from redis.exceptions import TimeoutError as RedisTimeoutError

Command = tuple[str | bytes | int, ...]
Answers = list[Any]

_INCOMPLETE: Final = object()


class Exchange:
    """Asks one question at a time; whoever uses it sees to that."""

    def __init__(self, client: Redis, seconds: float | None = None) -> None:
        """`seconds`: what connecting and an answer may take; what the client has set, where they are not said."""
        self._pool: Any = client.connection_pool
        self._seconds = seconds
        self._line: _Line | None = None

    async def ask(self, commands: Sequence[Command], at_once: Callable[[Answers], None] | None = None) -> Answers:
        """The answers in order. Raises what the client library raises, also for the first answer that is an error.

        `at_once` is called with good answers in the moment in which they arrive, before any task is woken; what it raises is raised.
        """
        packed = _packed(commands)
        if self._line is not None and self._line.is_lost:
            await self.close()
        line, self._line = self._line or await self._connected(), None
        try:
            answers = await line.ask(packed, len(commands), at_once)
        except BaseException:
            await line.cut()
            raise
        self._line = line
        return answers

    def ask_at_once(self, commands: Sequence[Command]) -> asyncio.Future[Answers] | None:
        """The same with the question on its way when this returns, for who cannot wait for that; the answers, or what `ask` raises, are in
        the future, which nobody may cancel. None where there is no connection (any more), which `ask` makes."""
        line = self._line
        if line is None or line.is_lost:
            return None
        return line.ask_at_once(_packed(commands), len(commands))

    async def _connected(self) -> _Line:
        async with asyncio.timeout(self._seconds):
            return await _Line.made_by(self._pool, self._seconds)

    async def close(self) -> None:
        """Close the connection, if there is one."""
        line, self._line = self._line, None  # a question that is asked meanwhile gets another one
        if line is not None:
            await line.cut()


def _packed(commands: Sequence[Command]) -> bytes:
    # The stubs know one kind of argument.
    return b"".join([hiredis.pack_command(command) for command in commands])  # type: ignore[arg-type]


class _Line(asyncio.Protocol):
    """A connection of the library's, whose bytes are read here."""

    def __init__(self, connection: Any, seconds: float | None) -> None:
        self._connection = connection
        self._transport: asyncio.Transport = connection._writer.transport
        self._library: Any = self._transport.get_protocol()
        self._seconds: float | None = connection.socket_timeout if seconds is None else seconds
        self._reader = hiredis.Reader(
            protocolError=InvalidResponse,
            replyError=BaseParser.parse_error,
            notEnoughData=_INCOMPLETE,
        )
        self._answers: Answers = []
        self._awaited = 0
        self._at_once: Callable[[Answers], None] | None = None
        self._answered: asyncio.Future[Answers] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self.is_lost = False
        self._transport.set_protocol(self)

    @classmethod
    async def made_by(cls, pool: Any, seconds: float | None) -> _Line:
        """Connected, and greeted as the library does."""
        connection = pool.make_connection()
        try:
            await connection.connect()
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return cls(connection, seconds)

    async def ask(self, packed: bytes, count: int, at_once: Callable[[Answers], None] | None) -> Answers:
        """So many answers. Raises the first that is an error, and redis' `ConnectionError` and `TimeoutError`."""
        try:
            return await self._begin(packed, count, at_once)
        finally:
            self._end()

    def ask_at_once(self, packed: bytes, count: int) -> asyncio.Future[Answers] | None:
        """The same without the wait; None where the connection has just been cut. After what goes wrong it is cut and lost."""
        try:
            answered = self._begin(packed, count, None)
        except RedisConnectionError:
            self.is_lost = True
            return None
        answered.add_done_callback(self._is_answered)
        return answered

    def _is_answered(self, answered: asyncio.Future[Answers]) -> None:
        self._end()
        if answered.exception() is not None:
            self.is_lost = True
            self._transport.abort()

    def _begin(self, packed: bytes, count: int, at_once: Callable[[Answers], None] | None) -> asyncio.Future[Answers]:
        loop = asyncio.get_running_loop()
        try:
            self._transport.write(packed)
        except RuntimeError as e:  # uvloop's word for a connection that has just been cut
            raise RedisConnectionError(f"the connection was closed: {e}") from e
        self._answered = loop.create_future()
        self._answers, self._awaited, self._at_once = [], count, at_once
        if self._seconds is not None:
            self._deadline = loop.call_later(self._seconds, self._give_up)
        return self._answered

    def _end(self) -> None:
        self._answered = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    async def cut(self) -> None:
        """End it at once."""
        await self._connection.disconnect(nowait=True)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes came."""
        try:
            self._reader.feed(data)
            while (answer := self._reader.gets(False)) is not _INCOMPLETE:
                if not isinstance(answer, hiredis.PushNotification):
                    self._answers.append(answer)
        except Exception as e:  # whatever is wrong with the bytes, whoever asked is told
            self._fail(e)
            return
        if self._answered is not None and not self._answered.done() and len(self._answers) >= self._awaited:
            self._finish(self._answered)

    def _finish(self, answered: asyncio.Future[Answers]) -> None:
        try:
            for answer in self._answers:
                if isinstance(answer, Exception):
                    raise answer
            if self._at_once is not None:
                self._at_once(self._answers)
        except Exception as e:
            answered.set_exception(e)
        else:
            answered.set_result(self._answers)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: it is over."""
        self.is_lost = True
        self._fail(RedisConnectionError(f"the connection was closed by the server: {exc or 'no reason given'}"))
        self._library.connection_lost(exc)

    def _give_up(self) -> None:
        self._fail(RedisTimeoutError(f"no answer within {self._seconds:g} s"))

    def _fail(self, error: Exception) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error)
