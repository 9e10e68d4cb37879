"""The MarketData service on a real gRPC server, with a client that may call it; the feed behind it is the caller's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from engine_server.bars.history import BarHistory
from engine_server.bars.market_hours import MarketHours
from engine_server.bars.store import BarStore
from engine_server.bars.wishes import WishSender
from engine_server.calendar.store import CalendarStore
from engine_server.calendar.trading_calendar import TradingCalendar
from engine_server.instruments.catalog import InstrumentCatalog
from engine_server.market.feed_status import FeedStatusReader
from engine_server.market.quote_watch import QuoteWatch
from engine_server.market.quotes import QuoteService
from engine_server.rpc.bar_desk import BarDesk
from engine_server.rpc.calendar_desk import CalendarDesk
from engine_server.rpc.market_data import MarketDataServicer
from tests.support.feed_process import Valkey
from tests.support.waiting import eventually
from tradewinds import auth, errors
from tradewinds.clock import MarketClock, SystemClock
from tradewinds.database.faults import is_passing
from tradewinds.database.session import Database
from tradewinds.grpc_server import GrpcServer, open_channel
from tradewinds.market_clock_reader import read_market_clock
from tradewinds.v1 import market_data_pb2, market_data_pb2_grpc


class Client:
    """Calls with the token of an operator."""

    def __init__(self, stub: Any, token: str, stopping: asyncio.Event, calendar: TradingCalendar) -> None:
        self._stub = stub
        self.calendar = calendar
        self._metadata = auth.bearer(token)
        self.stopping = stopping  # of the server

    async def __call__(self, method: str, request: Any) -> Any:
        import grpc

        try:
            return await getattr(self._stub, method)(request, metadata=self._metadata, timeout=10)
        except grpc.aio.AioRpcError as e:
            raise errors.from_rpc_error(e) from e

    def watch(self, *instruments: str, interval_ms: int = 0) -> Any:
        """A stream of quotes."""
        request = market_data_pb2.WatchQuotesRequest(instruments=instruments, interval_ms=interval_ms)
        return self._stub.WatchQuotes(request, metadata=self._metadata, timeout=30)


@asynccontextmanager
async def served_market_data(database: Database, valkey: Valkey, folder: Path) -> AsyncIterator[Client]:
    """With a loaded catalog and the sandbox's clock."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())) | {"kid": "k1"}
    jwks = folder / "jwks.json"
    jwks.write_text(json.dumps({"keys": [public]}))
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    token = auth.issue_token(pem, "k1", "u1", ["viewer", "operator"], timedelta(minutes=5))
    catalog, market_clock = InstrumentCatalog(valkey), MarketClock()
    await eventually(catalog.load, timeout=10)
    await eventually(lambda: read_market_clock(valkey, market_clock), timeout=10)
    server = GrpcServer(auth.TokenVerifier(jwks), is_passing)
    clock, quotes, stopping = SystemClock(), QuoteService(valkey, database), asyncio.Event()
    watch = QuoteWatch(valkey, partial(quotes.follow, subject="watch"), stopping)
    calendar = TradingCalendar(CalendarStore(database))
    status, desk = FeedStatusReader(valkey, clock), CalendarDesk(database, calendar)
    hours = MarketHours(lambda: calendar.current)
    bars = BarDesk(BarHistory(BarStore(database), hours, WishSender(valkey), valkey, market_clock))
    servicer = MarketDataServicer(catalog, quotes, watch, status, desk, bars, market_clock, clock)
    watching = asyncio.create_task(watch.run())
    market_data_pb2_grpc.add_MarketDataServicer_to_server(servicer, server.server)
    address = await server.start("127.0.0.1", 0, ("tradewinds.v1.MarketData",))
    channel = open_channel(address)
    yield Client(market_data_pb2_grpc.MarketDataStub(channel), token, stopping, calendar)
    await channel.close()
    await server.stop(0)
    watching.cancel()
