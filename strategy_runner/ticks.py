"""Reads every tick once and gives each strategy those of the instruments that it follows."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
from prometheus_client import Counter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from strategy_runner.tick_rows import TickRow
from tradewinds import redis_keys
from tradewinds.database.redis_exchange import Exchange
from tradewinds.instruments import Instrument
from tradewinds.telemetry import get_logger
from tradewinds.ticks import FEW_TICKS, TICK_DTYPE, TICK_RECORD, TickArray, instrument_code, instrument_codes, unpack

log = get_logger("ticks")

_BLOCK_MS: Final = 1_000
_LONGEST_PAUSE_SECONDS: Final = 1.0

_ROUTED = Counter("tradewinds_runner_ticks_routed_total", "Ticks given to a strategy, once per strategy")


class TickSink(Protocol):
    """Where the ticks of one strategy go."""

    def offer_tick(self, row: TickRow) -> None:
        """One price; bounded by the sink."""
        ...

    def flush_ticks(self) -> None:
        """The batch is over."""
        ...

    def feed_changed(self, stale: list[str]) -> None:
        """Prices of these are missing now, and of no others."""
        ...


@dataclass(eq=False)
class Follower:
    """One strategy's interest in prices."""

    sink: TickSink
    keys: dict[int, str]  # by `instrument_code`
    stale: frozenset[str] = frozenset()
    told: set[str] = field(default_factory=set)  # instruments that have had a live price


class TickReader:
    """One reader for all strategies of this runner. What a slow strategy misses, its sink decides."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._exchange = Exchange(redis)
        self._followers: dict[str, Follower] = {}
        self._codes = np.empty(0, np.int64)  # all that are followed, ascending
        self._places: dict[int, int] = {}  # of each code among them
        self._routes: list[tuple[str, list[Follower]]] = []  # of each: its key, and who follows it

    async def follow(self, config_id: str, sink: TickSink, instruments: Iterable[Instrument]) -> None:
        """Replace what a strategy follows; it is given the last known price of each instrument first."""
        keys = {instrument_code(i.exchange_type, int(i.token)): i.key for i in instruments}
        known = self._followers.get(config_id)
        if known is not None and known.sink is sink:
            known.keys, follower = keys, known
        else:
            follower = self._followers[config_id] = Follower(sink, keys)
        self._rebuild_routes()
        await self._tell_last_prices(follower)

    def forget(self, config_id: str, sink: TickSink) -> None:
        """Its process has ended."""
        follower = self._followers.get(config_id)
        if follower is not None and follower.sink is sink:
            del self._followers[config_id]
            self._rebuild_routes()

    async def run(self) -> None:
        """Read for ever; a Redis that is away is asked again, and the reading goes on where it was."""
        position: bytes | None = None
        pause = 0.1
        while True:
            try:
                if position is None:
                    position = await self._latest_position()
                position, payloads = await self._read(position)
                pause = 0.1
            except (RedisError, OSError, TimeoutError) as e:
                log.warning_throttled("unreachable", error=repr(e))
                await asyncio.sleep(pause * (0.5 + random.random() / 2))  # noqa: S311 - jitter
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
                continue
            self._route(b"".join(payload for payload in payloads if _is_whole(payload)))

    async def _read(self, position: bytes) -> tuple[bytes, list[bytes]]:
        """The position after what came since `position`, and that; waits for something."""
        [found] = await self._exchange.ask([("XREAD", "BLOCK", _BLOCK_MS, "STREAMS", redis_keys.TICKS, position)])
        if not found:
            return position, []
        # A list of pairs, or a map where the connection speaks RESP3.
        [entries] = found.values() if isinstance(found, dict) else [entries for _stream, entries in found]
        return entries[-1][0], [fields[1] for _id, fields in entries if fields[0] == b"t"]

    def set_stale(self, stale: frozenset[str]) -> None:
        """Prices of these are missing, and of no others."""
        for follower in self._followers.values():
            _tell_stale(follower, stale.intersection(follower.keys.values()))

    def all_stale(self) -> None:
        """No prices come."""
        for follower in self._followers.values():
            _tell_stale(follower, frozenset(follower.keys.values()))

    async def _latest_position(self) -> bytes:
        """Only what comes from now on. `$` would be looked up anew in each call, and lose what came in between."""
        last: Any = await self._redis.xrevrange(redis_keys.TICKS, count=1)
        return bytes(last[0][0]) if last else b"0-0"

    def _route(self, payload: bytes) -> None:
        """Records of `tradewinds.ticks` to those who follow them."""
        if not payload or not self._routes:
            return
        touched: set[Follower] = set()
        routed = 0
        for place, record in self._followed(payload):
            key, followers = self._routes[place]
            row = _row(key, record)
            routed += len(followers)
            for follower in followers:
                follower.told.add(key)
                follower.sink.offer_tick(row)
            touched.update(followers)
        _ROUTED.inc(routed)
        for follower in touched:
            follower.sink.flush_ticks()

    def _followed(self, payload: bytes) -> Iterable[tuple[int, tuple[int, ...]]]:
        """Those that anybody follows, each with its place in `_routes`; the whole market passes here, a few of it are for us."""
        if len(payload) <= FEW_TICKS * TICK_DTYPE.itemsize:
            for record in TICK_RECORD.iter_unpack(payload):
                place = self._places.get(record[0] << 32 | record[2])
                if place is not None:
                    yield place, record
        else:
            yield from self._followed_of_many(unpack(payload))

    def _followed_of_many(self, ticks: TickArray) -> Iterable[tuple[int, tuple[int, ...]]]:
        codes = instrument_codes(ticks)
        places = self._codes.searchsorted(codes)
        known = self._codes.take(places, mode="clip") == codes
        return zip(places[known].tolist(), ticks[known].tolist(), strict=True)

    async def _tell_last_prices(self, follower: Follower) -> None:
        wanted = [key for key in follower.keys.values() if key not in follower.told]
        if not wanted:
            return
        try:
            quotes: list[Any] = await self._redis.hmget(redis_keys.QUOTES, wanted)
        except (RedisError, OSError, TimeoutError) as e:
            log.warning_throttled("quotes.unreachable", error=repr(e))
            return
        for key, packed in zip(wanted, quotes, strict=True):
            if packed and _is_whole(packed) and key not in follower.told:  # a live price may have come meanwhile
                follower.told.add(key)
                follower.sink.offer_tick(_row(key, unpack(packed).tolist()[0]))
        follower.sink.flush_ticks()

    def _rebuild_routes(self) -> None:
        routes: dict[int, tuple[str, list[Follower]]] = {}
        for follower in self._followers.values():
            for code, key in follower.keys.items():
                routes.setdefault(code, (key, []))[1].append(follower)
        codes = sorted(routes)
        self._codes, self._places = np.array(codes, np.int64), {code: place for place, code in enumerate(codes)}
        self._routes = [routes[code] for code in codes]


def _tell_stale(follower: Follower, stale: frozenset[str]) -> None:
    if stale != follower.stale:
        follower.stale = stale
        follower.sink.feed_changed(sorted(stale))


def _is_whole(payload: bytes) -> bool:
    """Whether an entry is a whole number of records: one that is not must not spoil its neighbours."""
    if len(payload) % TICK_DTYPE.itemsize == 0:
        return True
    log.warning_throttled("unreadable", bytes=len(payload), record_bytes=TICK_DTYPE.itemsize)
    return False


def _row(key: str, record: tuple[int, ...]) -> TickRow:
    # exchange_type, flags, token, last, bid, ask, last_quantity, volume, close, exchange_ms, received_ns, open_interest
    return key, record[3], record[4], record[5], record[7], record[9], record[10]
