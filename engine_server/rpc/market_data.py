"""MarketData: protobuf to domain and back."""

from __future__ import annotations

from typing import Any

import asyncpg
from google.protobuf.timestamp_pb2 import Timestamp
from redis.exceptions import RedisError

from engine_server.instruments.catalog import InstrumentCatalog
from engine_server.instruments.quotes import QuoteService
from engine_server.messages.instruments import instrument_message
from tradewinds import auth
from tradewinds.clock import Clock, MarketClock
from tradewinds.errors import InvalidArgumentError, UnavailableError
from tradewinds.instruments import InstrumentKey, UnknownInstrumentError
from tradewinds.money import format_rupees, from_e4
from tradewinds.ticks import TickArray
from tradewinds.v1 import market_data_pb2, market_data_pb2_grpc

_MAX_INSTRUMENTS = 100
_MAX_TEXT = 64
_DEFAULT_PAGE, _MAX_PAGE = 20, 100


class MarketDataServicer(market_data_pb2_grpc.MarketDataServicer):
    """Serves what the feed knows."""

    def __init__(
        self, catalog: InstrumentCatalog, quotes: QuoteService, market_clock: MarketClock, clock: Clock
    ) -> None:
        self._catalog = catalog
        self._quotes = quotes
        self._market_clock = market_clock
        self._clock = clock

    async def GetQuotes(  # noqa: N802
        self, request: market_data_pb2.GetQuotesRequest, context: Any
    ) -> market_data_pb2.GetQuotesResponse:
        """The last quote of each instrument, in the order asked."""
        keys = self._resolve(list(request.instruments))
        try:
            found = await self._quotes.quotes(keys, auth.principal().subject)
        except (RedisError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as e:
            raise UnavailableError(f"quotes cannot be read now ({type(e).__name__}); try again") from e
        return market_data_pb2.GetQuotesResponse(quotes=[self._quote(key, found.get(key)) for key in keys])

    async def SearchInstruments(  # noqa: N802
        self, request: market_data_pb2.SearchInstrumentsRequest, context: Any
    ) -> market_data_pb2.SearchInstrumentsResponse:
        """Instruments by the beginning of symbol, name, key or words."""
        query = request.query.strip()
        if not query or len(query) > _MAX_TEXT:
            raise InvalidArgumentError.field("query", f"give 1 to {_MAX_TEXT} characters, such as NIFTY or NSE:REL")
        if not 0 <= request.page_size <= _MAX_PAGE:
            raise InvalidArgumentError.field("page_size", f"give 1 to {_MAX_PAGE}, or nothing for {_DEFAULT_PAGE}")
        self._require_catalog()
        found = self._catalog.search(query, request.page_size or _DEFAULT_PAGE)
        return market_data_pb2.SearchInstrumentsResponse(instruments=[instrument_message(i) for i in found])

    async def GetMarketClock(  # noqa: N802
        self, request: market_data_pb2.GetMarketClockRequest, context: Any
    ) -> market_data_pb2.MarketClock:
        """The broker side's time."""
        return market_data_pb2.MarketClock(
            market_time=_timestamp(self._market_clock.now_ms()), rate=self._market_clock.rate
        )

    def _resolve(self, texts: list[str]) -> list[InstrumentKey]:
        if not 1 <= len(texts) <= _MAX_INSTRUMENTS:
            raise InvalidArgumentError.field(
                "instruments", f"name 1 to {_MAX_INSTRUMENTS} instruments, {len(texts)} were named"
            )
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

    def _quote(self, key: InstrumentKey, record: TickArray | None) -> market_data_pb2.Quote:
        if record is None:
            return market_data_pb2.Quote(instrument=key, age_ms=-1, source="NONE")
        tick = record[-1]
        age_ms = int(self._clock.now().timestamp() * 1000) - int(tick["received_ns"]) // 1_000_000
        return market_data_pb2.Quote(
            instrument=key,
            last_price=_price(tick["last_price_e4"]),
            bid_price=_price(tick["bid_price_e4"]),
            ask_price=_price(tick["ask_price_e4"]),
            volume=int(tick["volume"]),
            close_price=_price(tick["close_price_e4"]),
            exchange_time=_timestamp(int(tick["exchange_ms"])),
            age_ms=max(0, age_ms),
            source="STREAM",
        )


def _price(value_e4: int) -> str:
    """Rupees; empty where there is none."""
    return format_rupees(from_e4(int(value_e4))) if value_e4 else ""


def _timestamp(epoch_ms: int) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromMilliseconds(epoch_ms)
    return timestamp
