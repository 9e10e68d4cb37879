"""One replica's turn at judging: from a lease that was taken until it is lost or given back.

Everything is in order: a batch of ticks is judged, what fires is committed while the next ones are judged, and a position is kept when
all up to it is committed. So a crash at any instant repeats ticks, and a tick that is repeated fires nothing twice; nothing that was read
is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from prometheus_client import Counter, Gauge
from redis.asyncio import Redis

from notifier.alerts.book import AlertBook
from notifier.alerts.changes import Changes
from notifier.alerts.chores import Chores
from notifier.alerts.commits import Commits
from notifier.alerts.evaluation_store import EvaluationStore, Lease
from notifier.alerts.faults import INTERRUPTIONS, REDIS_ERRORS
from notifier.alerts.firing import Firing
from notifier.alerts.rows import Row
from notifier.alerts.teller import Teller
from notifier.alerts.tick_source import TickBatch, TickSource, entry_number, latest_quotes
from notifier.alerts.together import first_to_end
from notifier.alerts.watched import WatchedInstruments
from notifier.ports import PreferenceSource
from tradewinds import garbage
from tradewinds.clock import Clock
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.reconnecting import describe
from tradewinds.telemetry import get_logger

log = get_logger("notifier.alerts")

LEASE_TTL: Final = timedelta(seconds=6)
_KEEP_SECONDS: Final = 1.0
_CHORES_SECONDS: Final = 0.25
_QUOTES_AT_ONCE: Final = 1_000
_CHANGES_AT_ONCE: Final = 1_000
# A batch costs about the same whether it is one entry or ten, and entries may come a thousand times a second.
_PAUSE_SECONDS: Final = 0.001
_IDLE_PAUSE_SECONDS: Final = 0.05  # no alert waits

_ACTIVE: Final = Gauge("tradewinds_price_alerts_active", "Alerts in the index of this replica")
_TICKS: Final = Counter("tradewinds_price_alert_ticks_total", "Ticks judged")


class LeaseLostError(Exception):
    """Another replica judges the alerts."""


class _Seen(NamedTuple):
    """All that was seen up to `positions`; to be kept when the fires that had been given by then are committed."""

    positions: Mapping[str, str]
    rows: Sequence[Row]
    fires_given: int = 0


class Turn:
    """`run` ends when `stopping` is set, and raises `LeaseLostError` and the errors of both stores."""

    def __init__(
        self,
        lease: Lease,
        store: EvaluationStore,
        firing: Firing,
        redis: Redis,
        teller: Teller,
        preferences: PreferenceSource,
        clock: Clock,
        stopping: asyncio.Event,
    ) -> None:
        self._lease = lease
        self._store = store
        self._redis = redis
        self._teller = teller
        self._preferences = preferences
        self._clock = clock
        self._stopping = stopping
        self._woken = asyncio.Event()
        self.changes = Changes(self._woken)
        self._watched = WatchedInstruments(redis)
        self._book = AlertBook()
        self._firing = firing
        self._commits = Commits(firing, teller.tell, self._look_again)
        self._source = TickSource(redis, lease.positions, self._woken, self._pause_seconds)
        self._positions: Mapping[str, str] = lease.positions
        self._kept_positions: Mapping[str, str] = lease.positions
        self._to_keep: _Seen | None = None
        self._has_seen = asyncio.Event()
        self._kept_at = clock.monotonic()
        self._chores = Chores(lease, store, self._watched, redis, teller)
        self._changing_everything = asyncio.Lock()

    async def run(self) -> None:
        """Judge. Nothing is judged before every alert is loaded."""
        await first_to_end(self._work(), self._keep())
        if self._to_keep is not None:  # it was on its way
            self._book.give_back(self._to_keep.rows)
        await self._store.keep(self._lease, LEASE_TTL, self._positions, self._book.take_dirty())
        await self._store.release_lease(self._lease)
        log.info("released", epoch=self._lease.epoch)

    def _pause_seconds(self) -> float:
        return _PAUSE_SECONDS if len(self._book) else _IDLE_PAUSE_SECONDS

    def wake(self) -> None:
        """Look whether it is time to stop."""
        self._woken.set()

    async def _work(self) -> None:
        await self.changes.connected.wait()
        await self._load()
        # Remembered before they have to be told something: the first fire of each took three times as long.
        await self._preferences.of_users(await self._store.users())
        await self._firing.begin()
        self._positions = await self._source.begin()
        await first_to_end(self._source.run(), self._commits.run(), self._judge(), self._do_chores())

    async def _load(self) -> None:
        async with self._changing_everything:
            await self._load_everything()

    async def _load_everything(self) -> None:
        self.changes.everything = False
        await self._store.keep(self._lease, LEASE_TTL, self._positions, self._book.take_dirty())
        self._watched = WatchedInstruments(self._redis)
        self._chores = Chores(self._lease, self._store, self._watched, self._redis, self._teller)
        await self._watched.refresh()
        keys = await self._store.instruments()
        await self._watched.add(keys)
        rows = await self._store.load(keys)
        # Seconds for a million: in a thread, so that everything else goes on.
        self._book = await asyncio.to_thread(AlertBook, self._watched.tokens, rows, self._now_us())
        garbage.settle()
        await self._chores.adopt_subscriptions()
        log.info("loaded", epoch=self._lease.epoch, alerts=len(self._book), instruments=len(keys))

    async def _judge(self) -> None:
        has_judged_quotes = False
        while not self._stopping.is_set():
            if self.changes:
                await self._commits.settled()  # what is read now is to have them in it
                await self._apply_changes()
            batch = self._source.take()
            if batch is not None:
                await self._judge_batch(batch)
            elif not has_judged_quotes and self._source.has_caught_up(self._positions):
                has_judged_quotes = await self._judge_last_quotes()
            self._hand_over_what_was_seen()
            _ACTIVE.set(len(self._book))
            if batch is None:
                await self._wait()
        await self._commits.settled()

    async def _judge_batch(self, batch: TickBatch) -> None:
        await self._commits.give(self._book.judge(batch.ticks, batch.entries, self._now_us()))
        self._positions = batch.positions
        _TICKS.inc(len(batch.ticks))

    async def _judge_last_quotes(self) -> bool:
        """What nobody watched: alerts whose instrument has not ticked since are held against its last quote. False: try again."""
        keys = self._watched.keys
        try:
            for start in range(0, len(keys), _QUOTES_AT_ONCE):
                quotes = await latest_quotes(self._redis, keys[start : start + _QUOTES_AT_ONCE])
                entry = max(map(entry_number, self._positions.values())) + 1
                await self._commits.give(self._book.judge_late(quotes, entry, self._now_us()))
        except REDIS_ERRORS as e:
            log.warning_throttled("quotes.unreachable", error=describe(e))
            return False
        return True

    def _look_again(self, refused: Sequence[int]) -> None:
        for number in refused:
            self._book.remove(number)
        self.changes.give_back(refused)

    async def _apply_changes(self) -> None:
        if self.changes.everything:
            if self._to_keep is None:  # what is on its way to be kept is older than what is here
                await self._load()
            return
        numbers = self.changes.take(_CHANGES_AT_ONCE)
        try:
            keys = await self._store.instruments_of(numbers)
            if await self._watched.add(keys):
                self._book.set_tokens(self._watched.tokens)
            rows = await self._store.changed(keys, numbers)
        except INTERRUPTIONS as e:
            self.changes.give_back(numbers)
            log.warning_throttled("changes.unreadable", error=describe(e), count=len(numbers))
            return
        self._book.put([row._replace(slot=self._watched.slot(keys[row.slot])) for row in rows], self._now_us())
        for number in set(numbers) - {row.number for row in rows}:
            self._book.remove(number)
        self._chores.subscribe_soon()

    async def _do_chores(self) -> None:
        while True:
            async with self._changing_everything:
                ended = await self._chores.do_what_is_due(self._book, self._clock.monotonic())
            if ended:
                # Not simply removed: somebody may have made them anew meanwhile.
                self.changes.give_back(ended)
                self._woken.set()
            await asyncio.sleep(_CHORES_SECONDS)

    # --- keeping

    def _hand_over_what_was_seen(self) -> None:
        now = self._clock.monotonic()
        if self._to_keep is None and now - self._kept_at >= _KEEP_SECONDS:
            self._kept_at = now
            self._to_keep = _Seen(self._positions, self._book.take_dirty(), self._commits.given)
            self._has_seen.set()

    async def _keep(self) -> None:
        """Renew the lease every second, with what was handed over; beside the judging, which it must not hold up."""
        while True:
            seen = await self._next_seen()
            try:
                is_ours = await self._store.keep(self._lease, LEASE_TTL, seen.positions, seen.rows)
                self._kept_positions = seen.positions
            except PASSING_FAULTS as e:
                self._book.give_back(seen.rows)
                log.warning_throttled("unkept", error=describe(e), alerts=len(seen.rows))
                await asyncio.sleep(_KEEP_SECONDS / 2)
                is_ours = True
            if seen is self._to_keep:
                self._to_keep = None
                self._has_seen.clear()
            if not is_ours:
                raise LeaseLostError(f"epoch {self._lease.epoch} is over")

    async def _next_seen(self) -> _Seen:
        try:
            async with asyncio.timeout(_KEEP_SECONDS * 1.5):
                await self._has_seen.wait()
                if self._to_keep is not None:
                    await self._commits.settled(self._to_keep.fires_given)
                    return self._to_keep
        except TimeoutError:  # loading, or waiting for a commit
            pass
        return _Seen(self._kept_positions, ())

    async def _wait(self) -> None:
        """Until something happens, or the next chore or opening is due."""
        opening_us = self._book.next_opening_us()
        seconds = _KEEP_SECONDS
        if opening_us is not None:
            seconds = min(seconds, max(0.001, (opening_us - self._now_us()) / 1e6))
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return
        self._woken.clear()

    def _now_us(self) -> int:
        return int(self._clock.now().timestamp() * 1e6)
