"""The intraday day of an instrument, by the calendar in force and the market clock."""

from __future__ import annotations

from engine_server.calendar.domain.intraday import squared_off_since
from engine_server.calendar.trading_calendar import TradingCalendar
from engine_server.oms.domain.commands import Denial
from tradewinds.clock import MarketClock, ist
from tradewinds.instruments import Instrument

REASON = "INTRADAY_OVER"


class IntradayDay:
    """What order management squares off by (`oms.ports.Intraday`), and the entry gate refuses by."""

    def __init__(self, calendar: TradingCalendar, market_clock: MarketClock, lead_minutes: float) -> None:
        self._calendar = calendar
        self._market_clock = market_clock
        self._lead_minutes = lead_minutes

    def over_because(self, instrument: Instrument) -> str:
        """Why its MIS positions are to be closed now; '' while the day goes on, and after its market has closed."""
        calendar, now, lead = self._calendar.current, self._market_clock.now(), self._lead_minutes
        at = squared_off_since(calendar, instrument, now, lead)
        if at is None:
            return ""
        return f"intraday (MIS) positions are squared off from {ist(at):%H:%M} on, {lead:g} minutes before the broker would do it"

    def no_entry(self, instrument: Instrument, product: str) -> Denial | None:
        """No new MIS position from then on."""
        why = self.over_because(instrument) if product == "MIS" else ""
        return Denial(REASON, f"{why}; NRML and CNC are taken") if why else None
