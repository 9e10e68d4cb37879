"""Hears when an account's books have been set right by the broker's, and tells its strategies, each after the order events of before."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from strategy_runner import protocol
from strategy_runner.roster import Roster
from tradewinds import redis_keys
from tradewinds.telemetry import get_logger

log = get_logger("reconciled_watch")

_LOOK_SECONDS: Final = 0.5
_REDIS_SECONDS: Final = 5.0


class _News(msgspec.Struct, frozen=True):
    at_ms: int
    sequences: dict[str, int]


class ReconciledWatch:
    """Run `run` as a watched task. What was said before the first look is no news."""

    def __init__(self, redis: Redis, roster: Roster) -> None:
        self._redis = redis
        self._roster = roster
        self._known: dict[str, int] | None = None
        self._owed: dict[str, int] = {}  # config id -> the event that comes before the news

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                async with asyncio.timeout(_REDIS_SECONDS):
                    found: dict[bytes, bytes] = await self._redis.hgetall(redis_keys.RECONCILED)  # type: ignore[assignment] # bytes in, bytes out
            except (RedisError, OSError, TimeoutError) as e:
                log.warning_throttled("unreachable", error=repr(e))
            else:
                self.take({key.decode(): value for key, value in found.items()})
            self.tell()
            await asyncio.sleep(_LOOK_SECONDS)

    def take(self, found: Mapping[str, bytes]) -> None:
        """What the hash says now."""
        news = {account_id: msgspec.json.decode(value, type=_News) for account_id, value in found.items()}
        known, self._known = self._known, {**(self._known or {}), **{a: n.at_ms for a, n in news.items()}}
        if known is None:
            return
        for hosted in self._roster.hosted():
            one = news.get(hosted.assignment.account_id)
            if one is not None and one.at_ms != known.get(hosted.assignment.account_id):
                config_id = hosted.assignment.config_id
                self._owed[config_id] = one.sequences.get(config_id, 0)

    def tell(self) -> None:
        """Those that have had the events of before; one that has gone meanwhile begins with the right book anyway."""
        owed, self._owed = self._owed, {}
        for hosted in self._roster.hosted():
            sequence = owed.get(hosted.assignment.config_id)
            if sequence is None:
                continue
            if hosted.watermark < sequence:
                self._owed[hosted.assignment.config_id] = sequence
            else:
                hosted.tell(protocol.Reconciled())
