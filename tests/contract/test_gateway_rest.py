"""REST at a real Envoy: what it refuses, and in which words. The engine behind it is one of ours with a Trading that echoes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from engine_server.bars.history import BarHistory, BarPage
from engine_server.bars.wishes import BarsNotInError
from engine_server.rpc.bar_desk import BarDesk
from tests.support.gateway_process import GatewayProcess
from tests.support.signing import Signing
from tests.unit.feed.instruments import instrument
from tradewinds import auth
from tradewinds.audit import source_of
from tradewinds.auth import TokenVerifier
from tradewinds.bars import Bar
from tradewinds.errors import InvalidArgumentError, NotFoundError
from tradewinds.grpc_server import GrpcServer, open_channel
from tradewinds.idempotency import request_id_of
from tradewinds.instruments import Instrument
from tradewinds.v1 import (
    market_data_pb2,
    market_data_pb2_grpc,
    strategy_runner_pb2_grpc,
    trading_pb2,
    trading_pb2_grpc,
)

BAD = "INVALID_ARGUMENT"
SBIN = instrument("NSE:SBIN-EQ", "3045")
OPENING = datetime.fromisoformat("2026-11-20T09:15:00+05:30")


class Trading(trading_pb2_grpc.TradingServicer):
    """As much of it as shows what arrives."""

    async def PlaceOrder(self, request: trading_pb2.PlaceOrderRequest, context: Any) -> trading_pb2.Order:  # noqa: N802
        if request.quantity <= 0:
            raise InvalidArgumentError.field("quantity", f"{request.quantity} is not a quantity")
        user_id = auth.principal().subject
        return trading_pb2.Order(
            order_id="o-1",
            request_id=request_id_of(request, context),
            quantity=request.quantity,
            user_id=user_id,
            message=f"asked from {source_of(context)}",
        )

    async def GetOrder(self, request: trading_pb2.GetOrderRequest, context: Any) -> trading_pb2.Order:  # noqa: N802
        raise NotFoundError(f"there is no order {request.order_id!r}", metadata={"order_id": request.order_id})

    async def WatchOrders(  # noqa: N802
        self, request: trading_pb2.WatchOrdersRequest, context: Any
    ) -> AsyncIterator[trading_pb2.WatchOrdersResponse]:
        for cursor in ("1", "2"):
            yield trading_pb2.WatchOrdersResponse(cursor=cursor)


class History:
    """Three bars of five minutes from 09:15 on; none of a day yet."""

    async def bars(
        self, instrument: Instrument, interval: str, start: datetime | None, end: datetime | None, limit: int, **_: bool
    ) -> BarPage:
        if interval == "1d":
            raise BarsNotInError("they are being fetched; try again")
        begins = [OPENING + timedelta(minutes=5 * n) for n in range(3)]
        begins = [at for at in begins if (start or OPENING) <= at and (end is None or at < end)]
        bars = [_bar(instrument, interval, at) for at in begins[:limit]]
        return BarPage(bars, begins[limit] if len(begins) > limit else None)


def _bar(instrument: Instrument, interval: str, at: datetime) -> Bar:
    return Bar(instrument.key, interval, int(at.timestamp() * 1000), 8_000_500, 8_010_000, 7_999_500, 8_005_000, 12_345)


class MarketData(market_data_pb2_grpc.MarketDataServicer):
    """Bars of SBIN, through the engine's own desk."""

    def __init__(self) -> None:
        self._desk = BarDesk(cast(BarHistory, History()))

    async def ListBars(  # noqa: N802
        self, request: market_data_pb2.ListBarsRequest, context: Any
    ) -> market_data_pb2.ListBarsResponse:
        return await self._desk.bars(request, SBIN)


@pytest.fixture
def signing(tmp_path: Path) -> Signing:
    return Signing(tmp_path)


@pytest.fixture
async def gateway(signing: Signing, tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    server = GrpcServer(TokenVerifier(signing.jwks_file))
    trading_pb2_grpc.add_TradingServicer_to_server(Trading(), server.server)
    market_data_pb2_grpc.add_MarketDataServicer_to_server(MarketData(), server.server)
    address = await server.start("127.0.0.1", 0, ["tradewinds.v1.Trading", "tradewinds.v1.MarketData"])
    async with GatewayProcess(tmp_path, signing.jwks_file, engine=address) as process:
        yield process
    await server.stop(0)


@pytest.fixture
async def rest(gateway: GatewayProcess, signing: Signing) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=gateway.url, headers=signing.header("alice"), timeout=20) as client:
        yield client


def assert_refused(answer: httpx.Response, status: int, code: int, reason: str) -> Any:
    """The one shape of every REST error; returns its details."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json"), answer.text
    body = answer.json()
    assert set(body) == {"code", "message", "details"}
    assert body["code"] == code
    assert body["message"]
    info = body["details"][0]
    assert info["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"
    assert (info["reason"], info["domain"]) == (reason, "tradewinds")
    return body["details"]


async def test_the_probe_is_answered_by_envoy_without_a_token(gateway: GatewayProcess) -> None:
    async with httpx.AsyncClient(base_url=gateway.url) as client:
        assert (await client.get("/healthz")).status_code == 200


async def test_a_request_without_a_good_token_is_401(gateway: GatewayProcess, signing: Signing) -> None:
    expired = f"Bearer {signing.token('alice', lifetime_seconds=-60)}"
    async with httpx.AsyncClient(base_url=gateway.url) as client:
        for headers in (
            {},
            {"authorization": expired},
            {"authorization": "Bearer abc"},
            {"authorization": "Basic YTpi"},
        ):
            for path in ("/v1/orders", "/v1/notifications/stream", "/v1/nonsense"):
                assert_refused(await client.get(path, headers=headers), 401, 16, "UNAUTHENTICATED")
        # A token in a query would end in logs.
        in_query = await client.get(f"/v1/orders?access_token={signing.token('alice')}")
        assert_refused(in_query, 401, 16, "UNAUTHENTICATED")


async def test_a_role_that_may_not_is_403(gateway: GatewayProcess, signing: Signing) -> None:
    async with httpx.AsyncClient(base_url=gateway.url, headers=signing.header("vera", "viewer")) as client:
        assert_refused(await client.post("/v1/orders", json={"quantity": "1"}), 403, 7, "PERMISSION_DENIED")
        # A reader may read: this one gets through to the service.
        assert_refused(await client.get("/v1/orders/o-9"), 404, 5, "NOT_FOUND")


async def test_what_is_not_there_is_404(rest: httpx.AsyncClient) -> None:
    for method, path in (
        ("GET", "/v1/nonsense"),
        ("PATCH", "/v1/orders"),
        ("GET", "/"),
        ("POST", "/v1/orders/o-1:nonsense"),
    ):
        assert_refused(await rest.request(method, path), 404, 5, "NOT_FOUND")


async def test_only_mapped_paths_take_json(rest: httpx.AsyncClient) -> None:
    assert_refused(await rest.post("/tradewinds.v1.Trading/PlaceOrder", json={"quantity": "1"}), 404, 5, "NOT_FOUND")


async def test_an_unknown_query_parameter_is_400(rest: httpx.AsyncClient) -> None:
    assert_refused(await rest.get("/v1/orders/o-1?colour=red"), 400, 3, BAD)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"quantity": "1", "trigger_pirce": "5"}', "trigger_pirce"),
        ('{"quantity": "1", "nonsense": {"a": [1]}}', "nonsense"),
        ("{quantity: 1}", "body"),
        ("{'quantity': 1}", "body"),
        ('{"quantity": "1"', "body"),
        ('{"quantity" "1"}', "quantity"),
        ("[" * 100, "body"),
    ],
)
async def test_an_unknown_field_or_broken_json_is_400_and_named(rest: httpx.AsyncClient, body: str, field: str) -> None:
    details = assert_refused(await rest.post("/v1/orders", content=body), 400, 3, BAD)
    assert details[1]["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert details[1]["field_violations"][0]["field"] == field


@pytest.mark.parametrize(
    "body",
    [
        '{"quantity": "1", "side": "SIDEWAYS"}',
        '{"quantity": "many"}',
        '{"quantity": {"a": 1}}',
        '["a"]',
        '{"quantity": "1"} x',
    ],
)
async def test_a_value_that_does_not_fit_is_400(rest: httpx.AsyncClient, body: str) -> None:
    assert_refused(await rest.post("/v1/orders", content=body), 400, 3, BAD)


async def test_nested_unknown_fields_are_refused_and_free_form_data_is_not(rest: httpx.AsyncClient) -> None:
    requests = [{"title": "a", "data": {"any": {"thing": [1, {}]}}}, {"titel": "b"}]
    details = assert_refused(await rest.post("/v1/notifications:batchSend", json={"requests": requests}), 400, 3, BAD)
    assert details[1]["field_violations"][0]["field"] == "requests[1].titel"
    # With the misspelling mended it goes on, to a notifier that is not there.
    requests[1] = {"title": "b"}
    good = await rest.post("/v1/notifications:batchSend", json={"requests": requests})
    assert_refused(good, 503, 14, "UNAVAILABLE")


async def test_a_good_body_arrives_in_either_spelling_and_comes_back_in_ours(rest: httpx.AsyncClient) -> None:
    for body in (
        '{"quantity":"7"}',
        ' { "quantity" : 7 , "requestId" : "r \\" } { 1" } ',
        '{"quantity":7,"price":null}',
    ):
        answer = await rest.post("/v1/orders", content=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["quantity"] == "7"
        assert answer.json()["user_id"] == "alice"
        # Empty fields are there, under the names of the contract.
        assert answer.json()["filled_quantity"] == "0"


async def test_the_idempotency_key_arrives_as_the_request_id(rest: httpx.AsyncClient) -> None:
    answer = await rest.post("/v1/orders", json={"quantity": "1"}, headers={"idempotency-key": "k-1"})
    assert answer.json()["request_id"] == "k-1"


@pytest.mark.parametrize("claimed", [{}, {"x-forwarded-for": "203.0.113.66"}])
async def test_the_source_is_who_connects_whatever_the_client_says_of_itself(
    rest: httpx.AsyncClient, claimed: dict[str, str]
) -> None:
    answer = await rest.post("/v1/orders", json={"quantity": "1"}, headers=claimed)
    assert answer.json()["message"] == "asked from 127.0.0.1"


async def test_a_services_error_comes_with_its_details(rest: httpx.AsyncClient) -> None:
    details = assert_refused(await rest.post("/v1/orders", json={}), 400, 3, BAD)
    assert details[1]["field_violations"][0] == {
        "field": "quantity",
        "description": "0 is not a quantity",
        "reason": "",
    }
    details = assert_refused(await rest.get("/v1/orders/o-9"), 404, 5, "NOT_FOUND")
    assert details[0]["metadata"] == {"order_id": "o-9"}


async def test_bars_come_in_pages_with_prices_as_texts_and_times_in_utc(rest: httpx.AsyncClient) -> None:
    asked = {"instrument": "SBIN", "interval": "5m", "start_time": "2026-11-20T09:15:00+05:30", "page_size": "2"}
    first = (await rest.get("/v1/bars", params=asked)).json()
    assert (first["instrument"], first["interval"]) == ("NSE:SBIN-EQ", "5m")
    assert [bar["start_time"] for bar in first["bars"]] == ["2026-11-20T03:45:00Z", "2026-11-20T03:50:00Z"]
    assert first["bars"][0] == {
        "start_time": "2026-11-20T03:45:00Z",
        "open_price": "800.05",
        "high_price": "801.00",
        "low_price": "799.95",
        "close_price": "800.50",
        "volume": "12345",
        "open_interest": "0",
        "closed": True,
        "source": "STREAM",
        "complete": True,
    }
    as_it_is = await rest.get("/v1/bars?instrument=SBIN&interval=5m&page_size=2&start_time=2026-11-20T09:15:00+05:30")
    assert as_it_is.json() == first, "a plus need not be escaped"
    second = (await rest.get("/v1/bars", params={**asked, "page_token": first["next_page_token"]})).json()
    assert ([bar["start_time"] for bar in second["bars"]], second["next_page_token"]) == (["2026-11-20T03:55:00Z"], "")


async def test_bars_that_cannot_be_listed_say_which_parameter_or_to_try_again(rest: httpx.AsyncClient) -> None:
    details = assert_refused(await rest.get("/v1/bars?instrument=SBIN&page_token=x"), 400, 3, BAD)
    assert details[1]["field_violations"][0]["field"] == "page_token"
    assert_refused(await rest.get("/v1/bars?instrument=SBIN&start_time=yesterday"), 400, 3, BAD)
    assert_refused(await rest.get("/v1/bars?instrument=SBIN&color=red"), 400, 3, BAD)
    assert_refused(await rest.get("/v1/bars?instrument=SBIN&interval=1d"), 503, 14, "BARS_NOT_IN")


async def test_too_large_a_body_is_413(rest: httpx.AsyncClient) -> None:
    body = '{"request_id": "' + "x" * 2_000_000 + '"}'
    assert_refused(await rest.post("/v1/orders", content=body), 413, 3, "REQUEST_TOO_LARGE")


async def test_a_service_that_is_down_is_503(rest: httpx.AsyncClient) -> None:
    for path in ("/v1/notifications", "/v1/notifications/stream"):
        assert_refused(await rest.get(path), 503, 14, "UNAVAILABLE")


async def test_a_watch_over_rest_is_one_json_object_a_line(rest: httpx.AsyncClient) -> None:
    async with rest.stream("GET", "/v1/orders:watch") as answer:
        lines = [line async for line in answer.aiter_lines()]
    assert [httpx.Response(200, text=line).json()["cursor"] for line in lines] == ["1", "2"]


async def test_native_grpc_passes_on_the_same_port(gateway: GatewayProcess, signing: Signing) -> None:
    channel = open_channel(gateway.address)
    stub = trading_pb2_grpc.TradingStub(channel)
    metadata = auth.bearer(signing.token("alice"))
    order = await stub.PlaceOrder(trading_pb2.PlaceOrderRequest(quantity=3), metadata=metadata, timeout=5)
    assert (order.quantity, order.user_id) == (3, "alice")
    batches = stub.WatchOrders(trading_pb2.WatchOrdersRequest(), metadata=metadata)
    assert [batch.cursor async for batch in batches] == ["1", "2"]
    health = health_pb2_grpc.HealthStub(channel)
    answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=5)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    await channel.close()


async def test_a_native_refusal_is_a_grpc_status_with_plain_words(gateway: GatewayProcess, signing: Signing) -> None:
    channel = open_channel(gateway.address)
    stub = trading_pb2_grpc.TradingStub(channel)
    session = strategy_runner_pb2_grpc.StrategyRunnerStub(channel).Session
    viewer, runner = auth.bearer(signing.token("vera", "viewer")), auth.bearer(signing.token("r", "runner"))
    calls = [
        (stub.PlaceOrder(trading_pb2.PlaceOrderRequest(), timeout=5), grpc.StatusCode.UNAUTHENTICATED),
        (
            stub.PlaceOrder(trading_pb2.PlaceOrderRequest(), metadata=viewer, timeout=5),
            grpc.StatusCode.PERMISSION_DENIED,
        ),
        # A runner's session is the engine's own business, not the gateway's.
        (
            session(metadata=runner, timeout=5).read(),  # nothing is sent: a refusal may overtake what is
            grpc.StatusCode.PERMISSION_DENIED,
        ),
    ]
    for call, code in calls:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        assert refused.value.code() is code
        assert "{" not in (refused.value.details() or "")
    await channel.close()
