"""`MarketCalls` over gRPC: the engine's MarketData, as a runner asks it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import grpc

from strategy_runner.engines import Engines
from strategy_runner.market_calls import CalendarDays, Chain, Expiry, MarketCallError, Strike
from tradewinds.auth import bearer
from tradewinds.bars import Bar
from tradewinds.clock import IST
from tradewinds.errors import from_rpc_error
from tradewinds.money import to_e4
from tradewinds.sdk.phases import KnownDay, PhaseSpan
from tradewinds.v1 import market_data_pb2, market_data_pb2_grpc

_CALL_SECONDS: Final = 5.0
_REFUSALS: Final = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)


class EngineMarket:
    """Asks on the channel that the session uses: it may wait, orders may not."""

    def __init__(self, engines: Engines, token: str) -> None:
        self._engines = engines
        self._metadata = bearer(token)

    def _stub(self) -> Any:
        return market_data_pb2_grpc.MarketDataStub(self._engines.session_channel)

    async def past_bars(self, key: str, interval: str, count: int) -> list[Bar]:
        """See `MarketCalls`."""
        request = market_data_pb2.ListBarsRequest(instrument=key, interval=interval, page_size=count)
        answer = await self._call(self._stub().ListBars, request)
        return [_bar(key, interval, bar) for bar in answer.bars if bar.closed]

    async def expiries(self, underlying: str, kind: str) -> list[Expiry]:
        """See `MarketCalls`."""
        request = market_data_pb2.ListExpiriesRequest(underlying=underlying, kind=kind)
        answer = await self._call(self._stub().ListExpiries, request)
        return [Expiry(e.expiry, e.exchange, e.monthly) for e in answer.expiries]

    async def chain(self, underlying: str, expiry: str, strikes: int) -> Chain:
        """See `MarketCalls`."""
        request = market_data_pb2.GetOptionChainRequest(underlying=underlying, expiry=expiry, strikes=strikes)
        answer = await self._call(self._stub().GetOptionChain, request)
        return Chain(
            Decimal(answer.underlying_price) if answer.underlying_price else None,
            tuple(Strike(Decimal(row.strike), row.call.instrument, row.put.instrument) for row in answer.rows),
        )

    async def calendar(self, first_day: str, last_day: str) -> CalendarDays:
        """See `MarketCalls`."""
        request = market_data_pb2.ListCalendarDaysRequest(start_day=first_day, end_day=last_day)
        answer = await self._call(self._stub().ListCalendarDays, request)
        return CalendarDays(
            tuple(_span(day, phase) for day in answer.days for phase in day.phases),
            tuple(KnownDay(day.segment, *_day_ms(day.day)) for day in answer.days if day.known),
        )

    async def _call(self, method: Any, request: Any) -> Any:
        try:
            return await method(request, timeout=_CALL_SECONDS, metadata=self._metadata)
        except grpc.aio.AioRpcError as e:
            message = f"{e.code().name}: {from_rpc_error(e).message}"
            raise MarketCallError(message, is_final=e.code() in _REFUSALS) from e


def _bar(key: str, interval: str, bar: market_data_pb2.Bar) -> Bar:
    prices = (bar.open_price, bar.high_price, bar.low_price, bar.close_price)
    open_e4, high_e4, low_e4, close_e4 = (to_e4(Decimal(price)) for price in prices)
    return Bar(
        instrument=key,
        interval=interval,
        start_ms=bar.start_time.ToMilliseconds(),
        open_e4=open_e4,
        high_e4=high_e4,
        low_e4=low_e4,
        close_e4=close_e4,
        volume=bar.volume,
        open_interest=bar.open_interest,
        source=bar.source,
    )


def _span(day: market_data_pb2.CalendarDay, phase: market_data_pb2.CalendarPhase) -> PhaseSpan:
    midnight, _ = _day_ms(day.day)
    return PhaseSpan(
        day.segment,
        day.instrument_class,
        phase.phase,
        midnight + _clock_ms(phase.start),
        midnight + _clock_ms(phase.end),
    )


def _day_ms(day: str) -> tuple[int, int]:
    midnight = datetime.fromisoformat(day).replace(tzinfo=IST)
    return int(midnight.timestamp() * 1000), int((midnight + timedelta(days=1)).timestamp() * 1000)


def _clock_ms(text: str) -> int:
    hours, minutes = text.split(":")
    return (int(hours) * 60 + int(minutes)) * 60_000
