"""One-minute bars on their way to PostgreSQL, in batches; the months they are kept in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from prometheus_client import Counter

from engine_server.bars.domain.ranges import Range
from engine_server.bars.domain.sessions import DAY_MS
from engine_server.bars.partitions import MonthPartitions
from engine_server.bars.store import BarStore
from tradewinds.bars import Bar
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.reconnecting import Backoff, describe
from tradewinds.instruments import InstrumentKey
from tradewinds.telemetry import get_logger

log = get_logger("feed.bars")

STORED = Counter("tradewinds_feed_minute_bars_stored_total", "One-minute bars of the stream written to PostgreSQL")
DROPPED = Counter(
    "tradewinds_feed_minute_bars_dropped_total", "One-minute bars that did not fit while PostgreSQL was away"
)

_MAX_WAITING: Final = 50_000
_BATCH: Final = 5_000
_LOOK_AGAIN_SECONDS: Final = 0.2
_HOUSEKEEPING_SECONDS: Final = 3600.0
_AHEAD_MS: Final = 7 * DAY_MS


class BarKeeper:
    """While PostgreSQL is away bars wait, 50,000 at most; then all of them go, and so does the claim that nothing is missing: the
    back-fill fetches them from the broker.
    """

    def __init__(
        self, store: BarStore, partitions: MonthPartitions, retention_days: int, may_write: Callable[[], bool]
    ) -> None:
        """`may_write` is False while another feed may be writing: what is there waits."""
        self._store = store
        self._may_write = may_write
        self._partitions = partitions
        self._retention_ms = retention_days * DAY_MS
        self._bars: dict[tuple[InstrumentKey, int], Bar] = {}
        self._whole: dict[InstrumentKey, Range] = {}
        self._lost: dict[InstrumentKey, int] = {}
        self._filled = asyncio.Event()
        self._is_short = False

    def begin(self) -> None:
        """This feed streams from now on: what waits is of an earlier time."""
        self._bars.clear()
        self._whole.clear()
        self._lost.clear()

    def add(self, bars: Iterable[Bar], whole: Mapping[InstrumentKey, Range]) -> None:
        """Bars that are over, and the stretches that have been watched without a gap until now."""
        self._bars.update(((bar.instrument, bar.start_ms), bar) for bar in bars)
        self._whole.update(whole)
        if len(self._bars) > _MAX_WAITING:
            DROPPED.inc(len(self._bars))
            log.warning("store.overflow", dropped=len(self._bars), remedy="they are fetched from the broker")
            self._bars.clear()
            self._whole.clear()
            self._is_short = True
        self._filled.set()

    def lose(self, lost: Sequence[tuple[InstrumentKey, int]]) -> None:
        """Ticks of these have been missed since then (epoch ms of the market)."""
        for key, since_ms in lost:
            self._whole.pop(key, None)
            self._lost[key] = min(since_ms, self._lost.get(key, since_ms))
        self._filled.set()

    def take_shortage(self) -> bool:
        """Whether bars have been dropped since the last call."""
        was_short, self._is_short = self._is_short, False
        return was_short

    async def run(self) -> None:
        """Write, for ever."""
        backoff = Backoff(0.2, 5.0)
        while True:
            await self._filled.wait()
            self._filled.clear()
            if not self._may_write():
                self._filled.set()
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
                continue
            try:
                await self._write()
            except PASSING_FAULTS as e:
                log.warning_throttled("store.failed", error=describe(e), waiting=len(self._bars))
                self._filled.set()
                await asyncio.sleep(backoff.next_delay())
            else:
                backoff.reset()

    async def keep_house(self, market_now_ms: Callable[[], int | None]) -> None:
        """Make the next month's partition ahead of time, drop those that are too old, for ever. Not before market time is known:
        bars of a replay of years ago are not old in their own time.
        """
        done_at = float("-inf")
        while True:
            now_ms = market_now_ms()
            if now_ms is not None and time.monotonic() - done_at >= _HOUSEKEEPING_SECONDS:
                try:
                    await self._partitions.prepare((now_ms, now_ms + _AHEAD_MS))
                    dropped = await self._partitions.drop_before(now_ms - self._retention_ms)
                except PASSING_FAULTS as e:
                    log.warning_throttled("partitions.failed", error=describe(e))
                else:
                    done_at = time.monotonic()
                    if dropped:
                        log.info("partitions.dropped", names=dropped)
            await asyncio.sleep(5.0)

    async def _write(self) -> None:
        # First what is no longer so: a stretch must not be called whole over the gap that has just been noticed.
        while self._lost:
            lost, self._lost = self._lost, {}
            try:
                await self._store.shrink(list(lost.items()))
            except BaseException:
                self._lost = {**lost, **self._lost}
                raise
        while self._bars or self._whole:
            keys = list(self._bars)[:_BATCH]
            bars = [self._bars[key] for key in keys]
            is_last = len(keys) == len(self._bars)
            whole = dict(self._whole) if is_last else {}
            await self._store.write_stream(bars, list(whole.items()))
            STORED.inc(len(bars))
            for key, bar in zip(keys, bars, strict=True):
                if self._bars.get(key) is bar:
                    del self._bars[key]
            for instrument, span in whole.items():
                if self._whole.get(instrument) is span:
                    del self._whole[instrument]
