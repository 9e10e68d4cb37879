"""Ticks into the streams and quotes into their hash: one question and two answers a batch, whatever is in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from redis.asyncio import Redis

from tradewinds import redis_keys
from tradewinds.database.redis_exchange import Command, Exchange
from tradewinds.ticks import TickArray, opaque, shards_of

_STREAMS: Final = [redis_keys.tick_stream(shard) for shard in range(redis_keys.TICK_SHARDS)]
# In one script, so that a reader who waits is woken once, for all shards, and not by the first of them.
_APPEND: Final = """
for n, stream in ipairs(KEYS) do
    redis.call('XADD', stream, 'MAXLEN', '~', ARGV[1], '*', 't', ARGV[n + 1])
end
"""


class TickWriter:
    """One batch after the other; whoever uses it sees to that."""

    def __init__(self, redis: Redis) -> None:
        self._exchange = Exchange(redis)

    async def write(self, ticks: TickArray, quotes: Sequence[bytes]) -> None:
        """Append the ticks, then set the quotes (key, record, key, record…). Raises redis' errors."""
        commands: list[Command] = []
        if len(ticks):
            commands.append(_append(ticks))
        if quotes:
            commands.append(("HSET", redis_keys.QUOTES, *quotes))
        if commands:
            await self._exchange.ask(commands)

    async def close(self) -> None:
        """Let the connection go."""
        await self._exchange.close()


def _append(ticks: TickArray) -> Command:
    shards, records = shards_of(ticks, len(_STREAMS)), opaque(ticks)
    payloads = [(stream, records[shards == shard].tobytes()) for shard, stream in enumerate(_STREAMS)]
    streams, parts = zip(*((stream, payload) for stream, payload in payloads if payload), strict=True)
    return "EVAL", _APPEND, len(streams), *streams, redis_keys.TICK_STREAM_LENGTH, *parts
