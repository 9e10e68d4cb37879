"""Ticks as the feed wrote them, from any position on: read ahead of the evaluator, a little.

A stream entry's id, as one number, is how far something has been seen. A position whose entry has been trimmed goes on with the oldest
that is there: the ticks between are lost, the latest count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from redis.asyncio import Redis

from notifier.alerts.faults import REDIS_ERRORS
from notifier.alerts.levels import Int64Array
from tradewinds import redis_keys
from tradewinds.database.reconnecting import Backoff, describe
from tradewinds.database.redis_exchange import Exchange
from tradewinds.instruments import InstrumentKey
from tradewinds.telemetry import get_logger
from tradewinds.ticks import TICK_DTYPE, TickArray, unpack

log = get_logger("notifier.alerts.ticks")

_BLOCK_MS: Final = 1_000
_ENTRIES_AT_ONCE: Final = 500
_WAITING_BATCHES: Final = 4
_SEQUENCE_BITS: Final = 20
_STREAM: Final = redis_keys.TICKS


@dataclass(frozen=True)
class TickBatch:
    """Ticks, each with its entry as a number, and the position after them, as it is kept: entry id by stream."""

    ticks: TickArray
    entries: Int64Array
    positions: Mapping[str, str]


def entry_number(entry_id: str) -> int:
    """`1795113000000-3` as one number that sorts as the ids do."""
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds) << _SEQUENCE_BITS | min(int(sequence or 0), (1 << _SEQUENCE_BITS) - 1)


async def latest_quotes(redis: Redis, keys: Sequence[InstrumentKey]) -> TickArray:
    """The last quote of each, of those that have one. Raises redis' errors."""
    found: list[Any] = await redis.hmget(redis_keys.QUOTES, list(keys)) if keys else []
    return unpack(b"".join(one for one in found if one is not None and len(one) == TICK_DTYPE.itemsize))


class TickSource:
    """`run` reads for ever from `positions` (as they are kept; where ours is missing: what comes from now on), and sets `heard`."""

    def __init__(
        self,
        redis: Redis,
        positions: Mapping[str, str],
        heard: asyncio.Event,
        pause_seconds: Callable[[], float],
    ) -> None:
        """`pause_seconds`: what is written within them after a batch goes together into the next one."""
        self._redis = redis
        self._reading = Exchange(redis)
        self._position = positions.get(_STREAM, "")
        self._end = "0-0"
        self._batches: asyncio.Queue[TickBatch] = asyncio.Queue(_WAITING_BATCHES)
        self._heard = heard
        self._pause_seconds = pause_seconds

    async def begin(self) -> Mapping[str, str]:
        """Where reading begins. Raises redis' errors."""
        last: Any = await self._redis.xrevrange(_STREAM, count=1)
        self._end = last[0][0].decode() if last else "0-0"
        self._position = self._position or self._end
        return {_STREAM: self._position}

    def has_caught_up(self, positions: Mapping[str, str]) -> bool:
        """Whether what was in the stream when reading began is before `positions`."""
        return entry_number(positions[_STREAM]) >= entry_number(self._end)

    async def run(self) -> None:
        """Read; when the evaluator is slow this waits, and the stream keeps what is new."""
        try:
            await self._run()
        finally:
            await self._reading.close()

    async def _run(self) -> None:
        backoff = Backoff(cap_seconds=1.0)
        while True:
            try:
                (found,) = await self._reading.ask(
                    [
                        (
                            "XREAD",
                            "COUNT",
                            _ENTRIES_AT_ONCE,
                            "BLOCK",
                            _BLOCK_MS,
                            "STREAMS",
                            _STREAM,
                            self._position,
                        )
                    ]
                )
                backoff.reset()
            except REDIS_ERRORS as e:
                log.warning_throttled("unreachable", error=describe(e))
                await asyncio.sleep(backoff.next_delay())
                continue
            if found:
                await self._batches.put(self._batch(found))
                self._heard.set()
                await asyncio.sleep(self._pause_seconds())

    def take(self) -> TickBatch | None:
        """The next batch, if one is there."""
        try:
            return self._batches.get_nowait()
        except asyncio.QueueEmpty:
            return None

    def _batch(self, found: Any) -> TickBatch:
        parts, numbers = [], []
        # A list of pairs, or a map where the connection speaks RESP3.
        [entries] = found.values() if isinstance(found, dict) else [entries for _stream, entries in found]
        for entry_id, (_, payload, *_more) in entries:
            if len(payload) % TICK_DTYPE.itemsize:
                log.warning_throttled("unreadable", bytes=len(payload), record_bytes=TICK_DTYPE.itemsize)
                continue
            parts.append(payload)
            numbers.append((entry_number(entry_id.decode()), len(payload) // TICK_DTYPE.itemsize))
        self._position = entries[-1][0].decode()
        entry_of_tick = np.repeat([number for number, _ in numbers], [count for _, count in numbers]).astype(np.int64)
        return TickBatch(unpack(b"".join(parts)), entry_of_tick, {_STREAM: self._position})
