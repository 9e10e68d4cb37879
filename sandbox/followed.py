"""Prices on demand: contracts and BSE shares print whenever what they follow does, as long as somebody wants them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol

from sandbox.pricing.derived import Follower
from sandbox.pricing.market_tape import MarketTape
from sandbox.ticks import Tick, TickSource
from sandbox.universe import Instrument, InstrumentKey


class PrimarySource(TickSource, Protocol):
    """A source of what follows nothing."""

    def follow(self, wanted: Iterable[Instrument], now_ms: int) -> None:
        """Print these too from now on, if it can, and nothing else beside what always prints."""
        ...


class FollowedPrices:
    """A tick source on top of another. A follower hears only of prints later than when it was asked for."""

    def __init__(self, primary: PrimarySource, tape: MarketTape) -> None:
        self._primary = primary
        self._tape = tape
        self._followers: dict[InstrumentKey, dict[InstrumentKey, tuple[int, Follower]]] = defaultdict(dict)
        self._wanted: frozenset[InstrumentKey] = frozenset()
        self._most = 0

    def next_ms(self) -> int | None:
        return self._primary.next_ms()

    def jump_target(self, now_ms: int) -> int | None:
        return self._primary.jump_target(now_ms)

    def take(self, until_ms: int, limit: int) -> Sequence[Tick]:
        """Somewhat more than `limit` when the last print has many followers."""
        primary = self._primary.take(until_ms, max(1, limit // (1 + self._most)))
        if not self._wanted:
            return primary
        ticks: list[Tick] = []
        for tick in primary:
            ticks.append(tick)
            followers = self._followers.get(tick.key)
            if followers:
                ticks += [f.follow(tick) for since_ms, f in followers.values() if tick.at_ms > since_ms]
        return ticks

    def follow(self, wanted: Iterable[Instrument], now_ms: int) -> None:
        """From now on these print, and nothing else beside what always does."""
        instruments = {i.key: i for i in wanted}
        if instruments.keys() == self._wanted:
            return
        sources: dict[InstrumentKey, Instrument] = {}
        for instrument in instruments.values():
            source = self._tape.derived.underlying_of(instrument)
            if instrument.underlying is None:
                sources[instrument.key] = instrument
            elif source is not None:
                sources[source.key] = source
                if instrument.key not in self._followers[source.key]:
                    self._followers[source.key][instrument.key] = now_ms, self._follower(instrument, now_ms)
        for followers in self._followers.values():
            for key in followers.keys() - instruments.keys():
                del followers[key]
        self._most = max((len(followers) for followers in self._followers.values()), default=0)
        self._wanted = frozenset(instruments)
        self._primary.follow(sources.values(), now_ms)

    def _follower(self, instrument: Instrument, now_ms: int) -> Follower:
        today = self._tape.so_far(instrument, now_ms)
        return Follower(self._tape.derived, instrument, today.volume if today else 0)
