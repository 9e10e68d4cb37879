"""The MarketData service over a real gRPC server, fed by a real feed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from engine_server.instruments.catalog import InstrumentCatalog
from engine_server.instruments.quotes import QuoteService
from engine_server.rpc.market_data import MarketDataServicer
from tests.support.feed_process import FeedProcess, Valkey, quoted
from tests.support.waiting import eventually
from tradewinds import auth, errors
from tradewinds.clock import MarketClock, SystemClock
from tradewinds.database.session import Database
from tradewinds.grpc_server import GrpcServer, open_channel
from tradewinds.market_clock_reader import read_market_clock
from tradewinds.v1 import market_data_pb2, market_data_pb2_grpc


class Client:
    """Calls with a viewer's token."""

    def __init__(self, stub: Any, token: str) -> None:
        self._stub = stub
        self._metadata = auth.bearer(token)

    async def __call__(self, method: str, request: Any) -> Any:
        import grpc

        try:
            return await getattr(self._stub, method)(request, metadata=self._metadata, timeout=10)
        except grpc.aio.AioRpcError as e:
            raise errors.from_rpc_error(e) from e


@pytest.fixture
async def call(feed: FeedProcess, database: Database, valkey: Valkey, tmp_path: Path) -> AsyncIterator[Client]:
    """A served MarketData with a loaded catalog and the sandbox's clock."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())) | {"kid": "k1"}
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps({"keys": [public]}))
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    token = auth.issue_token(pem, "k1", "u1", ["viewer"], timedelta(minutes=5))
    catalog, market_clock = InstrumentCatalog(valkey), MarketClock()
    await eventually(catalog.load, timeout=10)
    await eventually(lambda: read_market_clock(valkey, market_clock), timeout=10)
    server = GrpcServer(auth.TokenVerifier(jwks))
    servicer = MarketDataServicer(catalog, QuoteService(valkey, database), market_clock, SystemClock())
    market_data_pb2_grpc.add_MarketDataServicer_to_server(servicer, server.server)
    address = await server.start("127.0.0.1", 0, ("tradewinds.v1.MarketData",))
    channel = open_channel(address)
    yield Client(market_data_pb2_grpc.MarketDataStub(channel), token)
    await channel.close()
    await server.stop(0)


async def test_a_quote_that_nobody_follows_comes_within_a_second_and_is_followed_for_ten_minutes(
    call: Client, database: Database
) -> None:
    answer = await call("GetQuotes", market_data_pb2.GetQuotesRequest(instruments=["SBIN", "Nifty 50"]))
    sbin, nifty = answer.quotes
    assert (sbin.instrument, nifty.instrument) == ("NSE:SBIN-EQ", "NSE:NIFTY 50")
    assert sbin.source == "STREAM"
    assert 0 <= sbin.age_ms < 1500
    assert float(sbin.bid_price) <= float(sbin.last_price) <= float(sbin.ask_price)
    assert (nifty.bid_price, nifty.ask_price) == ("", "")
    rows = await database.pool.fetch(
        "SELECT *, expires_at - now() AS rest FROM market_subscriptions ORDER BY instrument"
    )
    assert [row["instrument"] for row in rows] == ["NSE:NIFTY 50", "NSE:SBIN-EQ"]
    assert {row["subscriber"] for row in rows} == {"quotes:u1"}
    assert all(timedelta(minutes=9) < row["rest"] <= timedelta(minutes=10) for row in rows)


async def test_a_quote_that_does_not_come_is_said_to_be_missing(
    call: Client, feed: FeedProcess, valkey: Valkey
) -> None:
    await feed.stop()
    answer = await call("GetQuotes", market_data_pb2.GetQuotesRequest(instruments=["NSE:ITC-EQ"]))
    [quote] = answer.quotes
    assert (quote.source, quote.age_ms, quote.last_price) == ("NONE", -1, "")
    assert await quoted(valkey) == set()


async def test_an_unknown_instrument_is_named_with_what_is_near(call: Client) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="did you mean NSE:RELIANCE-EQ") as refused:
        await call("GetQuotes", market_data_pb2.GetQuotesRequest(instruments=["SBIN", "RELIANC"]))
    assert refused.value.reason == "UNKNOWN_INSTRUMENT"
    assert [violation.field for violation in refused.value.violations] == ["instruments[1]"]


@pytest.mark.parametrize("instruments", [[], ["SBIN"] * 101, ["S" * 65]])
async def test_a_request_that_is_too_small_or_too_big_is_refused(call: Client, instruments: list[str]) -> None:
    with pytest.raises(errors.InvalidArgumentError):
        await call("GetQuotes", market_data_pb2.GetQuotesRequest(instruments=instruments))


async def test_instruments_are_found_by_their_beginning(call: Client) -> None:
    answer = await call("SearchInstruments", market_data_pb2.SearchInstrumentsRequest(query="rel", page_size=5))
    [reliance] = answer.instruments
    assert (reliance.instrument, reliance.kind, reliance.tick_size) == ("NSE:RELIANCE-EQ", "EQ", "0.10")
    with pytest.raises(errors.InvalidArgumentError, match="query"):
        await call("SearchInstruments", market_data_pb2.SearchInstrumentsRequest(query=" "))


async def test_the_market_clock_is_the_brokers(call: Client, feed: FeedProcess) -> None:
    answer = await call("GetMarketClock", market_data_pb2.GetMarketClockRequest())
    there = datetime.fromtimestamp((await feed.sandbox.get("/sandbox/clock"))["market_ms"] / 1000, UTC)
    assert abs(answer.market_time.ToDatetime(UTC) - there) < timedelta(seconds=1)
    assert answer.rate == 1.0
