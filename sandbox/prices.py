"""Generated prices as ticks in market time: of the instruments that always print, and of those that somebody wants now."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence

from sandbox.clock import ist_day
from sandbox.phases import TradingCalendar
from sandbox.pricing.generated import market_of
from sandbox.pricing.tape import MINUTE_MS, Tape
from sandbox.ticks import Tick
from sandbox.universe import Instrument, InstrumentKey


class GeneratedPrices:
    """An endless tick source over a tape. It prints in continuous trading alone; what was due up to `start_ms` is passed over."""

    def __init__(self, tape: Tape, calendar: TradingCalendar, always: Iterable[Instrument], start_ms: int) -> None:
        self._tape = tape
        self._calendar = calendar
        self._due: list[tuple[int, int, Tick, Iterator[Tick]]] = []
        self._started = 0
        self._number_of: dict[InstrumentKey, int] = {}
        for instrument in always:
            self._start(instrument, start_ms)
        self._always = frozenset(self._number_of)

    def next_ms(self) -> int | None:
        return self._due[0][0]

    def jump_target(self, now_ms: int) -> int | None:
        return None

    def take(self, until_ms: int, limit: int) -> Sequence[Tick]:
        ticks: list[Tick] = []
        due = self._due
        while due[0][0] <= until_ms and len(ticks) < limit:
            _, number, tick, more = due[0]
            if self._number_of.get(tick.key) != number:
                heapq.heappop(due)
                continue
            ticks.append(tick)
            upcoming = next(more)
            heapq.heapreplace(due, (upcoming.at_ms, number, upcoming, more))
        return ticks

    def follow(self, wanted: Iterable[Instrument], now_ms: int) -> None:
        """From now on print these too, and nothing else beside what always prints."""
        chosen = {i.key: i for i in wanted if i.key not in self._always}
        for key in self._number_of.keys() - self._always - chosen.keys():
            del self._number_of[key]
        for key, instrument in chosen.items():
            if key not in self._number_of:
                self._start(instrument, now_ms)

    def _start(self, instrument: Instrument, after_ms: int) -> None:
        """A series that was stopped and begins again has another number: its old tick in the queue is not taken."""
        self._started += 1
        self._number_of[instrument.key] = self._started
        series = self._series(instrument, after_ms)
        first = next(series)
        heapq.heappush(self._due, (first.at_ms, self._started, first, series))

    def _series(self, instrument: Instrument, after_ms: int) -> Iterator[Tick]:
        """All ticks later than an instant."""
        market, day = market_of(instrument), ist_day(after_ms)
        while True:
            window = self._calendar.continuous(market, day)
            if window is not None:
                first = max(window.begins_ms, after_ms // MINUTE_MS * MINUTE_MS)
                for start_ms in range(first, window.ends_ms, MINUTE_MS):
                    for tick in self._tape.minute(instrument, start_ms):
                        if tick.at_ms > after_ms:
                            yield tick
            day = self._calendar.next_trading_day(day, market.segment)
