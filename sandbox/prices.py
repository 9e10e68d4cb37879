"""Prices that move by themselves: a seeded walk that reverts to a base and runs in short trends.

A trend lasts some seconds and moves a few hundredths of a per cent each second, so that a momentum rule over five seconds sees
something within seconds; the pull to the base keeps a day inside a few per cent. Everything is drawn in market-time
order, so one seed gives one series whatever the speed.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sandbox.clock import ist_day, ms_of_day
from sandbox.ticks import Tick
from sandbox.universe import Instrument, InstrumentKey, Universe

DEFAULT_TICKS_PER_SECOND_EACH = 3.5
_TREND_SECONDS = (4.0, 14.0)
_TREND_BPS_PER_SECOND = (1.5, 6.0)
_NOISE_BPS_PER_ROOT_SECOND = 1.2
_FULL_PULL_AT = 0.02
"""Two per cent away from its base, every new trend points home."""
_PRINT_VALUE_PAISE = (2_000_000, 60_000_000)


@dataclass(slots=True)
class _Walk:
    instrument: Instrument
    rng: random.Random
    price: float
    at_ms: float
    trend_bps: float = 0.0
    trend_ends_ms: float = 0.0
    volume: int = 0
    day: int = 0


class GeneratedPrices:
    """An endless tick source over a universe. `start_prices` (paise) continue an earlier run."""

    def __init__(
        self,
        universe: Universe,
        seed: int,
        start_ms: int,
        ticks_per_second: float | None = None,
        start_prices: Mapping[InstrumentKey, tuple[int, int]] | None = None,
    ) -> None:
        """`start_prices` maps an instrument to (last price in paise, day's volume so far)."""
        total = ticks_per_second or DEFAULT_TICKS_PER_SECOND_EACH * len(universe)
        self._gap_ms = 1000 * len(universe) / total
        self._walks: list[_Walk] = []
        self._due: list[tuple[float, int]] = []
        known = start_prices or {}
        for n, instrument in enumerate(universe):
            price, volume = known.get(instrument.key, (instrument.base_price, 0))
            rng = random.Random(f"{seed}:{instrument.token}:{ms_of_day(start_ms)}")
            walk = _Walk(instrument, rng, float(price), float(start_ms), volume=volume, day=ist_day(start_ms))
            self._walks.append(walk)
            heapq.heappush(self._due, (start_ms + rng.random() * self._gap_ms, n))
        self._shares = [w for w in self._walks if w.instrument.tradable]

    def next_ms(self) -> int | None:
        return math.ceil(self._due[0][0])

    def jump_target(self, now_ms: int) -> int | None:
        return None

    def take(self, until_ms: int, limit: int) -> Sequence[Tick]:
        ticks: list[Tick] = []
        while self._due[0][0] <= until_ms and len(ticks) < limit:
            at, n = self._due[0]
            walk = self._walks[n]
            ticks.append(self._print(walk, at))
            heapq.heapreplace(self._due, (at + self._gap_ms * (0.5 + walk.rng.random()), n))
        return ticks

    def _print(self, walk: _Walk, at: float) -> Tick:
        day = ist_day(int(at))
        if day != walk.day:
            walk.day, walk.volume = day, 0
        traded = 0
        if walk.instrument.tradable:
            _move(walk, at)
            low, high = _PRINT_VALUE_PAISE
            traded = max(1, int((low + (high - low) * walk.rng.random() ** 3) / walk.price))
        else:
            walk.price = self._index_level(walk.instrument)
        walk.at_ms = at
        walk.volume += traded
        tick = walk.instrument.tick_size
        ltp = max(tick, round(walk.price / tick) * tick)
        return Tick(walk.instrument.key, math.ceil(at), ltp, traded, walk.volume)

    def _index_level(self, index: Instrument) -> float:
        """An index moves as its shares do on average (the bank index: as the banks)."""
        only_banks = index.name == "BANKNIFTY"
        moves = [w.price / w.instrument.base_price for w in self._shares if w.instrument.is_bank or not only_banks]
        return index.base_price * sum(moves) / len(moves)


def _move(walk: _Walk, at: float) -> None:
    if at >= walk.trend_ends_ms:
        _begin_trend(walk, at)
    seconds = (at - walk.at_ms) / 1000
    bps = walk.trend_bps * seconds + walk.rng.gauss(0, _NOISE_BPS_PER_ROOT_SECOND) * math.sqrt(seconds)
    walk.price = max(float(walk.instrument.tick_size), walk.price * (1 + bps / 10_000))


def _begin_trend(walk: _Walk, at: float) -> None:
    away = walk.price / walk.instrument.base_price - 1
    chance_up = min(1.0, max(0.0, 0.5 - away / (2 * _FULL_PULL_AT)))
    up = walk.rng.random() < chance_up
    walk.trend_bps = walk.rng.uniform(*_TREND_BPS_PER_SECOND) * (1 if up else -1)
    walk.trend_ends_ms = at + walk.rng.uniform(*_TREND_SECONDS) * 1000
