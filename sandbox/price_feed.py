"""Everything that has a price, put together: the tape, the ticks that come from it, and the board that shows the market."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from sandbox.clock import ist_day, real_day, trading_date
from sandbox.followed import FollowedPrices, PrimarySource
from sandbox.listing.listing import MarketListing
from sandbox.market import Quote, QuoteBoard
from sandbox.phases import TradingCalendar
from sandbox.prices import GeneratedPrices
from sandbox.pricing.derived import DerivedTape
from sandbox.pricing.generated import GeneratedTape
from sandbox.pricing.market_tape import MarketTape
from sandbox.pricing.recorded import RecordedTape
from sandbox.pricing.tape import MINUTE_MS, Tape
from sandbox.replay import Replay
from sandbox.replay_files import Recording
from sandbox.trading import opening_ms
from sandbox.universe import Instrument, InstrumentKey, Universe

_LOOKED_UP = 4_096


@dataclass(frozen=True, slots=True)
class FeedParts:
    """`ticks_per_second` is of each instrument. Without a recording, prices are generated."""

    universe: Universe
    listing: MarketListing
    calendar: TradingCalendar
    recording: Recording | None
    seed: int
    ticks_per_second: float


class PriceFeed:
    """`now_ms` is market time. Begin with `open`."""

    def __init__(self, parts: FeedParts, now_ms: Callable[[], int]) -> None:
        self._parts = parts
        self._now_ms = now_ms
        self.universe = parts.universe
        self._primary = _primary_tape(parts)
        derived = DerivedTape(
            self._primary, lambda key: parts.universe.find(*key), parts.listing.was_listed, parts.calendar, parts.seed
        )
        self.tape = MarketTape(self._primary, derived, parts.calendar)
        self._interest = lru_cache(maxsize=_LOOKED_UP)(self.tape.open_interest)
        self.year_range = lru_cache(maxsize=_LOOKED_UP)(self.tape.year_range)
        self.board = QuoteBoard(parts.universe, parts.seed, facts=self, look=self.look)
        self.source: FollowedPrices

    def open(self, known_ms: int) -> int:
        """Quotes as of where the market begins or goes on, and the ticks after it; returns that instant. `known_ms` is 0 in a fresh run."""
        primary: PrimarySource
        if self._parts.recording is not None:
            grids = {i.key: i.tick_size for i in self.universe}
            replay = Replay(self._parts.recording, grids, self._parts.seed, after_ms=known_ms)
            primary, start_ms = replay, known_ms or replay.start_ms
        else:
            start_ms = opening_ms(self._parts.calendar, real_day(), known_ms)
            primary = GeneratedPrices(self._primary, self._parts.calendar, self.universe, start_ms)
        for instrument in self.universe:
            known, quote = self.board.quote_if_live(instrument.key), self._quote_at(instrument, start_ms)
            if quote is not None and (known is None or known.last_trade_ms < quote.last_trade_ms):
                self.board.open_with(quote)
        self.source = FollowedPrices(primary, self.tape)
        return start_ms

    def follow(self, wanted: Iterable[InstrumentKey], now_ms: int) -> None:
        """Let these print too. What is not wanted any more, does not trade any more or is unknown does not print."""
        today = self._parts.listing.today = trading_date(now_ms)
        instruments = []
        for key in wanted:
            instrument = self.universe.find(*key) if key not in self.universe else None
            if instrument is not None and not has_expired(instrument, today):
                instruments.append(instrument)
        self.source.follow(instruments, now_ms)
        keys = {i.key for i in instruments}
        for key in self.board.live_beside_the_usual() - keys:
            self.board.forget(key)
        for instrument in instruments:
            if not self.board.is_live(instrument.key) and (quote := self._quote_at(instrument, now_ms)) is not None:
                self.board.open_with(quote)

    def look(self, key: InstrumentKey) -> Quote | None:
        """What the market of an instrument that does not print now would be."""
        instrument = self.universe.find(*key)
        if instrument is None or key in self.universe:
            return None
        return self._quote_at(instrument, self._now_ms())

    def open_interest(self, instrument: Instrument, market_ms: int) -> int:
        """Units held in the minute of an instant."""
        if not instrument.is_derivative:
            return 0
        return self._interest(instrument, market_ms // MINUTE_MS * MINUTE_MS)

    def average_of_last_half_hour(self, key: InstrumentKey, day: int) -> int | None:
        """Paise; None when it did not trade that day."""
        instrument = self.universe.find(*key)
        return self.tape.average_of_last_half_hour(instrument, day) if instrument is not None else None

    def _quote_at(self, instrument: Instrument, at_ms: int) -> Quote | None:
        if has_expired(instrument, trading_date(at_ms)):
            return None
        day = self.tape.so_far(instrument, at_ms)
        if day is None:
            return None
        quote = Quote(
            instrument,
            ltp=day.ltp,
            close=day.close,
            day=ist_day(at_ms),
            open=day.open,
            high=day.high,
            low=day.low,
            last_quantity=day.last_quantity,
            volume=day.volume,
            traded_value=day.value,
            traded_quantity=day.volume,
            last_trade_ms=day.last_trade_ms,
        )
        return self.board.with_touch(quote)


def has_expired(instrument: Instrument, today: date) -> bool:
    """A contract lives through its expiry day."""
    return instrument.expiry is not None and instrument.expiry < today


def _primary_tape(parts: FeedParts) -> Tape:
    if parts.recording is None:
        return GeneratedTape(parts.calendar, parts.seed, parts.ticks_per_second)
    return RecordedTape(parts.recording, {i.key: i.tick_size for i in parts.universe}, parts.seed)
