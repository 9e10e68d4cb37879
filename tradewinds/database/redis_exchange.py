"""One connection for one kind of question: packed by hiredis, without the client library's pipelines and pool.

Those took half of the notifier's time when it tells one notification at a time, and of the tick path's at a few ticks a batch. How a
connection is made, watched and timed out stays the library's business. After anything that went wrong the connection is thrown away:
what it might still hold belongs to nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hiredis
from redis.asyncio import Redis

Command = tuple[str | bytes | int, ...]


class Exchange:
    """Asks one question at a time; whoever uses it sees to that."""

    def __init__(self, client: Redis) -> None:
        self._pool: Any = client.connection_pool
        self._connection: Any = None

    async def ask(self, commands: Sequence[Command]) -> list[Any]:
        """The answers in order. Raises what the client library raises, also for the first answer that is an error."""
        # The stubs know one kind of argument.
        packed = b"".join([hiredis.pack_command(command) for command in commands])  # type: ignore[arg-type]
        connection = self._connection or self._pool.make_connection()
        self._connection = None
        try:
            await connection.send_packed_command(packed, check_health=False)
            answers = [await connection.read_response(disable_decoding=True) for _ in commands]
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        self._connection = connection
        return answers

    async def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None  # a question that is asked meanwhile gets another one
        if connection is not None:
            await connection.disconnect()
