"""Ticks into their stream and quotes into their hash: one question and two answers a batch, whatever is in it."""

from __future__ import annotations

from collections.abc import Sequence

from redis.asyncio import Redis

from engine_server.feed.tick_retention import TickRetention
from tradewinds import redis_keys
from tradewinds.database.redis_exchange import Command, Exchange
from tradewinds.ticks import TickArray


class TickWriter:
    """One batch after the other; whoever uses it sees to that."""

    def __init__(self, redis: Redis, retention: TickRetention | None = None, *, seconds: float | None = None) -> None:
        """`seconds`: what an answer may take, where that is less than the client has."""
        self._exchange = Exchange(redis, seconds)
        self._retention = retention or TickRetention()

    async def write(self, ticks: TickArray, quotes: Sequence[bytes]) -> None:
        """Append the ticks, then set the quotes (key, record, key, record…). Raises redis' errors."""
        payload = ticks.tobytes()
        commands: list[Command] = []
        if payload:
            commands.append(self._append(payload))
        if quotes:
            commands.append(("HSET", redis_keys.QUOTES, *quotes))
        if not commands:
            return
        answers = await self._exchange.ask(commands)
        if payload:
            self._retention.written(answers[0].decode(), len(payload))

    async def close(self) -> None:
        """Let the connection go."""
        await self._exchange.close()

    def _append(self, payload: bytes) -> Command:
        oldest = self._retention.oldest
        trimmed = ("MINID", "~", oldest) if oldest is not None else ()
        return "XADD", redis_keys.TICKS, *trimmed, "*", "t", payload
