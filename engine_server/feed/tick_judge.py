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

from engine_server.feed.instrument_codes import instrument_codes
from engine_server.feed.packets import DecodedTicks
from engine_server.feed.tick_routes import NO_ROUTES, BoolArray, Int64Array, TickRoutes
from tradewinds.ticks import TICK_DTYPE, TickArray

_OLD_MS: Final = 60_000
_FUTURE_MS: Final = 120_000  # our clock may be wrong by so much before a login fails
_ANCIENT_MS: Final = 370 * 86_400_000  # longer than any contract that still trades has been silent
_ABSURD_FACTOR: Final = 10
_NEVER: Final = -1
_ANY: Final = np.iinfo(np.int64).max  # a remembered number that no number is above: the time alone decides


class MarketMoment(NamedTuple):
    """Market time, epoch milliseconds, and how fast it runs."""

    now_ms: int
    rate: float

    @property
    def horizon_ms(self) -> int:
        """Beyond this a time is in the future."""
        return self.now_ms + int(_FUTURE_MS * max(1.0, self.rate))


@dataclass(frozen=True)
class Judged:
    """`news` go to everybody; `quotes` are old, are dated back to when they were true, and only say what the last price was."""

    news: TickArray
    quotes: TickArray
    dropped: Mapping[str, int] = field(default_factory=dict)


_NONE: Final = np.empty(0, TICK_DTYPE)


class TickJudge:
    """Remembers the newest number, time and price of each wanted instrument."""

    def __init__(self) -> None:
        self.routes = NO_ROUTES
        self._numbers, self._times, self._prices = (np.empty(0, np.int64) for _ in range(3))
        self._ever_wanted: set[int] = set()

    def want(self, routes: TickRoutes) -> None:
        """Ticks of these from now on; what is known of them is kept."""
        before = self.routes.slots(routes.codes)
        known = before >= 0
        self._numbers, self._times, self._prices = (
            _carried(memory, before, known) for memory in (self._numbers, self._times, self._prices)
        )
        self.routes = routes
        self._ever_wanted.update(routes.codes.tolist())

    def expect(self, codes: set[int]) -> None:
        """Ticks of these come without anybody wanting them."""
        self._ever_wanted |= codes

    def reconnected(self) -> None:
        """A new connection may number from the beginning; its first ticks are news only where their time is."""
        self._numbers[self._times != _NEVER] = _ANY

    def remember(self, ticks: TickArray) -> None:
        """What a feed before us has published already: one tick an instrument."""
        slots = self.routes.slots(instrument_codes(ticks))
        wanted = slots >= 0
        slots, ticks = slots[wanted], ticks[wanted]
        newer = ticks["exchange_ms"] > self._times[slots]
        slots, ticks = slots[newer], ticks[newer]
        self._numbers[slots] = _ANY
        self._times[slots], self._prices[slots] = ticks["exchange_ms"], ticks["last_price_e4"]

    def has_future(self, decoded: DecodedTicks, moment: MarketMoment) -> bool:
        """Whether a tick is from later than now: either it is wrong, or the market clock has jumped and we have not heard."""
        return bool(len(decoded.ticks)) and int(decoded.ticks["exchange_ms"].max()) > moment.horizon_ms

    def judge(self, decoded: DecodedTicks, moment: MarketMoment | None) -> Judged:
        """Sort out one batch. Without a moment (the market clock is not known yet) nothing is too old or too new."""
        dropped = Counter(decoded.rejected)
        ticks, numbers, codes = decoded.ticks, decoded.sequences, instrument_codes(decoded.ticks)
        slots = self.routes.slots(codes)
        good = slots >= 0
        if not good.all():
            dropped.update(self._misses(codes[~good]))
        good &= self._drop("absurd", good, ~self._plausible(ticks, slots), dropped)
        if moment is not None:
            self._times[self._times > moment.horizon_ms] = _NEVER  # from another life of the market clock
            good &= self._drop("future", good, ticks["exchange_ms"] > moment.horizon_ms, dropped)
            good &= self._drop("ancient", good, ticks["exchange_ms"] < moment.now_ms - _ANCIENT_MS, dropped)
        if not good.all():
            ticks, numbers, slots = ticks[good], numbers[good], slots[good]
        forward = self._forward(ticks, numbers, slots)
        if not forward.all():
            dropped["regressed"] += int(np.count_nonzero(~forward))
            ticks = ticks[forward]
        return _by_age(ticks, moment, dropped)

    def sampled(self, ticks: TickArray) -> TickArray:
        """Of quotes that were asked for, those that are wanted, plausible, and not older than what is known: an answer may come
        from a cache.
        """
        slots = self.routes.slots(instrument_codes(ticks))
        good = slots >= 0
        good &= self._plausible(ticks, slots)
        good &= ticks["exchange_ms"] >= self._times[slots] if len(self._times) else good
        ticks, slots = ticks[good], slots[good]
        self._numbers[slots] = _ANY
        self._times[slots], self._prices[slots] = ticks["exchange_ms"], ticks["last_price_e4"]
        return ticks

    def _misses(self, codes: Int64Array) -> Counter[str]:
        """What nobody wants any more, and what nobody ever asked for."""
        return Counter("unwanted" if code in self._ever_wanted else "stranger" for code in codes.tolist())

    def _plausible(self, ticks: TickArray, slots: Int64Array) -> BoolArray:
        if not len(self.routes.codes):
            return np.ones(len(ticks), np.bool_)
        price, close = ticks["last_price_e4"], ticks["close_price_e4"]
        leaps = (price // _ABSURD_FACTOR > close) | (price < close // _ABSURD_FACTOR)
        plausible: BoolArray = ~leaps | (close == 0) | self.routes.may_leap[slots]
        return plausible

    @staticmethod
    def _drop(reason: str, good: BoolArray, bad: BoolArray, dropped: Counter[str]) -> BoolArray:
        if count := int(np.count_nonzero(good & bad)):
            dropped[reason] += count
        return ~bad

    def _forward(self, ticks: TickArray, numbers: Int64Array, slots: Int64Array) -> BoolArray:
        """Which ticks are newer than all before of their instrument, earlier ones of this batch among them; remembers them."""
        if not len(slots):
            return np.empty(0, np.bool_)
        order = np.argsort(slots, kind="stable")
        slot, number = slots[order], numbers[order]
        time, price = ticks["exchange_ms"][order], ticks["last_price_e4"][order]
        first = np.empty(len(slot), np.bool_)
        first[0], first[1:] = True, slot[1:] != slot[:-1]
        newer = _is_newer(
            number,
            time,
            price,
            before=(
                np.where(first, self._numbers[slot], np.roll(number, 1)),
                np.where(first, self._times[slot], np.roll(time, 1)),
                np.where(first, self._prices[slot], np.roll(price, 1)),
            ),
            is_index=self.routes.is_index[slot],
        )
        if newer.all():
            last = np.append(first[1:], True)
            at = slot[last]
            self._numbers[at], self._times[at], self._prices[at] = number[last], time[last], price[last]
        else:
            newer = self._one_by_one(slot, number, time, price)
        forward = np.empty(len(slot), np.bool_)
        forward[order] = newer
        return forward

    def _one_by_one(self, slot: Int64Array, number: Int64Array, time: Int64Array, price: Int64Array) -> BoolArray:
        """The rare batch in which something goes back: each tick is compared with the last one that was taken."""
        newer = np.empty(len(slot), np.bool_)
        for position, at in enumerate(slot.tolist()):
            one = slice(position, position + 1)
            newer[one] = _is_newer(
                number[one],
                time[one],
                price[one],
                before=(self._numbers[at], self._times[at], self._prices[at]),
                is_index=self.routes.is_index[at],
            )
            if newer[position]:
                self._numbers[at], self._times[at], self._prices[at] = number[position], time[position], price[position]
        return newer


def _is_newer(
    number: Int64Array,
    time: Int64Array,
    price: Int64Array,
    *,
    before: tuple[Int64Array, Int64Array, Int64Array],
    is_index: BoolArray,
) -> BoolArray:
    """A newer number or a newer time: numbers begin again every day, and then the time goes on. Those of an index mean nothing:
    there another price at the same time is news."""
    last_number, last_time, last_price = before
    by_number = np.where(is_index, (time == last_time) & (price != last_price), number > last_number)
    newer: BoolArray = by_number | (time > last_time)
    return newer


def _carried(memory: Int64Array, before: Int64Array, known: BoolArray) -> Int64Array:
    carried = np.full(len(before), _NEVER, np.int64)
    carried[known] = memory[before[known]]
    return carried


def _by_age(ticks: TickArray, moment: MarketMoment | None, dropped: Mapping[str, int]) -> Judged:
    if moment is None:
        return Judged(ticks, _NONE, dropped)
    age_ms = moment.now_ms - ticks["exchange_ms"]
    old = age_ms > _OLD_MS * max(1.0, moment.rate)
    if not old.any():
        return Judged(ticks, _NONE, dropped)
    quotes = ticks[old]
    quotes["received_ns"] -= (age_ms[old] / max(moment.rate, 1e-3) * 1e6).astype(np.int64)
    return Judged(ticks[~old], quotes, dropped)
