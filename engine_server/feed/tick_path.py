"""The tick path: frames of the socket → decoded in bulk → one pipelined batch to Redis. Nothing in it waits for a reader.

At once when idle; under load whatever came within a millisecond goes together. While Redis is away ticks are dropped and
counted, the socket is read on, and the quotes are written again when it is back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from prometheus_client import Counter, Histogram
from redis.asyncio import Redis
from redis.exceptions import RedisError

from engine_server.feed.inbox import FrameInbox, Frames
from engine_server.feed.listing import Destination
from engine_server.feed.packets import DecodedTicks, decode
from engine_server.feed.quote_book import QuoteBook
from engine_server.feed.sequences import SequenceGuard, instrument_codes
from tradewinds import redis_keys
from tradewinds.database.reconnecting import describe
from tradewinds.telemetry import get_logger
from tradewinds.ticks import TICK_DTYPE

log = get_logger("feed.ticks")

TICKS = Counter("tradewinds_feed_ticks_total", "Ticks written to Redis")
DROPPED = Counter("tradewinds_feed_ticks_dropped_total", "Ticks dropped, by reason", ["reason"])
FLUSH_SECONDS = Histogram(
    "tradewinds_feed_flush_seconds",
    "First frame off the socket to acknowledged by Redis",
    buckets=(0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.05, 0.25, 1),
)

_COALESCE_SECONDS: Final = 0.001
_WRITE_DEADLINE_SECONDS: Final = 1.0
_MEND_SECONDS: Final = 1.0
_STREAMS: Final = [redis_keys.tick_stream(shard) for shard in range(redis_keys.TICK_SHARDS)]
_RECORD: Final = TICK_DTYPE.itemsize


class Batch(NamedTuple):
    """One flush: records by shard, the newest record by canonical key, and what was left out by reason."""

    shards: Mapping[int, bytes]
    latest: Mapping[bytes, bytes]
    ticks: int
    dropped: Mapping[str, int]


def route(decoded: DecodedTicks, destinations: Mapping[int, Destination], guard: SequenceGuard) -> Batch:
    """Sort decoded ticks by shard; leave out what goes back and what nobody wants any more."""
    payload = decoded.ticks.tobytes()
    shards: dict[int, list[bytes]] = {}
    latest: dict[bytes, bytes] = {}
    regressed = unwanted = 0
    rows = zip(
        instrument_codes(decoded.ticks), decoded.sequences.tolist(), decoded.ticks["exchange_ms"].tolist(), strict=True
    )
    for position, (code, sequence, exchange_ms) in enumerate(rows):
        destination = destinations.get(code)
        if destination is None:
            unwanted += 1
        elif destination.is_index or guard.goes_forward(code, sequence, exchange_ms):
            record = payload[position * _RECORD : (position + 1) * _RECORD]
            shards.setdefault(destination.shard, []).append(record)
            latest[destination.key] = record
        else:
            regressed += 1
    dropped = {"garbage": decoded.garbage, "regressed": regressed, "unwanted": unwanted}
    joined = {shard: b"".join(records) for shard, records in shards.items()}
    return Batch(joined, latest, len(decoded.ticks) - regressed - unwanted, dropped)


class TickPath:
    """Owns the inbox's other end, the sequence guard and the quotes."""

    def __init__(self, redis: Redis, inbox: FrameInbox, quotes: QuoteBook) -> None:
        self._redis = redis
        self._inbox = inbox
        self._quotes = quotes
        self._guard = SequenceGuard()
        self._destinations: Mapping[int, Destination] = {}
        # An old quote that is written again must not overtake a new one.
        self._writing = asyncio.Lock()
        self.ticks = 0
        self.dropped = 0
        self.last_tick_ns = 0

    def want(self, destinations: Mapping[int, Destination]) -> None:
        """From now on write ticks of these instruments only."""
        self._destinations = destinations
        self._quotes.want(frozenset(destination.key for destination in destinations.values()))

    def connected(self) -> None:
        """A new connection numbers its ticks as it likes."""
        self._guard.forget()

    async def run(self) -> None:
        """Flush, for ever."""
        while True:
            frames = await self._inbox.take()
            started = time.monotonic()
            await self._flush(frames)
            await asyncio.sleep(max(0.0, started + _COALESCE_SECONDS - time.monotonic()))

    async def keep_quotes(self) -> None:
        """Mend `md:quotes` once a second, for ever."""
        while True:
            try:
                async with self._writing, asyncio.timeout(_WRITE_DEADLINE_SECONDS):
                    await self._quotes.mend()
            except (RedisError, OSError, TimeoutError) as e:
                log.warning_throttled("mend.failed", error=describe(e))
            await asyncio.sleep(_MEND_SECONDS)

    async def _flush(self, frames: Frames) -> None:
        if not frames.payloads:
            return
        batch = route(decode(frames.payloads, frames.received_ns), self._destinations, self._guard)
        self._drop("overflow", self._inbox.take_overflow())
        for reason, count in batch.dropped.items():
            self._drop(reason, count)
        if not batch.ticks:
            return
        self._quotes.take(batch.latest)
        self.last_tick_ns = frames.received_ns[-1]
        try:
            async with self._writing, asyncio.timeout(_WRITE_DEADLINE_SECONDS):
                await self._write(batch)
        except (RedisError, OSError, TimeoutError) as e:
            self._quotes.doubt()
            self._drop("redis", batch.ticks)
            log.warning_throttled("write.failed", error=describe(e), dropped_so_far=self.dropped)
            return
        self.ticks += batch.ticks
        TICKS.inc(batch.ticks)
        FLUSH_SECONDS.observe((time.time_ns() - frames.received_ns[0]) / 1e9)

    async def _write(self, batch: Batch) -> None:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for shard, records in batch.shards.items():
                command: list[Any] = ["XADD", _STREAMS[shard], "MAXLEN", "~", redis_keys.TICK_STREAM_LENGTH]
                pipeline.execute_command(*command, "*", "t", records)
            pipeline.execute_command(
                "HSET", redis_keys.QUOTES, *(part for quote in batch.latest.items() for part in quote)
            )
            await pipeline.execute()

    def _drop(self, reason: str, count: int) -> None:
        if count:
            self.dropped += count
            DROPPED.labels(reason).inc(count)
            if reason != "unwanted":
                log.warning_throttled(f"dropped.{reason}", count=count, dropped_so_far=self.dropped)
