"""Writes what is told live: at once when idle, in the very call that tells it; what comes while a write is under way goes with the next
one, which begins with the answer.

So the wait for company is never longer than one round trip, under load one write carries many, and whoever goes away takes nothing back.
A write that failed leaves a gap mark behind as soon as Redis answers again, so that followers in every replica learn of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import Counter, Histogram

from notifier.realtime.composing import Bulk, NewEntry, entries_of, joined
from notifier.realtime.cursor import shard_of
from notifier.realtime.hub import Hub
from notifier.realtime.stream_store import STREAM_ERRORS, StreamStore
from tradewinds.database.reconnecting import Backoff, describe
from tradewinds.errors import UnavailableError
from tradewinds.telemetry import get_logger

log = get_logger("notifier.publisher")

# A write with the connecting before it.
_CONNECT_SECONDS: Final = 2.0
_MAXIMUM_PENDING_BYTES: Final = 32 * 1024 * 1024
_PER_WRITE: Final = Histogram(
    "tradewinds_notifier_coalesced", "Notifications in one write", buckets=(1, 2, 5, 10, 50, 200, 1000, 5000)
)
_FAILED: Final = Counter("tradewinds_notifier_live_failed_total", "Notifications that could not be told live")


@dataclass(frozen=True)
class _Submission:
    told: Bulk
    newest_us: int
    remember: Mapping[str, str]
    written: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Publisher:
    """One per process; there is one write at a time. `run` writes where there is no connection yet, or no longer."""

    def __init__(self, store: StreamStore, hub: Hub) -> None:
        self._store = store
        self._hub = hub
        self._pending: list[_Submission] = []
        self._pending_bytes = 0
        self._writing = False
        self._connectionless: Sequence[_Submission] = ()
        self._left_over = asyncio.Event()
        self._gaps: set[tuple[int, bytes]] = set()
        self._gap_seen = asyncio.Event()

    def publish(self, told: Bulk, remember: Mapping[str, str], newest_us: int) -> asyncio.Future[None]:
        """Write them (accepted at `newest_us`), and remember the dedupe keys, in one step, which is done with the future. Raises
        `UnavailableError` when too much waits; it is in the future when writing failed."""
        if self._pending_bytes + len(told.octets) > _MAXIMUM_PENDING_BYTES:
            self._failed(told)
            raise UnavailableError("too many notifications wait to be told live; send more slowly", reason="OVERLOADED")
        submission = _Submission(told, newest_us, remember)
        self._pending.append(submission)
        self._pending_bytes += len(told.octets)
        if not self._writing:
            self._write_at_once()
        return submission.written

    def _write_at_once(self) -> None:
        submissions = self._taken()
        if not self._store.append_at_once(*_entries(submissions), lambda error: self._is_written(submissions, error)):
            self._connectionless = submissions
            self._left_over.set()

    def _taken(self) -> Sequence[_Submission]:
        """All that waits: it is being written from now on, and nobody overtakes it."""
        self._writing = True
        submissions, self._pending, self._pending_bytes = self._pending, [], 0
        return submissions

    def _is_written(self, submissions: Sequence[_Submission], error: BaseException | None) -> None:
        self._writing = False
        self._answer(submissions, error)
        if self._pending:
            self._write_at_once()

    async def run(self) -> None:
        """Write for ever."""
        while True:
            await self._left_over.wait()
            self._left_over.clear()
            submissions, self._connectionless = self._connectionless, ()
            self._is_written(submissions, await self._write(submissions))

    async def mark_gaps(self) -> None:
        """Leave a mark wherever a write failed, once Redis answers."""
        backoff = Backoff(cap_seconds=1.0)
        while True:
            await self._gap_seen.wait()
            try:
                while self._gaps:
                    gap = next(iter(self._gaps))
                    await self._store.mark_gap(*gap)
                    self._gaps.discard(gap)
                self._gap_seen.clear()
                backoff.reset()
            except STREAM_ERRORS as e:
                log.warning_throttled("gap.unmarked", error=describe(e))
                await asyncio.sleep(backoff.next_delay())

    async def _write(self, submissions: Sequence[_Submission]) -> BaseException | None:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await self._store.append(*_entries(submissions))
        except STREAM_ERRORS as e:
            return e
        except BaseException:
            # The process stops: nobody knows whether it was written, and nobody is to wait for it.
            for submission in submissions:
                submission.written.cancel()
            raise
        return None

    def _answer(self, submissions: Sequence[_Submission], error: BaseException | None) -> None:
        _PER_WRITE.observe(sum(len(submission.told) for submission in submissions))
        for submission in submissions:
            if error is not None:
                self._failed(submission.told)
            if submission.written.done():  # its caller went away
                continue
            if error is None:
                submission.written.set_result(None)
            else:
                what = UnavailableError(f"Redis did not take it ({describe(error)}); try again")
                what.__cause__ = error
                submission.written.set_exception(what)
        if error is not None:
            log.warning_throttled("write.failed", error=describe(error))

    def _failed(self, told: Bulk) -> None:
        _FAILED.inc(len(told))
        if self._hub.epoch is None:
            return  # nobody here has a cursor yet
        for shard in {shard_of(user_id) for user_id in told.user_ids()}:
            self._gaps.add((shard, self._hub.epoch))
            self._gap_seen.set()


def _entries(submissions: Sequence[_Submission]) -> tuple[list[NewEntry], dict[str, str]]:
    """What is to be appended, and the keys to be remembered."""
    remember: dict[str, str] = {}
    for submission in submissions:
        remember.update(submission.remember)
    newest_us = max(submission.newest_us for submission in submissions)
    told = joined([submission.told for submission in submissions])
    return entries_of(told, newest_us) if told else [], remember
