"""Today's instruments in memory: read from Redis in one go, replaced whole when the feed publishes others."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from engine_server.instruments.packed import unpack
from engine_server.instruments.search import InstrumentSearch
from engine_server.instruments.table import InstrumentTable
from engine_server.instruments.tokens import TokenIndex
from tradewinds import instruments, redis_keys
from tradewinds.instruments import Instrument, InstrumentKey, UnknownInstrumentError
from tradewinds.telemetry import get_logger

log = get_logger("instruments")

_POLL_SECONDS = 5.0  # pub/sub forgets what it said while nobody listened
_RETRY_SECONDS = 1.0
_SUGGESTION_PREFIX = 2
_SUGGESTION_CANDIDATES = 400
_NAMES_NEAR = 8
_REMEMBERED = 1_000
_CASH = ("EQ", "INDEX")

Category = tuple[str, str, str]  # exchange, kind, underlying

_NONE: Final = InstrumentTable.of([])


@dataclass(frozen=True)
class _Snapshot:
    version: str = ""
    by_key: InstrumentTable = field(default_factory=lambda: _NONE)
    tokens: TokenIndex = field(default_factory=lambda: TokenIndex(_NONE))
    search: InstrumentSearch = field(default_factory=lambda: InstrumentSearch(_NONE))
    categories: Mapping[Category, int] = field(default_factory=dict)
    trade_day: date | None = None
    # What was asked for lately: strategies name the same few.
    resolved: dict[str, Instrument] = field(default_factory=dict)


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
    def trade_day(self) -> date | None:
        """The market day that the scrip master in force was fetched for; None when that is not known."""
        return self._snapshot.trade_day

    @property
    def categories(self) -> Mapping[Category, int]:
        """How many instruments there are of each exchange, kind and underlying (empty for cash)."""
        return self._snapshot.categories

    @property
    def instruments(self) -> Mapping[InstrumentKey, Instrument]:
        """Every instrument by its canonical key."""
        return self._snapshot.by_key

    def by_token(self, exchange: str, token: str) -> Instrument | None:
        """The instrument that the broker calls `token` in the segment `exchange` (`NSE`)."""
        return self._snapshot.tokens.find(exchange, token)

    def resolve(self, text: str) -> Instrument:
        """The instrument meant by `text`; raises `UnknownInstrumentError` saying what is near.

        The kernel's `resolve` looks at everything it is given, so it is given the few that may be meant. A name that an underlying
        shares with its futures and options (`NIFTY`) means the underlying: a contract has a symbol of its own.
        """
        if not self.ready:
            raise UnknownInstrumentError(f"{text!r} is not known yet: the scrip master has not been loaded; try again")
        snapshot = self._snapshot
        if (known := snapshot.resolved.get(text)) is not None:
            return known
        if len(snapshot.resolved) >= _REMEMBERED:
            snapshot.resolved.clear()
        found = snapshot.resolved[text] = self._found(snapshot, text)
        return found

    @staticmethod
    def _found(snapshot: _Snapshot, text: str) -> Instrument:
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

    def search(self, query: str, limit: int, *, exchange: str = "", kind: str = "") -> list[Instrument]:
        """At most `limit` instruments whose symbol, name or key begins like `query`, or that have all its words; best first.
        `exchange` and `kind` let only theirs through."""
        return self._snapshot.search.find(query, limit, exchange=exchange, kind=kind)

    def contracts_of(self, underlying: str) -> list[Instrument]:
        """Every future and option on `underlying` (a name, such as NIFTY): futures first, near expiries first, low strikes first."""
        return self._snapshot.search.contracts_of(underlying)

    def cash_of(self, underlying: str) -> Instrument | None:
        """The index or share that an underlying's name means; None where there is none, as for commodities."""
        return next((i for i in self._snapshot.search.named(underlying) if i.kind in _CASH), None)

    def near(self, text: str) -> Sequence[str]:
        """Names that somebody may have meant by `text`."""
        return sorted({i.name for i in self.search(text[:_SUGGESTION_PREFIX], _NAMES_NEAR)})

    async def load(self) -> bool:
        """Take what is published now; False where nothing is or nothing new is. Raises redis' errors."""
        async with self._loading:
            version, day = await self._redis.mget(redis_keys.INSTRUMENTS_VERSION, redis_keys.INSTRUMENTS_DAY)
            if version is None:
                return False
            if _text(version) == self._snapshot.version:
                self._snapshot = replace(self._snapshot, trade_day=_day(day))
                return False
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.mget(redis_keys.INSTRUMENTS_VERSION, redis_keys.INSTRUMENTS_DAY)
            pipeline.get(redis_keys.INSTRUMENT_TABLE)
            (version, day), packed = await pipeline.execute()
            if version is None or packed is None:
                return False
            # The index over 150 K rows takes a fifth of a second: in a thread, so that heartbeats go on beating.
            self._snapshot = await asyncio.to_thread(_build, _text(version), _day(day), packed)
            log.info("loaded", version=self.version, day=str(self.trade_day), instruments=len(self.instruments))
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
            log.error("unreadable", key=redis_keys.INSTRUMENT_TABLE, error=str(e), exc_info=True)


def _build(version: str, trade_day: date | None, packed: bytes) -> _Snapshot:
    head, table = unpack(packed)
    categories = {_category(name): number for name, number in head.categories.items()}
    return _Snapshot(version, table, TokenIndex(table), InstrumentSearch(table), categories, trade_day)


def _category(written: str) -> Category:
    """`NFO|OPT|NIFTY`, as the feed writes it."""
    exchange, kind, underlying = written.split("|", 2)
    return exchange, kind, underlying


def _day(value: bytes | str | None) -> date | None:
    """Empty before a feed has said it."""
    return date.fromisoformat(_text(value)) if value else None


def _text(value: bytes | str) -> str:
    """redis-py's types allow either; our connections answer in bytes."""
    return value if isinstance(value, str) else value.decode()
