"""What the evaluator does beside judging: expiry, the feed's subscriptions, a new scrip master, instruments that went silent."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from redis.asyncio import Redis

from notifier.alerts.book import AlertBook
from notifier.alerts.evaluation_store import EvaluationStore, Lease, Watcher
from notifier.alerts.faults import INTERRUPTIONS
from notifier.alerts.teller import Teller
from notifier.alerts.watched import WatchedInstruments
from tradewinds import redis_keys
from tradewinds.database.reconnecting import describe
from tradewinds.telemetry import get_logger

log = get_logger("notifier.alerts.chores")

UNKNOWN: Final = "UNKNOWN_INSTRUMENT"
_SOON_SECONDS: Final = 1.0
_SELDOM_SECONDS: Final = 5.0
# A silence that ends sooner is nobody's business.
_SILENT_MS: Final = 30_000


class Chores:
    """Done beside the judging, which it must not hold up. What a store that is away prevents is done the next time."""

    def __init__(
        self, lease: Lease, store: EvaluationStore, watched: WatchedInstruments, redis: Redis, teller: Teller
    ) -> None:
        self._lease = lease
        self._store = store
        self._watched = watched
        self._redis = redis
        self._teller = teller
        self._subscribed: set[str] = set()
        self._silent: set[str] = set()
        self._marked_version = ""
        self._soon_at = self._seldom_at = float("-inf")

    async def adopt_subscriptions(self) -> None:
        """What a predecessor asked the feed for. Raises asyncpg's errors, OSError and TimeoutError."""
        self._subscribed = await self._store.wanted()

    def subscribe_soon(self) -> None:
        """There may be an instrument that nobody watched before."""
        self._soon_at = float("-inf")

    async def do_what_is_due(self, book: AlertBook, now: float) -> list[int]:
        """The numbers of alerts that have just expired: they are to be looked at again. `now` is monotonic."""
        ended: list[int] = []
        try:
            if now - self._soon_at >= _SOON_SECONDS:
                self._soon_at = now
                ended = await self._store.expire()
                await self._subscribe(self._keys_with_alerts(book))
            if now - self._seldom_at >= _SELDOM_SECONDS:
                self._seldom_at = now
                await self._follow_scrip_master(book)
                await self._notice_silence(self._keys_with_alerts(book))
        except INTERRUPTIONS as e:
            log.warning_throttled("postponed", error=describe(e))
        return ended

    def _keys_with_alerts(self, book: AlertBook) -> set[str]:
        return {key for key, count in zip(self._watched.keys, book.alerts_on(), strict=True) if count}

    async def _subscribe(self, watched: set[str]) -> None:
        """One row for each instrument that any alert watches, whoever's it is."""
        if new := watched - self._subscribed:
            await self._store.want(self._lease, sorted(new))
            self._subscribed |= new
        if over := self._subscribed - watched:
            await self._store.want_no_more(self._lease, sorted(over))
            self._subscribed -= over

    async def _follow_scrip_master(self, book: AlertBook) -> None:
        if await self._watched.refresh():
            book.set_tokens(self._watched.tokens)
        version = self._watched.version
        if version == self._marked_version:
            return
        gone = set(self._watched.gone())
        await self._store.mark_back(sorted(set(self._watched.keys) - gone))
        for user_id, instruments in _by_user(await self._store.mark_gone(sorted(gone), UNKNOWN)):
            what = "not in the scrip master any more: expired, delisted or renamed. Delete the alerts, or make new ones"
            self._teller.warn(user_id, instruments, what, f"price-alerts-gone:{user_id}:{version}")
        self._marked_version = version
        log.info("scrip_master", version=version, instruments=len(self._watched.keys), gone=len(gone))

    async def _notice_silence(self, watched: set[str]) -> None:
        """Say, once for each silence, that alerts see nothing."""
        found: Any = await self._redis.hgetall(redis_keys.STALE)
        since_ms = {key.decode(): int(value) for key, value in found.items()}
        now_ms = time.time() * 1000
        silent = {key for key in watched if now_ms - since_ms.get(key, now_ms) >= _SILENT_MS}
        self._silent &= silent
        if new := silent - self._silent:
            first_ms = min(since_ms[key] for key in new)
            for user_id, instruments in _by_user(await self._store.watchers(sorted(new))):
                what = "without prices in an open market; their alerts see nothing until prices come again"
                self._teller.warn(user_id, instruments, what, f"price-alerts-stale:{user_id}:{first_ms}")
            self._silent |= new


def _by_user(watchers: Sequence[Watcher]) -> list[tuple[str, list[str]]]:
    instruments: dict[str, list[str]] = {}
    for watcher in watchers:
        instruments.setdefault(watcher.user_id, []).append(watcher.instrument)
    return list(instruments.items())
