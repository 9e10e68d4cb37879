"""Which ticks are news: what is wanted, plausible, of now, and newer than all before. Whole batches, no Python per tick.

Sequence numbers only drop what goes back, they never mean that something is missing (design §5.5). What a new subscription or
connection brings first may be hours old: it is a quote of that age, not a tick.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from engine_server.feed.few import take_news
from engine_server.feed.packets import DecodedTicks
from engine_server.feed.tick_routes import NO_ROUTES, BoolArray, Int64Array, TickRoutes
from tradewinds.ticks import FEW_TICKS, TICK_DTYPE, TickArray, instrument_codes

_OLD_MS: Final = 60_000
_FUTURE_MS: Final = 120_000  # our clock may be wrong by so much before a login fails
_ANCIENT_MS: Final = 370 * 86_400_000  # longer than any contract that still trades has been silent
_ABSURD_FACTOR: Final = 10
_NEVER: Final = -1
_NUMBER, _TIME, _PRICE = range(3)
_ANY: Final = np.iinfo(np.int64).max  # a remembered number that no number is above: the time alone decides


class MarketMoment(NamedTuple):
    """Market time, epoch milliseconds, and how fast it runs."""

    now_ms: int
    rate: float

    @property
    def horizon_ms(self) -> int:
        """Beyond this a time is in the future."""
        return self.now_ms + int(_FUTURE_MS * max(1.0, self.rate))

    @property
    def oldest_ms(self) -> float:
        """Before this a time is no news."""
        return self.now_ms - _OLD_MS * max(1.0, self.rate)


@dataclass(frozen=True)
class Judged:
    """`news` go to everybody, each of its slot; `quotes` are old, are dated back to when they were true, and only say what the
    last price was.
    """

    news: TickArray
    slots: Int64Array
    quotes: TickArray
    dropped: Mapping[str, int] = field(default_factory=dict)


_NO_TICKS: Final = np.empty(0, TICK_DTYPE)
_NO_SLOTS: Final = np.empty(0, np.int64)


class TickJudge:
    """Remembers the newest number, time and price of each wanted instrument."""

    def __init__(self) -> None:
        self.routes = NO_ROUTES
        self._memory = np.empty((3, 0), np.int64)  # by `_NUMBER`, `_TIME` and `_PRICE`, and slot
        self._newest_ms = _NEVER  # no remembered time is later
        self._ever_wanted: set[int] = set()

    def want(self, routes: TickRoutes) -> None:
        """Ticks of these from now on; what is known of them is kept."""
        before = self.routes.slots(routes.codes)
        known = before >= 0
        memory = np.full((3, len(before)), _NEVER, np.int64)
        memory[:, known] = self._memory[:, before[known]]
        self._memory, self.routes = memory, routes
        self._ever_wanted.update(routes.codes.tolist())

    def expect(self, codes: set[int]) -> None:
        """Ticks of these come without anybody wanting them."""
        self._ever_wanted |= codes

    def reconnected(self) -> None:
        """A new connection may number from the beginning; its first ticks are news only where their time is."""
        self._memory[_NUMBER, self._memory[_TIME] != _NEVER] = _ANY

    def remember(self, ticks: TickArray) -> None:
        """What a feed before us has published already: one tick an instrument."""
        slots = self.routes.slots(instrument_codes(ticks))
        wanted = slots >= 0
        slots, ticks = slots[wanted], ticks[wanted]
        newer = ticks["exchange_ms"] > self._memory[_TIME, slots]
        self._take_unnumbered(ticks[newer], slots[newer])

    def has_future(self, decoded: DecodedTicks, moment: MarketMoment) -> bool:
        """Whether a tick is from later than now: either it is wrong, or the market clock has jumped and we have not heard."""
        return decoded.newest_ms > moment.horizon_ms

    def judge(self, decoded: DecodedTicks, moment: MarketMoment | None) -> Judged:
        """Sort out one batch. Without a moment (the market clock is not known yet) nothing is too old or too new."""
        dropped = Counter(decoded.rejected)
        if not len(decoded.ticks):
            return Judged(_NO_TICKS, _NO_SLOTS, _NO_TICKS, dropped)
        if len(decoded.ticks) <= FEW_TICKS and (slots := self._plain_news(decoded, moment)) is not None:
            return Judged(decoded.ticks, slots, _NO_TICKS, dropped)
        ticks, numbers, codes = decoded.ticks, decoded.sequences, instrument_codes(decoded.ticks)
        slots, times = self.routes.slots(codes), ticks["exchange_ms"].copy()
        good = slots >= 0
        if not _every(good):
            dropped.update(self._misses(codes[~good]))
        good &= self._drop("absurd", good, self._leaps(ticks, slots), dropped)
        if moment is not None:
            self._forget_beyond(moment.horizon_ms)
            good &= self._drop("future", good, times > moment.horizon_ms, dropped)
            good &= self._drop("ancient", good, times < moment.now_ms - _ANCIENT_MS, dropped)
        if not _every(good):
            ticks, numbers, slots, times = ticks[good], numbers[good], slots[good], times[good]
        forward = self._forward(np.stack((numbers, times, ticks["last_price_e4"])), slots)
        if not _every(forward):
            dropped["regressed"] += len(forward) - int(np.count_nonzero(forward))
            ticks, slots, times = ticks[forward], slots[forward], times[forward]
        return _by_age(ticks, slots, times, moment, dropped)

    def _plain_news(self, decoded: DecodedTicks, moment: MarketMoment | None) -> Int64Array | None:
        """The slots of a few ticks of which nothing is to be dropped; None where that is not plain to see."""
        oldest_ms, horizon_ms = (moment.oldest_ms, moment.horizon_ms) if moment is not None else (0, _ANY)
        if self._newest_ms > horizon_ms:
            return None
        taken = take_news(decoded.ticks, decoded.sequences, self.routes, self._memory, oldest_ms, horizon_ms)
        if taken is None:
            return None
        slots, newest_ms = taken
        self._newest_ms = max(self._newest_ms, newest_ms)
        return np.array(slots, np.int64)

    def sampled(self, ticks: TickArray) -> TickArray:
        """Of quotes that were asked for, those that are wanted, plausible, and not older than what is known: an answer may come
        from a cache.
        """
        slots = self.routes.slots(instrument_codes(ticks))
        good = slots >= 0
        good &= ~self._leaps(ticks, slots)
        good &= ticks["exchange_ms"] >= self._memory[_TIME, slots] if len(self.routes.codes) else good
        self._take_unnumbered(ticks[good], slots[good])
        return ticks[good]

    def _take_unnumbered(self, ticks: TickArray, slots: Int64Array) -> None:
        """Remember ticks that have no number; one an instrument."""
        self._memory[_NUMBER, slots] = _ANY
        self._memory[_TIME, slots], self._memory[_PRICE, slots] = ticks["exchange_ms"], ticks["last_price_e4"]
        self._newest_ms = max(self._newest_ms, int(ticks["exchange_ms"].max(initial=_NEVER)))

    def _forget_beyond(self, horizon_ms: int) -> None:
        """Times of another life of the market clock."""
        if self._newest_ms > horizon_ms:
            times = self._memory[_TIME]
            times[times > horizon_ms] = _NEVER
            self._newest_ms = int(times.max(initial=_NEVER))

    def _misses(self, codes: Int64Array) -> Counter[str]:
        """What nobody wants any more, and what nobody ever asked for."""
        return Counter("unwanted" if code in self._ever_wanted else "stranger" for code in codes.tolist())

    def _leaps(self, ticks: TickArray, slots: Int64Array) -> BoolArray:
        """Whose price is implausible beside yesterday's."""
        if not len(self.routes.codes):
            return np.zeros(len(ticks), np.bool_)
        price, close = ticks["last_price_e4"].copy(), ticks["close_price_e4"].copy()
        leaps: BoolArray = (price // _ABSURD_FACTOR > close) | (price < close // _ABSURD_FACTOR)
        if np.count_nonzero(leaps):
            leaps &= (close != 0) & ~self.routes.may_leap[slots]
        return leaps

    @staticmethod
    def _drop(reason: str, good: BoolArray, bad: BoolArray, dropped: Counter[str]) -> BoolArray:
        if np.count_nonzero(bad) and (count := int(np.count_nonzero(good & bad))):
            dropped[reason] += count
        return ~bad

    def _forward(self, said: Int64Array, slots: Int64Array) -> BoolArray:
        """Which ticks (number, time and price) are newer than all before of their instrument, earlier ones of this batch among
        them; remembers them.
        """
        order = slots.argsort(kind="stable")
        slot, now = slots.take(order), said.take(order, axis=1)
        before = self._memory.take(slot, axis=1)
        again = slot[1:] == slot[:-1]
        repeats = np.count_nonzero(again)
        if repeats:
            before[:, 1:][:, again] = now[:, :-1][:, again]
        newer = _is_newer(now, before, self.routes.is_index.take(slot))
        if not _every(newer):
            newer = self._one_by_one(slot, now)
        elif repeats:
            last = np.append(~again, True)
            self._remember(slot[last], now[:, last])
        else:
            self._remember(slot, now)
        forward = np.empty(len(slot), np.bool_)
        forward[order] = newer
        return forward

    def _remember(self, slot: Int64Array, now: Int64Array) -> None:
        self._memory[:, slot] = now
        self._newest_ms = max(self._newest_ms, int(now[_TIME].max(initial=_NEVER)))

    def _one_by_one(self, slot: Int64Array, now: Int64Array) -> BoolArray:
        """The rare batch in which something goes back: each tick is compared with the last one that was taken."""
        newer = np.empty(len(slot), np.bool_)
        for position, at in enumerate(slot.tolist()):
            one, this = slice(position, position + 1), slice(at, at + 1)
            newer[one] = _is_newer(now[:, one], self._memory[:, this], self.routes.is_index[this])
            if newer[position]:
                self._remember(slot[one], now[:, one])
        return newer


def _is_newer(now: Int64Array, before: Int64Array, is_index: BoolArray) -> BoolArray:
    """A newer number or a newer time: numbers begin again every day, and then the time goes on. Those of an index mean nothing:
    there another price at the same time is news."""
    by_number: BoolArray = now[_NUMBER] > before[_NUMBER]
    if np.count_nonzero(is_index):
        changed = (now[_TIME] == before[_TIME]) & (now[_PRICE] != before[_PRICE])
        by_number = np.where(is_index, changed, by_number)
    newer: BoolArray = by_number | (now[_TIME] > before[_TIME])
    return newer


def _every(flags: BoolArray) -> bool:
    """`flags.all()` in a third of its time."""
    return int(np.count_nonzero(flags)) == len(flags)


def _by_age(
    ticks: TickArray, slots: Int64Array, times: Int64Array, moment: MarketMoment | None, dropped: Mapping[str, int]
) -> Judged:
    if moment is None:
        return Judged(ticks, slots, _NO_TICKS, dropped)
    age_ms = moment.now_ms - times
    old = times < moment.oldest_ms
    if not np.count_nonzero(old):
        return Judged(ticks, slots, _NO_TICKS, dropped)
    quotes = ticks[old]
    quotes["received_ns"] -= (age_ms[old] / max(moment.rate, 1e-3) * 1e6).astype(np.int64)
    return Judged(ticks[~old], slots[~old], quotes, dropped)
