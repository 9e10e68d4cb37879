"""Bars for whoever asks: stored minutes and days, made longer by the builder's own reduction, fetched first where some are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import numpy as np
from redis.asyncio import Redis
from redis.exceptions import RedisError

from engine_server.bars.domain.builder import lengthen
from engine_server.bars.domain.ranges import Range, missing
from engine_server.bars.domain.rows import ROW, Rows
from engine_server.bars.domain.sessions import DAY_MS, MINUTE_MS, day_start_ms, ist_day
from engine_server.bars.market_hours import MarketHours, market_of
from engine_server.bars.store import BarStore
from engine_server.bars.wishes import WishSender
from tradewinds import redis_keys
from tradewinds.bars import BROKER, INTERVAL_MINUTES, STREAM, Bar
from tradewinds.clock import MarketClock
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.errors import InvalidArgumentError, UnavailableError
from tradewinds.instruments import Instrument, InstrumentKey

DEFAULT_BARS: Final = 500
MAX_BARS: Final = 5_000
# Until a minute is in the store: its last ticks are waited for, then it is written.
_READY_SECONDS: Final = 3.0
_RETENTION_DAYS: Final = 400
_DAYS_OF_DAYS: Final = 5 * 365
_READ_DAYS: Final = 31
_ROUNDS: Final = 3
_SHORTEST_DAY_MINUTES: Final = 300


@dataclass(frozen=True)
class BarPage:
    """Bars, oldest first. `next_start` is where the next page begins; None at the end."""

    bars: Sequence[Bar]
    next_start: datetime | None = None


class BarHistory:
    """Reads. Raises `InvalidArgumentError` naming the field, `BarsNotInError` and `UnavailableError`."""

    def __init__(
        self, store: BarStore, hours: MarketHours, wishes: WishSender, redis: Redis, market_clock: MarketClock
    ) -> None:
        self._store = store
        self._hours = hours
        self._wishes = wishes
        self._redis = redis
        self._market_clock = market_clock

    async def bars(
        self,
        instrument: Instrument,
        interval: str = "1m",
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = DEFAULT_BARS,
        *,
        include_open: bool = False,
    ) -> BarPage:
        """Bars that begin in [start, end), at most `limit`: the first ones from `start`, or without it the last ones before `end`
        (now when absent). The growing bar comes last when asked for.
        """
        _check(interval, start, end, limit)
        now_ms = self._market_clock.now_ms()
        start_ms = _ms(start) if start is not None else None
        end_ms = min(_ms(end), now_ms) if end is not None else now_ms
        query = _Query(instrument, interval, start_ms, end_ms, limit, now_ms, self._ready_ms(now_ms))
        try:
            closed = await (self._days(query) if interval == "1d" else self._minutes(query))
            if include_open and end_ms >= now_ms and len(closed) <= limit:
                closed += await self._growing(query, after_ms=closed[-1].start_ms if closed else -1)
        except PASSING_FAULTS as e:
            raise UnavailableError(f"stored bars cannot be read now ({type(e).__name__}); try again") from e
        return _page(closed, query)

    def _ready_ms(self, now_ms: int) -> int:
        """What is over by then is in the store, if it was streamed."""
        return int(now_ms - _READY_SECONDS * 1000 * max(1.0, self._market_clock.rate)) // MINUTE_MS * MINUTE_MS

    async def _minutes(self, query: _Query) -> list[Bar]:
        floor_ms = day_start_ms(ist_day(query.now_ms - _RETENTION_DAYS * DAY_MS))
        until_ms = min(query.end_ms + INTERVAL_MINUTES[query.interval] * MINUTE_MS, query.ready_ms)
        if query.start_ms is not None:
            return await self._forward(query, max(query.start_ms, floor_ms), until_ms)
        days = query.limit * INTERVAL_MINUTES[query.interval] // _SHORTEST_DAY_MINUTES + 1
        found: list[Bar] = []
        for round_number in range(_ROUNDS):
            # Trading days to days: weekends, and a week of holidays. What hardly trades is looked for further back.
            back = (days * 8 // 5 + 4) << round_number
            from_ms = max(floor_ms, day_start_ms(ist_day(query.end_ms) - back))
            found = await self._read(query, Range(from_ms, until_ms))
            if len(found) >= query.limit or from_ms == floor_ms:
                break
        return found[-query.limit :]

    async def _forward(self, query: _Query, from_ms: int, until_ms: int) -> list[Bar]:
        found: list[Bar] = []
        while from_ms < until_ms and len(found) <= query.limit:
            days = (query.limit - len(found)) * INTERVAL_MINUTES[query.interval] // _SHORTEST_DAY_MINUTES + 4
            part_until = min(until_ms, day_start_ms(ist_day(from_ms) + days))
            found += await self._read(query, Range(from_ms, part_until))
            from_ms = part_until
        return found

    async def _read(self, query: _Query, within: Range) -> list[Bar]:
        """Closed bars that begin in a stretch, which is made whole first."""
        whole = await self._ensure(query.instrument, "1m", within)
        found: list[Bar] = []
        for part in _parts(within):
            stored = await self._store.minutes(query.instrument.key, part)
            rows = self._lengthened(query, stored.rows, part)
            rows = rows[(rows["end_ms"] <= query.ready_ms) & (rows["start_ms"] < query.end_ms)]
            if query.start_ms is not None:
                rows = rows[rows["start_ms"] >= query.start_ms]
            found += _bars(query.instrument.key, query.interval, rows, whole)
        return found

    async def _days(self, query: _Query) -> list[Bar]:
        market, today = market_of(query.instrument), ist_day(query.now_ms)
        is_over = self._hours.is_over(market, today, query.ready_ms)
        until_ms = min(day_start_ms(ist_day(query.end_ms - 1) + 1), day_start_ms(today + is_over))
        back = query.limit * 8 // 5 + 10
        from_ms = query.start_ms if query.start_ms is not None else day_start_ms(ist_day(until_ms) - back)
        first = ist_day(max(from_ms - 1, query.now_ms - _DAYS_OF_DAYS * DAY_MS)) + 1
        within = Range(day_start_ms(first), until_ms)
        if within.is_empty:
            return []
        await self._ensure(query.instrument, "1d", within)
        found = await self._store.days(query.instrument.key, within)
        return found if query.start_ms is not None else found[-query.limit :]

    async def _growing(self, query: _Query, after_ms: int) -> list[Bar]:
        """The bar that market time is in, of the minutes that are there and the growing one."""
        key, day = query.instrument.key, day_start_ms(ist_day(query.now_ms))
        stored = await self._store.minutes(key, Range(day, query.now_ms))
        try:
            packed: Any = await self._redis.hget(redis_keys.OPEN_BARS, key)
        except (RedisError, OSError, TimeoutError) as e:
            raise UnavailableError(f"the growing bar cannot be read now ({type(e).__name__}); try again") from e
        rows = stored.rows
        if packed and (growing := _row(msgspec.msgpack.decode(packed, type=Bar)))["start_ms"][0] >= day:
            rows = np.concatenate([rows[rows["start_ms"] < growing["start_ms"][0]], growing])
        rows = self._lengthened(query, rows, Range(day, query.now_ms))[-1:]
        if not len(rows) or rows["start_ms"][0] <= after_ms or rows["end_ms"][0] <= query.ready_ms:
            return []
        return [msgspec.structs.replace(bar, closed=False) for bar in _bars(key, query.interval, rows, None)]

    def _lengthened(self, query: _Query, rows: Rows, within: Range) -> Rows:
        sessions = self._hours.sessions(market_of(query.instrument), within.from_ms, within.until_ms)
        return lengthen(rows, query.interval, sessions)

    async def _ensure(self, instrument: Instrument, interval: str, wanted: Range) -> Range | None:
        """Have a stretch made whole where trading is missing in it; returns what is whole then."""
        whole = await self._store.whole(instrument.key, interval)
        gaps = [gap for gap in missing(whole, wanted) if self._matters(instrument, gap)]
        if not gaps:
            return whole
        await self._wishes.fulfil(instrument.key, interval, Range(gaps[0].from_ms, gaps[-1].until_ms))
        return await self._store.whole(instrument.key, interval)

    def _matters(self, instrument: Instrument, gap: Range) -> bool:
        """Whether there was trading in it, or the calendar does not reach so far back."""
        is_long = gap.until_ms - gap.from_ms > 10 * DAY_MS
        return is_long or self._hours.minutes(market_of(instrument), gap.from_ms, gap.until_ms) > 0


@dataclass(frozen=True)
class _Query:
    instrument: Instrument
    interval: str
    start_ms: int | None
    end_ms: int
    limit: int
    now_ms: int
    ready_ms: int


def _check(interval: str, start: datetime | None, end: datetime | None, limit: int) -> None:
    if interval not in INTERVAL_MINUTES:
        raise InvalidArgumentError.field("interval", f"{interval!r} is none of {', '.join(INTERVAL_MINUTES)}")
    if not 1 <= limit <= MAX_BARS:
        raise InvalidArgumentError.field("page_size", f"give 1 to {MAX_BARS}, it was {limit}")
    if start is not None and end is not None and end <= start:
        raise InvalidArgumentError.field("end_time", f"{end.isoformat()} is not after start_time {start.isoformat()}")


def _page(found: list[Bar], query: _Query) -> BarPage:
    if query.start_ms is not None and len(found) > query.limit:
        following = found[query.limit]
        return BarPage(found[: query.limit], datetime.fromtimestamp(following.start_ms / 1000, UTC))
    return BarPage(found[-query.limit :])


def _parts(within: Range) -> list[Range]:
    """Whole days together, a month at a time: no bar reaches over midnight."""
    first, last = ist_day(within.from_ms), ist_day(max(within.from_ms, within.until_ms - 1))
    return [
        Range(max(within.from_ms, day_start_ms(day)), min(within.until_ms, day_start_ms(day + _READ_DAYS)))
        for day in range(first, last + 1, _READ_DAYS)
    ]


def _bars(key: InstrumentKey, interval: str, rows: Rows, whole: Range | None) -> list[Bar]:
    """`complete` of the store's rows says that the broker's candles are all that a bar was made of."""
    return [
        Bar(
            key, interval, start, first, high, low, last, volume, interest, BROKER if from_broker else STREAM,
            complete=whole is not None and whole.from_ms <= start and end <= whole.until_ms,
        )
        for _slot, start, end, _filled, first, high, low, last, volume, interest, from_broker, _watched in rows.tolist()
    ]  # fmt: skip


def _row(bar: Bar) -> Rows:
    row = np.zeros(1, ROW)
    row["start_ms"], row["end_ms"] = bar.start_ms, bar.start_ms + MINUTE_MS
    for name in ("open_e4", "high_e4", "low_e4", "close_e4", "volume", "open_interest"):
        row[name] = getattr(bar, name)
    return row


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
