"""Reads every shard on one blocking connection and routes what comes; notices when the store lost its memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from prometheus_client import Histogram

from notifier.realtime import wire
from notifier.realtime.cursor import START
from notifier.realtime.hub import Hub
from notifier.realtime.stream_store import STREAM_ERRORS, Entry, StreamStore
from tradewinds.database.reconnecting import Backoff, describe
from tradewinds.redis_keys import NOTIFICATION_SHARDS
from tradewinds.telemetry import get_logger

log = get_logger("notifier.reader")

# A flush on a quiet evening is noticed within this.
_BLOCK_MS: Final = 500
_LAG: Final = Histogram(
    "tradewinds_notifier_live_seconds",
    "From accepted to routed",
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1, 5),
)


class Reader:
    """One per process."""

    def __init__(self, store: StreamStore, hub: Hub) -> None:
        self._store = store
        self._hub = hub
        self._is_same_life = True

    async def run(self) -> None:
        """Read for ever. While Redis does not answer, streams stay open and silent."""
        backoff = Backoff(cap_seconds=1.0)
        while True:
            try:
                await self._begin()
                backoff.reset()
                while self._is_same_life:
                    # What comes is routed in the moment in which it is there: woken tasks would take their turns first.
                    await self._store.read(self._hub.positions, _BLOCK_MS, self._take)
            except STREAM_ERRORS as e:
                log.warning_throttled("lost", error=describe(e))
                await asyncio.sleep(backoff.next_delay())

    async def _begin(self) -> None:
        """After a start, a reconnect or a flush: go on where we were, or say what may be lost."""
        epoch, states = await self._store.begin()
        self._is_same_life = True
        if self._hub.epoch is None:
            self._hub.begin(epoch, [state.last for state in states])
        elif epoch != self._hub.epoch:
            # What the new life already holds was not told to anybody here yet.
            self._hub.begin(epoch, [START] * NOTIFICATION_SHARDS)
            log.warning("epoch.changed")
        else:
            for shard, state in enumerate(states):
                if not state.has_everything_after(self._hub.positions[shard]):
                    log.warning("trimmed", shard=shard)
                    self._hub.lost(shard, state.last)

    def _take(self, epoch: bytes | None, entries: Sequence[Entry]) -> None:
        self._is_same_life = epoch == self._hub.epoch
        if self._is_same_life:
            for entry in entries:
                self._route(entry)
            self._hub.deliver()

    def _route(self, entry: Entry) -> None:
        if entry.number != self._hub.positions[entry.shard] + 1:
            log.warning("overtaken", shard=entry.shard)  # trimmed before we had read it
            self._hub.lost(entry.shard, entry.number - 1)
        if entry.frames is None:
            self._hub.lost(entry.shard, entry.number)
            return
        index = wire.decode_index(entry.index)
        self._hub.route(entry.shard, entry.number, index, entry.frames)
        _LAG.observe(max(0.0, time.time() - index.newest_us / 1e6))
