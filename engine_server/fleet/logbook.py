"""What strategies print and what happens to their processes: the newest lines of each, in Redis, for people.

Not the truth and not the audit: while Redis is away lines wait, 10,000 at most, then the oldest are dropped.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tradewinds import redis_keys
from tradewinds.errors import UnavailableError
from tradewinds.telemetry import get_logger

log = get_logger("fleet.logbook")

_MAX_WAITING: Final = 10_000
_LINES_PER_WRITE: Final = 500
_RETRY_SECONDS: Final = 1.0
_POLL_SECONDS: Final = 0.25
_BEAT_SECONDS: Final = 15.0
_FAULTS: Final = (RedisError, OSError, TimeoutError)


@dataclass(frozen=True)
class LogLine:
    """One line; `written_ms` is real time, `source` is PRINTED or RUNNER."""

    written_ms: int
    source: str
    text: str


@dataclass(frozen=True)
class LogPage:
    """Lines, oldest first, and the cursor of the last one (empty when there never was one)."""

    lines: Sequence[LogLine]
    cursor: str


class LogBook:
    """`write` never waits; run `run` as a watched task. Reading raises `UnavailableError`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: deque[tuple[str, LogLine]] = deque(maxlen=_MAX_WAITING)
        self._woken = asyncio.Event()
        self._is_stopping = False

    def write(self, config_id: str, lines: Sequence[LogLine]) -> None:
        """Keep these lines of a strategy."""
        if len(self._waiting) + len(lines) > _MAX_WAITING:
            log.warning_throttled("overflow", waiting=len(self._waiting))
        self._waiting.extend((config_id, line) for line in lines)
        self._woken.set()

    def stop(self) -> None:
        """Followers are told, and end."""
        self._is_stopping = True

    async def run(self) -> None:
        """Write for ever."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _LINES_PER_WRITE))]
                try:
                    await self._write(batch)
                except _FAULTS as e:
                    log.warning_throttled("unwritten", error=repr(e), waiting=len(self._waiting))
                    self._waiting.extendleft(reversed(batch))
                    await asyncio.sleep(_RETRY_SECONDS)

    async def read(self, config_id: str, after: str, count: int) -> LogPage:
        """The last `count` lines, or with a cursor the next ones after it."""
        key = redis_keys.strategy_log(config_id)
        try:
            if after:
                found: Any = await self._redis.xrange(key, min=f"({after}", count=count)
            else:
                newest: Any = await self._redis.xrevrange(key, count=count)
                found = newest[::-1]
        except _FAULTS as e:
            raise UnavailableError("the logs of strategies cannot be read: Redis is away; try again") from e
        return LogPage([_line(fields) for _id, fields in found], found[-1][0].decode() if found else after)

    async def follow(self, config_id: str, after: str, count: int) -> AsyncIterator[LogPage]:
        """As `read`, then what is written, until the engine stops; now and then an empty page shows that the stream lives."""
        page = await self.read(config_id, after, count)
        yield page
        loop = asyncio.get_running_loop()
        told_at = loop.time()
        while not self._is_stopping:
            await asyncio.sleep(_POLL_SECONDS)
            page = await self.read(config_id, page.cursor or "0-0", _LINES_PER_WRITE)
            if page.lines or loop.time() - told_at >= _BEAT_SECONDS:
                told_at = loop.time()
                yield page

    async def _write(self, batch: Sequence[tuple[str, LogLine]]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for config_id, line in batch:
            fields: dict[Any, Any] = {"t": line.written_ms, "s": line.source, "x": line.text}
            key = redis_keys.strategy_log(config_id)
            pipeline.xadd(key, fields, maxlen=redis_keys.STRATEGY_LOG_LENGTH, approximate=True)
        for config_id in {config_id for config_id, _line in batch}:
            pipeline.expire(redis_keys.strategy_log(config_id), redis_keys.STRATEGY_LOG_TTL_SECONDS)
        await pipeline.execute()


def _line(fields: dict[bytes, bytes]) -> LogLine:
    return LogLine(int(fields[b"t"]), fields[b"s"].decode(), fields[b"x"].decode("utf-8", "replace"))
