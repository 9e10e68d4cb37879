"""MarketData: protobuf to domain and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from engine_server.instruments.catalog import InstrumentCatalog
from engine_server.market.feed_status import FeedStatusReader
from engine_server.market.quote_watch import QuoteWatch
from engine_server.market.quotes import QuoteService
from engine_server.messages.instruments import instrument_message
from engine_server.messages.market import feed_status_message, quote_message, timestamp
from engine_server.rpc.quote_stream import MAX_WATCHED, quote_stream
from tradewinds import auth
from tradewinds.clock import Clock, MarketClock
from tradewinds.errors import InvalidArgumentError, NotFoundError, UnavailableError
from tradewinds.instruments import InstrumentKey, UnknownInstrumentError
from tradewinds.v1 import market_data_pb2 as pb
from tradewinds.v1 import market_data_pb2_grpc as pb_grpc

_MAX_INSTRUMENTS = 100
_MAX_TEXT = 64
_DEFAULT_PAGE, _MAX_PAGE = 20, 100


class MarketDataServicer(pb_grpc.MarketDataServicer):
    """Serves what the feed knows."""

    def __init__(
        self,
        catalog: InstrumentCatalog,
        quotes: QuoteService,
        watch: QuoteWatch,
        feed: FeedStatusReader,
        market_clock: MarketClock,
        clock: Clock,
    ) -> None:
        self._catalog = catalog
        self._quotes = quotes
        self._watch = watch
        self._feed = feed
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
        found = self._catalog.search(query, request.page_size or _DEFAULT_PAGE)
        return pb.SearchInstrumentsResponse(instruments=[instrument_message(i) for i in found])

    async def GetMarketClock(  # noqa: N802
        self, request: pb.GetMarketClockRequest, context: Any
    ) -> pb.MarketClock:
        """The broker side's time."""
        return pb.MarketClock(market_time=timestamp(self._market_clock.now_ms()), rate=self._market_clock.rate)

    def _resolve(self, texts: list[str], at_most: int) -> list[InstrumentKey]:
        if not 1 <= len(texts) <= at_most:
            raise InvalidArgumentError.field("instruments", f"name 1 to {at_most} instruments, {len(texts)} were named")
        self._require_catalog()
        return [self._resolve_one(f"instruments[{position}]", text) for position, text in enumerate(texts)]

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
