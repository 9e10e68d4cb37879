"""MarketData: protobuf to domain and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

from engine_server.calendar.domain.edits import checked_day
from engine_server.instruments.catalog import InstrumentCatalog
from engine_server.market import option_chain
from engine_server.market.feed_status import FeedStatusReader
from engine_server.market.option_chain import Chain, ExpiryFacts, Strike
from engine_server.market.quote_watch import QuoteWatch
from engine_server.market.quotes import QuoteService
from engine_server.messages.instruments import instrument_message
from engine_server.messages.market import feed_status_message, quote_message, timestamp
from engine_server.rpc.bar_desk import BarDesk
from engine_server.rpc.calendar_desk import CalendarDesk
from engine_server.rpc.quote_stream import MAX_WATCHED, quote_stream
from tradewinds import auth
from tradewinds.clock import Clock, MarketClock
from tradewinds.errors import InvalidArgumentError, NotFoundError, UnavailableError
from tradewinds.instruments import Instrument, InstrumentKey, UnknownInstrumentError
from tradewinds.money import format_rupees, from_e4
from tradewinds.v1 import market_data_pb2 as pb
from tradewinds.v1 import market_data_pb2_grpc as pb_grpc

_MAX_INSTRUMENTS = 100
_MAX_TEXT = 64
_DEFAULT_PAGE, _MAX_PAGE = 20, 100
_DEFAULT_STRIKES, _MAX_STRIKES = 10, 50


class MarketDataServicer(pb_grpc.MarketDataServicer):
    """Serves what the feed knows."""

    def __init__(
        self,
        catalog: InstrumentCatalog,
        quotes: QuoteService,
        watch: QuoteWatch,
        feed: FeedStatusReader,
        calendar: CalendarDesk,
        bars: BarDesk,
        market_clock: MarketClock,
        clock: Clock,
    ) -> None:
        self._catalog = catalog
        self._quotes = quotes
        self._watch = watch
        self._feed = feed
        self._calendar = calendar
        self._bars = bars
        self._market_clock = market_clock
        self._clock = clock

    async def GetQuotes(self, request: pb.GetQuotesRequest, context: Any) -> pb.GetQuotesResponse:  # noqa: N802
        """The last quote of each instrument, in the order asked."""
        keys = self._resolve(list(request.instruments), _MAX_INSTRUMENTS)
        found = await self._quotes.quotes(keys, auth.principal().subject)
        stale = await self._quotes.stale(keys)
        return pb.GetQuotesResponse(
            quotes=[quote_message(key, found.get(key), self._clock, stale=key in stale) for key in keys]
        )

    async def WatchQuotes(  # noqa: N802
        self, request: pb.WatchQuotesRequest, context: Any
    ) -> AsyncIterator[pb.WatchQuotesResponse]:
        """A snapshot, then changes."""
        keys = self._resolve(list(request.instruments), MAX_WATCHED)
        async for response in quote_stream(self._watch, keys, request.interval_ms, self._clock):
            yield response

    async def GetInstrument(self, request: pb.GetInstrumentRequest, context: Any) -> pb.Instrument:  # noqa: N802
        """One instrument."""
        self._require_catalog()
        try:
            return instrument_message(self._catalog.resolve(request.instrument[:_MAX_TEXT]))
        except UnknownInstrumentError as e:
            raise NotFoundError(str(e), reason="UNKNOWN_INSTRUMENT") from e

    async def GetFeedStatus(self, request: pb.GetFeedStatusRequest, context: Any) -> pb.FeedStatus:  # noqa: N802
        """What the feed does now."""
        return feed_status_message(await self._feed.read())

    async def SearchInstruments(  # noqa: N802
        self, request: pb.SearchInstrumentsRequest, context: Any
    ) -> pb.SearchInstrumentsResponse:
        """Instruments by the beginning of symbol, name, key or words."""
        query = request.query.strip()
        if not query or len(query) > _MAX_TEXT:
            raise InvalidArgumentError.field("query", f"give 1 to {_MAX_TEXT} characters, such as NIFTY or NSE:REL")
        if not 0 <= request.page_size <= _MAX_PAGE:
            raise InvalidArgumentError.field("page_size", f"give 1 to {_MAX_PAGE}, or nothing for {_DEFAULT_PAGE}")
        self._require_catalog()
        found = self._catalog.search(
            query, request.page_size or _DEFAULT_PAGE, exchange=request.exchange, kind=request.kind
        )
        return pb.SearchInstrumentsResponse(instruments=[instrument_message(i) for i in found])

    async def GetMarketClock(  # noqa: N802
        self, request: pb.GetMarketClockRequest, context: Any
    ) -> pb.MarketClock:
        """The broker side's time."""
        return pb.MarketClock(market_time=timestamp(self._market_clock.now_ms()), rate=self._market_clock.rate)

    async def ListCategories(  # noqa: N802
        self, request: pb.ListCategoriesRequest, context: Any
    ) -> pb.ListCategoriesResponse:
        """How many instruments of which sort today's scrip master has."""
        self._require_catalog()
        return pb.ListCategoriesResponse(
            categories=[
                pb.Category(exchange=exchange, kind=kind, underlying=underlying, instruments=number)
                for (exchange, kind, underlying), number in sorted(self._catalog.categories.items())
            ],
            scrip_master=self._catalog.version,
        )

    async def ListExpiries(self, request: pb.ListExpiriesRequest, context: Any) -> pb.ListExpiriesResponse:  # noqa: N802
        """The expiries of an underlying, nearest first."""
        self._require_catalog()
        listed = option_chain.contracts(
            self._catalog, _underlying(request.underlying), kind=request.kind, exchange=request.exchange
        )
        return pb.ListExpiriesResponse(expiries=[_expiry_message(one) for one in option_chain.expiries(listed)])

    async def GetOptionChain(self, request: pb.GetOptionChainRequest, context: Any) -> pb.OptionChain:  # noqa: N802
        """Calls and puts around the money, with their quotes."""
        if not 0 <= request.strikes <= _MAX_STRIKES:
            raise InvalidArgumentError.field("strikes", f"give 1 to {_MAX_STRIKES}, or nothing for {_DEFAULT_STRIKES}")
        self._require_catalog()
        chain = option_chain.chain_of(
            self._catalog,
            _underlying(request.underlying),
            expiry=checked_day(request.expiry, "expiry") if request.expiry else None,
            exchange=request.exchange,
        )
        return await self._chain_message(chain, request.strikes or _DEFAULT_STRIKES)

    async def ListBars(self, request: pb.ListBarsRequest, context: Any) -> pb.ListBarsResponse:  # noqa: N802
        """Bars of one instrument, oldest first."""
        [key] = self._resolve([request.instrument], 1, "instrument")
        return await self._bars.bars(request, self._catalog.instruments[key])

    async def ListCalendarDays(  # noqa: N802
        self, request: pb.ListCalendarDaysRequest, context: Any
    ) -> pb.ListCalendarDaysResponse:
        """Days of the calendar as they are in force."""
        return self._calendar.days(request, self._market_clock.now())

    async def UpdateCalendarDay(self, request: pb.UpdateCalendarDayRequest, context: Any) -> pb.CalendarDay:  # noqa: N802
        """Replace one day."""
        return await self._calendar.update(request, context)

    async def _chain_message(self, chain: Chain, strikes: int) -> pb.OptionChain:
        subject = auth.principal().subject
        price: Decimal | None = None
        if chain.money is not None:
            quoted = (await self._quotes.quotes([chain.money.key], subject)).get(chain.money.key)
            price = from_e4(int(quoted[-1]["last_price_e4"])) if quoted is not None and len(quoted) else None
        rows = chain.around(price, strikes)
        keys = [side.key for row in rows for side in (row.call, row.put) if side is not None]
        found, stale = await self._quotes.quotes(keys, subject), await self._quotes.stale(keys)

        def quote(side: Instrument | None) -> pb.Quote | None:
            if side is None:
                return None
            return quote_message(side.key, found.get(side.key), self._clock, stale=side.key in stale)

        return pb.OptionChain(
            underlying=chain.underlying,
            expiry=chain.expiry.isoformat(),
            underlying_instrument=chain.money.key if chain.money is not None else "",
            underlying_price=format_rupees(price) if price is not None else "",
            rows=[_row_message(row, quote(row.call), quote(row.put)) for row in rows],
        )

    def _resolve(self, texts: list[str], at_most: int, field: str = "") -> list[InstrumentKey]:
        if not 1 <= len(texts) <= at_most:
            raise InvalidArgumentError.field("instruments", f"name 1 to {at_most} instruments, {len(texts)} were named")
        self._require_catalog()
        return [self._resolve_one(field or f"instruments[{position}]", text) for position, text in enumerate(texts)]

    def _resolve_one(self, field: str, text: str) -> InstrumentKey:
        if len(text) > _MAX_TEXT:
            raise InvalidArgumentError.field(
                field, f"is longer than {_MAX_TEXT} characters; give a key like NSE:SBIN-EQ"
            )
        try:
            return self._catalog.resolve(text).key
        except UnknownInstrumentError as e:
            raise InvalidArgumentError.field(field, str(e), reason="UNKNOWN_INSTRUMENT") from e

    def _require_catalog(self) -> None:
        if not self._catalog.ready:
            raise UnavailableError("the scrip master has not been loaded yet; try again in some seconds")


def _underlying(text: str) -> str:
    name = text.strip().upper()
    if not 1 <= len(name) <= _MAX_TEXT:
        raise InvalidArgumentError.field("underlying", f"give a name of 1 to {_MAX_TEXT} characters, such as NIFTY")
    return name


def _expiry_message(facts: ExpiryFacts) -> pb.Expiry:
    return pb.Expiry(
        expiry=facts.day.isoformat(),
        exchange=facts.exchange,
        kind=facts.kind,
        instruments=facts.contracts,
        monthly=facts.monthly,
    )


def _row_message(row: Strike, call: pb.Quote | None, put: pb.Quote | None) -> pb.OptionChainRow:
    return pb.OptionChainRow(strike=format_rupees(row.price), call=call, put=put)
