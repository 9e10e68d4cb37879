"""Reads closed bars once and gives each strategy those of its instruments and intervals."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection
from typing import Any, Final, Protocol

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tradewinds import redis_keys
from tradewinds.bars import Bar
from tradewinds.telemetry import get_logger

log = get_logger("bars")

_BLOCK_MS: Final = 1_000
_PAUSE_SECONDS: Final = 0.5
_decoder: Final = msgspec.msgpack.Decoder(list[Bar])


class BarSink(Protocol):
    """Where the bars of one strategy go."""

    def bars_closed(self, bars: list[Bar]) -> None:
        """In order."""
        ...


class BarReader:
    """One reader for all strategies of this runner. Run `run` as a watched task."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._wanted: dict[BarSink, frozenset[tuple[str, str]]] = {}
        self._routes: dict[tuple[str, str], list[BarSink]] = {}

    def want(self, sink: BarSink, wanted: Collection[tuple[str, str]]) -> None:
        """Give `sink` the bars of these (instrument, interval) pairs from now on, and no others."""
        self._wanted[sink] = frozenset(wanted)
        self._rebuild_routes()

    def forget(self, sink: BarSink) -> None:
        """Its process has ended."""
        if self._wanted.pop(sink, None) is not None:
            self._rebuild_routes()

    async def run(self) -> None:
        """Read for ever; a Redis that is away is asked again, and the reading goes on where it was."""
        position: Any = None
        while True:
            try:
                position = position or await self._latest_position()
                found: list[Any] = await self._redis.xread({redis_keys.BARS: position}, block=_BLOCK_MS) or []  # type: ignore[assignment]  # RESP2
            except (RedisError, OSError, TimeoutError) as e:
                log.warning_throttled("unreachable", error=repr(e))
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            for _stream, entries in found:
                position = entries[-1][0]
                for _id, fields in entries:
                    self._route(fields.get(b"b", b""))

    async def _latest_position(self) -> Any:
        newest: Any = await self._redis.xrevrange(redis_keys.BARS, count=1)
        return newest[0][0] if newest else "0-0"

    def _route(self, payload: bytes) -> None:
        try:
            bars = _decoder.decode(payload)
        except msgspec.DecodeError as e:
            log.warning_throttled("unreadable", error=str(e))
            return
        per_sink: defaultdict[BarSink, list[Bar]] = defaultdict(list)
        for bar in bars:
            for sink in self._routes.get((bar.instrument, bar.interval), ()):
                per_sink[sink].append(bar)
        for sink, closed in per_sink.items():
            sink.bars_closed(closed)

    def _rebuild_routes(self) -> None:
        routes: dict[tuple[str, str], list[BarSink]] = {}
        for sink, wanted in self._wanted.items():
            for pair in wanted:
                routes.setdefault(pair, []).append(sink)
        self._routes = routes
