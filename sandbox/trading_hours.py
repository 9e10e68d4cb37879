"""What each market is doing now: its phase, whether intraday trading is over, whether trading is halted."""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.clock import ist_day
from sandbox.day_plan import square_off_ms
from sandbox.listing.listing import TRADED_SEGMENTS
from sandbox.phases import CASH_SEGMENTS, Market, Phase, TradingCalendar
from sandbox.universe import Instrument, Universe

_HALTED_TOGETHER = frozenset({"NSE", "BSE", "NFO", "BFO"})


def market_of(instrument: Instrument) -> Market:
    """The hours that an instrument keeps."""
    auction = instrument.has_closing_auction and instrument.exchange in CASH_SEGMENTS
    return Market(instrument.exchange, auction)


def markets_of(universe: Universe) -> tuple[Market, ...]:
    """Every market that takes orders: contracts are traded as soon as somebody asks for one."""
    usual = {market_of(instrument) for instrument in universe}
    return tuple(sorted({*(Market(segment) for segment in TRADED_SEGMENTS), *usual}))


class TradingHours:
    """Follows the milestones, not the clock: what the floor has not reached yet has not happened."""

    def __init__(self, calendar: TradingCalendar, markets: Iterable[Market], now_ms: int) -> None:
        self.calendar = calendar
        self.markets = tuple(markets)
        self._phases = {market: calendar.phase_at(market, now_ms) for market in self.markets}
        self._intraday_over = {m for m in self.markets if _past_cut_off(calendar, m, now_ms)}
        self.halted_until_ms = 0

    def phase(self, instrument: Instrument) -> Phase:
        return self._phases.get(market_of(instrument), Phase.CLOSED)

    def phases(self) -> dict[Market, Phase]:
        return dict(self._phases)

    def enter(self, market: Market, phase: Phase) -> None:
        self._phases[market] = phase

    def end_intraday(self, market: Market) -> None:
        self._intraday_over.add(market)

    def end_day(self, market: Market) -> None:
        self._intraday_over.discard(market)

    def intraday_over(self, instrument: Instrument) -> bool:
        """From the square-off to the end of the day."""
        return market_of(instrument) in self._intraday_over

    def is_halted(self, instrument: Instrument, now_ms: int) -> bool:
        """A market-wide halt stops shares and their derivatives."""
        return now_ms < self.halted_until_ms and instrument.exchange in _HALTED_TOGETHER

    def trades_now(self, instrument: Instrument, now_ms: int) -> bool:
        """Orders are matched as they come."""
        return self.phase(instrument) is Phase.CONTINUOUS and not self.is_halted(instrument, now_ms)


def _past_cut_off(calendar: TradingCalendar, market: Market, now_ms: int) -> bool:
    day = ist_day(now_ms)
    continuous = calendar.continuous(market, day)
    if continuous is None or now_ms >= calendar.windows(market, day)[-1].ends_ms:
        return False
    return now_ms >= square_off_ms(market, continuous, day)
