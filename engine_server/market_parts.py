"""What an engine knows of the market: instruments, calendar, quotes, bars, and whether an order may be entered now."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from engine_server.bars.history import BarHistory
from engine_server.bars.market_hours import MarketHours
from engine_server.bars.store import BarStore
from engine_server.bars.wishes import WishSender
from engine_server.calendar.store import CalendarStore
from engine_server.calendar.trading_calendar import TradingCalendar
from engine_server.calendar.unknown_day import UnknownDayAlarm
from engine_server.configuration import Parts
from engine_server.instruments.catalog import InstrumentCatalog
from engine_server.instruments.master_gate import MasterGate
from engine_server.market.entry_gate import EntryGate
from engine_server.market.intraday import IntradayDay
from engine_server.market.quote_watch import QuoteWatch
from engine_server.market.quotes import QuoteService
from engine_server.oms.quotes import QuoteReader
from tradewinds.market_clock_reader import follow_market_clock
from tradewinds.service import Service


@dataclass(frozen=True)
class MarketParts:
    """One of each per engine. `quotes` answers callers, `order_quotes` the order path, `watch` whoever follows."""

    catalog: InstrumentCatalog
    calendar: TradingCalendar
    quotes: QuoteService
    order_quotes: QuoteReader
    watch: QuoteWatch
    master: MasterGate
    intraday: IntradayDay
    entries: EntryGate
    bars: BarHistory

    @classmethod
    async def read(cls, service: Service, parts: Parts) -> MarketParts:
        """With the calendar read: nothing is decided before it is there."""
        redis, clock, name = parts.redis.client, parts.market_clock, service.settings.instance_id
        calendar = TradingCalendar(CalendarStore(parts.database))
        await calendar.start()
        catalog, quotes = InstrumentCatalog(redis), QuoteService(redis, parts.database)
        master = MasterGate(catalog, clock, calendar.may_trade)
        intraday = IntradayDay(calendar, clock, parts.configuration.engine.mis_square_off_minutes)
        hours = MarketHours(lambda: calendar.current)
        return cls(
            catalog=catalog,
            calendar=calendar,
            quotes=quotes,
            order_quotes=QuoteReader(redis, parts.clock, lambda key: quotes.quotes([key], "orders")),
            watch=QuoteWatch(redis, partial(quotes.follow, subject=f"watch:{name}"), service.stopping),
            master=master,
            intraday=intraday,
            entries=EntryGate(calendar, master, intraday, clock),
            bars=BarHistory(BarStore(parts.database), hours, WishSender(redis), redis, clock),
        )

    def spawn(self, service: Service, parts: Parts) -> None:
        """Everything that keeps it true."""
        service.spawn("instruments", self.catalog.follow())
        service.spawn("calendar", self.calendar.follow(parts.database))
        service.spawn("unknown day", UnknownDayAlarm(parts.database, self.calendar, parts.market_clock).run())
        service.spawn("quote watch", self.watch.run())
        service.spawn("quotes of orders", self.order_quotes.run())
        service.spawn("market clock", follow_market_clock(parts.redis.client, parts.market_clock))
