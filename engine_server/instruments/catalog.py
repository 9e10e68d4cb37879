"""Today's instruments in memory: read from Redis in one go, replaced whole when the feed publishes others."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from engine_server.instruments.search import InstrumentSearch
from tradewinds import instruments, redis_keys
from tradewinds.instruments import Instrument, InstrumentKey, UnknownInstrumentError
from tradewinds.telemetry import get_logger

log = get_logger("instruments")

_POLL_SECONDS = 5.0  # pub/sub forgets what it said while nobody listened
_RETRY_SECONDS = 1.0
_SUGGESTION_PREFIX = 2
_SUGGESTION_CANDIDATES = 400
_CASH = ("EQ", "INDEX")

_decode = msgspec.msgpack.Decoder(Instrument).decode


@dataclass(frozen=True)
class _Snapshot:
    version: str = ""
    by_key: Mapping[InstrumentKey, Instrument] = field(default_factory=dict)
    by_token: Mapping[tuple[str, str], Instrument] = field(default_factory=dict)
    search: InstrumentSearch = field(default_factory=lambda: InstrumentSearch({}))


class InstrumentCatalog:
    """Instruments by key, token and text. Run `follow()` as a watched task; until the first load it is empty and not `ready`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._snapshot = _Snapshot()
        self._loading = asyncio.Lock()

    @property
    def ready(self) -> bool:
        """Whether a scrip master has been loaded. It stays so when Redis loses its copy."""
        return bool(self._snapshot.by_key)

    @property
    def version(self) -> str:
        """The content hash of the scrip master in force here; empty before the first."""
        return self._snapshot.version

    @property
    def instruments(self) -> Mapping[InstrumentKey, Instrument]:
        """Every instrument by its canonical key."""
        return self._snapshot.by_key

    def by_token(self, exchange: str, token: str) -> Instrument | None:
        """The instrument that the broker calls `token` in the segment `exchange` (`NSE`)."""
        return self._snapshot.by_token.get((exchange, token))

    def resolve(self, text: str) -> Instrument:
        """The instrument meant by `text`; raises `UnknownInstrumentError` saying what is near.

        The kernel's `resolve` looks at everything it is given, so it is given the few that may be meant. A name that an underlying
        shares with its futures and options (`NIFTY`) means the underlying: a contract has a symbol of its own.
        """
        if not self.ready:
            raise UnknownInstrumentError(f"{text!r} is not known yet: the scrip master has not been loaded; try again")
        snapshot = self._snapshot
        wanted = text.strip().upper()
        keys = (wanted, f"NSE:{wanted}-EQ", f"NSE:{wanted}")
        exact = [found for key in keys if (found := snapshot.by_key.get(key))] or snapshot.search.named(wanted)
        bare = wanted.partition(":")[2] or wanted
        near = (
            [i for i in exact if i.kind in _CASH]
            or exact
            or snapshot.search.find(bare[:_SUGGESTION_PREFIX], _SUGGESTION_CANDIDATES)
        )
        # The best last: of instruments that share a bare symbol the kernel suggests the last.
        return instruments.resolve(text, {i.key: i for i in reversed(near)})

    def search(self, query: str, limit: int) -> list[Instrument]:
        """At most `limit` instruments whose symbol, name or key begins like `query`, or that have all its words; best first."""
        return self._snapshot.search.find(query, limit)

    async def load(self) -> bool:
        """Take what is published now; False where nothing is or nothing new is. Raises redis' errors."""
        async with self._loading:
            version = await self._redis.get(redis_keys.INSTRUMENTS_VERSION)
            if version is None or _text(version) == self._snapshot.version:
                return False
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.get(redis_keys.INSTRUMENTS_VERSION)
            pipeline.hvals(redis_keys.INSTRUMENTS)
            version, rows = await pipeline.execute()
            if version is None or not rows:
                return False
            # 150 K rows take a second: in a thread, so that heartbeats go on beating.
            self._snapshot = await asyncio.to_thread(_build, _text(version), rows)
            log.info("loaded", version=self.version, instruments=len(rows))
            return True

    async def follow(self) -> None:
        """Load now and whenever the feed says so (poll: every 5 s), for ever; without Redis the last instruments stay."""
        while True:
            try:
                await self._follow_one_connection()
            except (RedisError, OSError, TimeoutError) as e:
                log.warning_throttled("unreachable", error=repr(e))
                await asyncio.sleep(_RETRY_SECONDS)

    async def _follow_one_connection(self) -> None:
        async with self._redis.pubsub() as subscription:
            await subscription.subscribe(redis_keys.INSTRUMENTS_CHANGED)
            while True:
                await self._load_or_keep()
                await subscription.get_message(timeout=_POLL_SECONDS)

    async def _load_or_keep(self) -> None:
        try:
            await self.load()
        except msgspec.DecodeError as e:
            log.error("unreadable", key=redis_keys.INSTRUMENTS, error=str(e), exc_info=True)


def _build(version: str, rows: list[bytes]) -> _Snapshot:
    decoded = [_decode(row) for row in rows]
    by_key = {i.key: i for i in decoded}
    return _Snapshot(version, by_key, {(i.exchange, i.token): i for i in decoded}, InstrumentSearch(by_key))


def _text(value: bytes | str) -> str:
    """redis-py's types allow either; our connections answer in bytes."""
    return value if isinstance(value, str) else value.decode()
