"""Bars that somebody wants and that are not there: engines ask, the feed answers, because it alone has the broker's data session.

A wish is an entry of the stream `md:bars:wanted`, its answer a list of one element. Both may be lost: who asks waits a bounded
time, and asks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from engine_server.bars.domain.ranges import Range
from tradewinds import redis_keys
from tradewinds.database.reconnecting import describe
from tradewinds.errors import UnavailableError
from tradewinds.ids import new_id
from tradewinds.instruments import InstrumentKey
from tradewinds.telemetry import get_logger

log = get_logger("bars.wishes")

_ANSWER_TTL_SECONDS: Final = 60
_MAX_WAITING: Final = 8  # each holds a connection of the pool
_BLOCK_MS: Final = 1_000
_AGAIN_SECONDS: Final = 0.5


class Wish(msgspec.Struct, frozen=True):
    """Make this stretch whole; `interval` is 1m or 1d."""

    wish_id: str
    instrument: InstrumentKey
    interval: str
    from_ms: int
    until_ms: int

    @property
    def wanted(self) -> Range:
        """The stretch."""
        return Range(self.from_ms, self.until_ms)


class Answer(msgspec.Struct, frozen=True):
    """Empty `problem`: it is whole."""

    problem: str = ""


class BarsNotInError(UnavailableError):
    """Some of the bars asked for are not there yet and could not be fetched from the broker now; try again."""

    reason = "BARS_NOT_IN"


class WishSender:
    """The engine's side."""

    def __init__(self, redis: Redis, wait_seconds: float = 8.0) -> None:
        self._redis = redis
        self._wait_seconds = wait_seconds
        self._turns = asyncio.Semaphore(_MAX_WAITING)

    async def fulfil(self, instrument: InstrumentKey, interval: str, wanted: Range) -> None:
        """Have a stretch made whole; raises `BarsNotInError` where that fails or takes too long."""
        wish = Wish(new_id("bw"), instrument, interval, wanted.from_ms, wanted.until_ms)
        try:
            async with asyncio.timeout(self._wait_seconds + 1), self._turns:
                await self._redis.xadd(
                    redis_keys.BARS_WANTED,
                    {"w": msgspec.msgpack.encode(wish)},
                    maxlen=redis_keys.BARS_WANTED_LENGTH,
                    approximate=True,
                )
                found: Any = await self._redis.blpop([redis_keys.bars_answer(wish.wish_id)], self._wait_seconds)
        except (RedisError, OSError, TimeoutError) as e:
            raise BarsNotInError(f"bars of {instrument} cannot be asked for now ({type(e).__name__}); try again") from e
        if found is None:
            raise BarsNotInError(
                f"bars of {instrument} are being fetched from the broker, which takes longer than"
                f" {self._wait_seconds:g} s; try again (GET /v1/feed says how the feed is)"
            )
        answer = msgspec.msgpack.decode(found[1], type=Answer)
        if answer.problem:
            raise BarsNotInError(f"bars of {instrument} could not be fetched from the broker: {answer.problem}")


class WishReader:
    """The feed's side."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def wishes(self) -> AsyncIterator[Wish]:
        """Wishes from now on, for ever; what cannot be read is passed over, a Redis that is away is asked again."""
        last: Any = None
        while True:
            try:
                if last is None:
                    newest: Any = await self._redis.xrevrange(redis_keys.BARS_WANTED, count=1)
                    last = newest[0][0] if newest else "0-0"
                found: Any = await self._redis.xread({redis_keys.BARS_WANTED: last}, block=_BLOCK_MS)
            except (RedisError, OSError, TimeoutError) as e:
                log.warning_throttled("unreachable", error=describe(e))
                last = None  # a Redis that has lost everything numbers from the beginning
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            for _stream, entries in found or []:
                for entry_id, fields in entries:
                    last = entry_id
                    if (wish := _decoded(fields.get(b"w", b""))) is not None:
                        yield wish

    async def answer(self, wish: Wish, problem: str = "") -> None:
        """Tell who asked."""
        key = redis_keys.bars_answer(wish.wish_id)
        try:
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.rpush(key, msgspec.msgpack.encode(Answer(problem)))
                pipeline.expire(key, _ANSWER_TTL_SECONDS)
                await pipeline.execute()
        except (RedisError, OSError, TimeoutError) as e:
            log.warning_throttled("unanswered", instrument=wish.instrument, error=describe(e))


def _decoded(payload: bytes) -> Wish | None:
    try:
        return msgspec.msgpack.decode(payload, type=Wish)
    except msgspec.DecodeError as e:
        log.warning_throttled("unreadable", error=str(e))
        return None
