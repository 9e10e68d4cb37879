"""Whether an entry may go to the market now: the calendar's phase, and the day's scrip master."""

from __future__ import annotations

from engine_server.calendar.domain.entry import entry_refusal
from engine_server.calendar.trading_calendar import TradingCalendar
from engine_server.instruments import master_gate
from engine_server.instruments.master_gate import MasterGate
from engine_server.market.intraday import IntradayDay
from engine_server.oms.domain.commands import Denial, OrderRequest
from tradewinds.clock import MarketClock
from tradewinds.instruments import Instrument


class EntryGate:
    """What order management asks before an entry (`oms.ports.Market`)."""

    def __init__(
        self, calendar: TradingCalendar, master: MasterGate, intraday: IntradayDay, market_clock: MarketClock
    ) -> None:
        self._calendar = calendar
        self._intraday = intraday
        self._master = master
        self._market_clock = market_clock

    def no_entry(self, request: OrderRequest, instrument: Instrument) -> Denial | None:
        """The first reason against it; None when it may go."""
        if problem := self._master.problem():
            return Denial(master_gate.REASON, problem)
        refusal = entry_refusal(
            self._calendar.current,
            instrument,
            order_type=request.order_type,
            product=request.product,
            market_time=self._market_clock.now(),
        )
        if refusal is not None:
            return Denial(refusal.reason, refusal.message)
        return self._intraday.no_entry(instrument, request.product)
