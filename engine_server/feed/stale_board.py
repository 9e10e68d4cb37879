"""What is stale, for everybody: the hash `md:stale`, and an event in `md:events` whenever that changes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
from redis.asyncio import Redis

from tradewinds import redis_keys
from tradewinds.instruments import InstrumentKey
from tradewinds.telemetry import get_logger

log = get_logger("feed.stale")

STALE, RESUMED = "STALE", "RESUMED"
_SHOWN: Final = 5
_MOST_UNTOLD: Final = 100  # events that wait for Redis; readers go by the hash, which is whole


class StaleInstrument(NamedTuple):
    """An instrument whose ticks are missing, and why."""

    key: InstrumentKey
    reason: str


class FeedEvent(msgspec.Struct, frozen=True):
    """The JSON of one entry of `md:events`; `at_ms` is real time."""

    kind: str
    reason: str
    instruments: Sequence[InstrumentKey]
    at_ms: int


class StaleBoard:
    """Tells each change once, as soon as Redis takes it; in the order of changes."""

    def __init__(self, redis: Redis, wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._redis = redis
        self._wall_ms = wall_ms
        self._stale: dict[InstrumentKey, int] = {}
        self._untold: list[FeedEvent] = []
        self._is_written = False  # a feed before us may have left anything

    @property
    def stale(self) -> Mapping[InstrumentKey, int]:
        """Epoch milliseconds since when, by instrument."""
        return self._stale

    def show(self, stale: Iterable[StaleInstrument], resumed_because: str) -> None:
        """These are stale now, and nothing else is."""
        now_ms, reasons = self._wall_ms(), dict(stale)
        fresh: defaultdict[str, list[InstrumentKey]] = defaultdict(list)
        for key, reason in reasons.items():
            if key not in self._stale:
                fresh[reason].append(key)
        events = [FeedEvent(STALE, reason, keys, now_ms) for reason, keys in fresh.items()]
        if over := [key for key in self._stale if key not in reasons]:
            events.append(FeedEvent(RESUMED, resumed_because, over, now_ms))
        if not events:
            return
        self._stale = {key: self._stale.get(key, now_ms) for key in reasons}
        self._untold = [*self._untold, *events][-_MOST_UNTOLD:]
        self._is_written = False
        for event in events:
            _log(event)

    async def write(self) -> None:
        """Make Redis agree. Raises redis' errors; what was not written is written at the next call."""
        if self._is_written and (not self._stale or await self._redis.exists(redis_keys.STALE)):
            return
        telling, untouched = self._untold, self._stale
        async with self._redis.pipeline(transaction=True) as transaction:
            transaction.delete(redis_keys.STALE)
            if self._stale:
                transaction.hset(redis_keys.STALE, mapping={key: str(since) for key, since in self._stale.items()})
            for event in telling:
                entry = {"e": msgspec.json.encode(event)}
                transaction.xadd(redis_keys.FEED_EVENTS, entry, maxlen=redis_keys.FEED_EVENT_STREAM_LENGTH)  # type: ignore[arg-type] # redis-py's types are narrower than what it takes
            await transaction.execute()
        self._untold = [event for event in self._untold if event not in telling]
        self._is_written = self._stale is untouched


def _log(event: FeedEvent) -> None:
    tell = log.warning if event.kind == STALE else log.info
    shown = event.instruments[:_SHOWN]
    tell(event.kind.lower(), reason=event.reason, count=len(event.instruments), instruments=shown)
