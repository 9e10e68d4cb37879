"""Generated prices: seeded paths that wander a few per cent round their base, and tremble within the minute.

A minute's bar comes first, from smooth noise of many time scales (a share follows the market, a bank the banks, and itself);
its prints come second, as a zigzag that touches all four prices of the bar. So a chart of years and the tick of this instant are both
cheap, and always agree. Within seconds there is a move of a tenth of a per cent, so that a momentum rule sees something.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

from sandbox.clock import ist_day
from sandbox.phases import Market, TradingCalendar
from sandbox.pricing.noise import Floats, Ints, Waves, seed_of, uniform, wander
from sandbox.pricing.tape import MINUTE_MS, DayBars
from sandbox.ticks import Tick
from sandbox.universe import Instrument, InstrumentKind

MIN_TICKS_PER_MINUTE = 4
"""Open, both extremes, close."""
_CACHED_DAYS, _SHARED_DAYS = 4_096, 256
_SLOW_WAVES = ((86_400.0, 120.0), (10_080.0, 90.0), (1_440.0, 60.0))
_FAST_WAVES = ((180.0, 40.0), (40.0, 25.0), (9.0, 15.0), (2.5, 8.0))
_WAVES = _SLOW_WAVES + _FAST_WAVES
"""(minutes between lattice points, hundredths of a per cent): weeks down to minutes."""
_OWN, _MARKET, _BANKS = 0.8, 0.6, 0.4
_BANK_INDICES = frozenset({"BANKNIFTY", "BANKEX"})
_DAY_MINUTES, _MORNING, _NOON, _AFTERNOON = 1_440, 225, 420, 600
"""Since midnight UTC: 09:15, 12:30 and 15:30 IST."""
_BETWEEN_INSTANTS_BPS = 5.0
_LAST_PRINT_MS = 57_000
_EXCESS_BPS = 18.0
"""How far a minute's extremes lie beyond its open and close, at most."""
_MINUTE_VALUE_PAISE = 3_500_000_000
"""What a large share trades in a minute: three and a half crore rupees."""


class GeneratedTape:
    """Paths of whatever has no underlying. `ticks_per_second` is of each instrument."""

    def __init__(self, calendar: TradingCalendar, seed: int, ticks_per_second: float) -> None:
        self._calendar = calendar
        self._seed = seed
        self._ticks_per_minute = max(MIN_TICKS_PER_MINUTE, round(60 * ticks_per_second))
        self._shared: dict[tuple[int, int, int], tuple[Floats, ...]] = {}
        self.day = lru_cache(maxsize=_CACHED_DAYS)(self._day)

    def minute(self, instrument: Instrument, start_ms: int) -> Sequence[Tick]:
        bars = self.day(instrument, ist_day(start_ms))
        if bars is None or not bars.starts[0] <= start_ms <= bars.starts[-1]:
            return ()
        n = (start_ms - int(bars.starts[0])) // MINUTE_MS
        rng = random.Random(seed_of(self._seed, instrument.exchange, instrument.token, start_ms))
        corners = (int(bars.open[n]), int(bars.high[n]), int(bars.low[n]), int(bars.close[n]))
        prices = _zigzag(corners, self._ticks_per_minute, instrument.tick_size, rng)
        volume_before = int(bars.volume[:n].sum())
        volumes = _shares(int(bars.volume[n]), self._ticks_per_minute, rng)
        instants = _instants(start_ms, self._ticks_per_minute, int(bars.last_ms[n]), rng)
        ticks, seen = [], volume_before
        for at_ms, price, volume in zip(instants, prices, volumes, strict=True):
            total = volume_before + volume
            ticks.append(Tick(instrument.key, at_ms, price, total - seen, total))
            seen = total
        return ticks

    def bounds(self, instrument: Instrument, first_day: int, last_day: int) -> tuple[int, int] | None:
        """From the slow waves at three instants of each day, and as much as the fast ones can add."""
        market = market_of(instrument)
        days = np.array([d for d in range(first_day, last_day + 1) if self._calendar.is_trading_day(d, market.segment)])
        if not len(days):
            return None
        opens = days[:, None] * _DAY_MINUTES + np.array([_MORNING, _NOON, _AFTERNOON])[None, :]
        bps = self._bps(instrument, opens.reshape(-1).astype(np.int64), _SLOW_WAVES)
        fast = (
            sum(height for _, height in _FAST_WAVES) * (_OWN + _MARKET + _BANKS) + _EXCESS_BPS + _BETWEEN_INSTANTS_BPS
        )
        low, high = ((float(x) / 10_000) for x in (bps.min() - fast, bps.max() + fast))
        tick = instrument.tick_size
        edges = _on_grid(instrument.base_price * np.exp(np.array([low, high])), tick)
        return max(tick, int(edges[0]) - tick), int(edges[1]) + tick

    def _day(self, instrument: Instrument, day: int) -> DayBars | None:
        window = self._calendar.continuous(market_of(instrument), day)
        if window is None:
            return None
        minutes = np.arange(window.begins_ms // MINUTE_MS, window.ends_ms // MINUTE_MS + 1, dtype=np.int64)
        edges = self._levels(instrument, minutes)
        first, last = edges[:-1], edges[1:]
        tick, seed = instrument.tick_size, seed_of(self._seed, instrument.exchange, instrument.token)
        scale = instrument.base_price * _EXCESS_BPS / 10_000
        above, below = (0.5 + uniform(seed + n, minutes[:-1]) / 2 for n in (1, 2))
        starts = minutes[:-1] * MINUTE_MS
        return DayBars(
            starts,
            first,
            np.maximum(first, last) + _on_grid(above * scale, tick),
            np.maximum(np.minimum(first, last) - _on_grid(below * scale, tick), tick),
            last,
            self._volumes(instrument, minutes[:-1], seed),
            starts + _LAST_PRINT_MS + (uniform(seed + 4, minutes[:-1]) * (MINUTE_MS - _LAST_PRINT_MS)).astype(np.int64),
        )

    def _levels(self, instrument: Instrument, minutes: Ints) -> Ints:
        bps = self._bps(instrument, minutes, _WAVES)
        tick = instrument.tick_size
        return np.maximum(_on_grid(instrument.base_price * np.exp(bps / 10_000), tick), 2 * tick)

    def _bps(self, instrument: Instrument, minutes: Ints, waves: Waves) -> Floats:
        """Distance from the base price in hundredths of a per cent."""
        market, banks = self._common(minutes, waves)
        if instrument.kind is InstrumentKind.INDEX:
            return 0.7 * market + (0.5 * banks if instrument.name in _BANK_INDICES else 0.0)
        own = seed_of(self._seed, "own", instrument.exchange, instrument.token)
        mine = _OWN * wander(own, minutes.astype(np.float64), waves) + _MARKET * market
        return mine + (_BANKS * banks if instrument.is_bank else 0.0)

    def _common(self, minutes: Ints, waves: Waves) -> tuple[Floats, Floats]:
        """What all share, once per day."""
        key = (int(minutes[0]), len(minutes), len(waves))
        if key not in self._shared:
            if len(self._shared) >= _SHARED_DAYS:
                self._shared.clear()
            at = minutes.astype(np.float64)
            self._shared[key] = tuple(wander(seed_of(self._seed, name), at, waves) for name in ("market", "banks"))
        market, banks = self._shared[key]
        return market, banks

    def _volumes(self, instrument: Instrument, minutes: Ints, seed: int) -> Ints:
        if not instrument.tradable:
            return np.zeros(len(minutes), dtype=np.int64)
        usual = _MINUTE_VALUE_PAISE / instrument.base_price
        part = np.linspace(-1.0, 1.0, len(minutes))
        volumes = usual * (0.5 + part**4) * (0.4 + 1.2 * uniform(seed + 3, minutes))
        lots = np.maximum(volumes, instrument.lot_size).astype(np.int64) // instrument.lot_size
        return lots * instrument.lot_size


def market_of(instrument: Instrument) -> Market:
    """Whose hours it keeps; a spot keeps those of its contracts (`MCX-SPOT`: MCX's)."""
    return Market(instrument.exchange.partition("-")[0], instrument.has_closing_auction)


def _on_grid(prices: Floats, tick: int) -> Ints:
    return (np.rint(prices / tick) * tick).astype(np.int64)


def _instants(start_ms: int, count: int, last_ms: int, rng: random.Random) -> list[int]:
    """One in each slot of the minute, the last at its given instant."""
    slot = (last_ms - start_ms) / count
    draw = rng.random
    return [start_ms + int((n + draw()) * slot) for n in range(count - 1)] + [last_ms]


def _zigzag(corners: tuple[int, int, int, int], count: int, tick: int, rng: random.Random) -> list[int]:
    """From open to close over turning points near the extremes, each extreme touched once at least."""
    first, high, low, last = corners
    inner = max(2, min(7, count // 6))
    turns = sorted(rng.sample(range(1, count - 1), inner)) if count < 60 else _spread(count, inner, rng)
    up = rng.random() < 0.5
    sides = [up ^ bool(n % 2) for n in range(inner)]
    span = high - low
    values = [high - int(span * 0.4 * rng.random()) if side else low + int(span * 0.4 * rng.random()) for side in sides]
    values = [value // tick * tick for value in values]
    values[rng.choice([n for n, side in enumerate(sides) if side])] = high
    values[rng.choice([n for n, side in enumerate(sides) if not side])] = low
    knots = [(0, first), *zip(turns, values, strict=True), (count - 1, last)]
    return _lines(knots, tick, low, high, rng)


def _spread(count: int, inner: int, rng: random.Random) -> list[int]:
    """Turning points about evenly over the minute."""
    width = (count - 2) / inner
    return [1 + int((n + 0.25 + 0.5 * rng.random()) * width) for n in range(inner)]


def _lines(knots: list[tuple[int, int]], tick: int, low: int, high: int, rng: random.Random) -> list[int]:
    """Straight on from knot to knot, trembling by a tick."""
    draw = rng.random
    prices = [knots[0][1]]
    for (n0, price0), (n1, price1) in pairwise(knots):
        step = (price1 - price0) / tick / (n1 - n0)
        for n in range(1, n1 - n0):
            price = price0 + (int(step * n) + int(draw() * 3) - 1) * tick
            prices.append(low if price < low else min(price, high))
        prices.append(price1)
    return prices


def _shares(volume: int, count: int, rng: random.Random) -> list[int]:
    """Cumulative volume after each print: many small trades, a few large."""
    draw = rng.random
    weights = [0.03 + draw() ** 3 for _ in range(count)]
    total, running, cumulative = sum(weights), 0.0, []
    for weight in weights[:-1]:
        running += weight
        cumulative.append(int(volume * running / total))
    return [*cumulative, volume]
