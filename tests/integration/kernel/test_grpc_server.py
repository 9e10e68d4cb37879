"""The one interceptor: a real server and a real channel, every way that a call can go."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.datastores import temporary_state_dir
from tradewinds import auth, errors
from tradewinds.auth import TokenVerifier, bearer
from tradewinds.embedded.installation import Installation
from tradewinds.grpc_server import GrpcServer, open_channel
from tradewinds.v1 import operations_pb2, operations_pb2_grpc, trading_pb2, trading_pb2_grpc


class Operations(operations_pb2_grpc.OperationsServicer):
    async def GetHealth(self, request: Any, context: Any) -> operations_pb2.GetHealthResponse:  # noqa: N802
        return operations_pb2.GetHealthResponse(problems=[auth.principal().subject])

    async def ListRunners(self, request: Any, context: Any) -> Any:  # noqa: N802
        raise errors.InvalidArgumentError.field("page_size", "is negative; use 0", reason="BAD_PAGE")

    async def ListBrokerAccounts(self, request: Any, context: Any) -> Any:  # noqa: N802
        raise RuntimeError("a bug that says too much: hunter2")


class Trading(trading_pb2_grpc.TradingServicer):
    async def WatchOrders(self, request: Any, context: Any) -> AsyncIterator[trading_pb2.WatchOrdersResponse]:  # noqa: N802
        yield trading_pb2.WatchOrdersResponse(cursor=auth.principal().subject)
        raise errors.PreconditionError("the gate closed", reason="GATE_CLOSED", metadata={"account_id": "A"})


@pytest.fixture
def installation() -> Iterator[Installation]:
    with temporary_state_dir() as folder:
        made = Installation(folder)
        made.prepare()
        yield made


@pytest.fixture
async def channel(installation: Installation) -> AsyncIterator[Any]:
    server = GrpcServer(TokenVerifier(installation.jwks_file))
    operations_pb2_grpc.add_OperationsServicer_to_server(Operations(), server.server)
    trading_pb2_grpc.add_TradingServicer_to_server(Trading(), server.server)
    address = await server.start("127.0.0.1", 0, ["tradewinds.v1.Operations", "tradewinds.v1.Trading"])
    async with open_channel(address) as opened:
        yield opened
    await server.stop(0)


@pytest.fixture
def metadata(installation: Installation) -> Any:
    return bearer(installation.token("asha", (auth.TRADER,), timedelta(hours=1)))


async def failure(call: Any) -> errors.TradewindsError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return errors.from_rpc_error(raised.value)


async def test_a_handler_knows_who_calls(channel: Any, metadata: Any) -> None:
    stub = operations_pb2_grpc.OperationsStub(channel)
    response = await stub.GetHealth(operations_pb2.GetHealthRequest(), metadata=metadata)
    assert list(response.problems) == ["asha"]


async def test_a_call_without_a_token_is_unauthenticated(channel: Any) -> None:
    stub = operations_pb2_grpc.OperationsStub(channel)
    assert isinstance(await failure(stub.GetHealth(operations_pb2.GetHealthRequest())), errors.UnauthenticatedError)


async def test_a_role_that_may_not_is_denied(channel: Any, installation: Installation) -> None:
    stub = operations_pb2_grpc.OperationsStub(channel)
    runner = bearer(installation.token("r", (auth.RUNNER,), timedelta(hours=1)))
    error = await failure(stub.GetHealth(operations_pb2.GetHealthRequest(), metadata=runner))
    assert error.reason == "PERMISSION_DENIED"


async def test_reason_and_fields_reach_the_caller_typed(channel: Any, metadata: Any) -> None:
    stub = operations_pb2_grpc.OperationsStub(channel)
    error = await failure(stub.ListRunners(operations_pb2.ListRunnersRequest(), metadata=metadata))
    assert isinstance(error, errors.InvalidArgumentError)
    assert error.reason == "BAD_PAGE"
    assert error.violations == (errors.FieldViolation("page_size", "is negative; use 0"),)


async def test_a_bug_is_internal_and_tells_nothing(channel: Any, metadata: Any) -> None:
    stub = operations_pb2_grpc.OperationsStub(channel)
    error = await failure(stub.ListBrokerAccounts(operations_pb2.ListBrokerAccountsRequest(), metadata=metadata))
    assert error.reason == "INTERNAL"
    assert "hunter2" not in error.message


async def test_a_stream_ends_with_the_reason_after_its_items(channel: Any, metadata: Any) -> None:
    stub = trading_pb2_grpc.TradingStub(channel)
    seen: set[str] = set()

    async def follow() -> None:
        async for response in stub.WatchOrders(trading_pb2.WatchOrdersRequest(), metadata=metadata):
            seen.add(response.cursor)

    error = await failure(follow())
    assert seen == {"asha"}
    assert (error.reason, error.metadata) == ("GATE_CLOSED", {"account_id": "A"})


async def test_probes_need_no_token(channel: Any) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    for service in ("", "tradewinds.v1.Trading"):
        response = await stub.Check(health_pb2.HealthCheckRequest(service=service))
        assert response.status == health_pb2.HealthCheckResponse.SERVING


async def test_an_occupied_port_is_a_configuration_error_that_names_it() -> None:
    first, second = GrpcServer(), GrpcServer()
    address = await first.start("127.0.0.1", 0, ())
    try:
        with pytest.raises(errors.ConfigurationError, match="GRPC_PORT"):
            await second.start("127.0.0.1", int(address.rpartition(":")[2]), ())
    finally:
        await first.stop(0)
        await second.server.stop(0)


async def test_no_number_of_pings_costs_a_connection() -> None:
    """Those that piled up in the socket of a frozen server are read at once when it thaws, as if they had been sent so."""
    server, frame = GrpcServer(), struct.Struct(">BHBBi")  # length in three bytes, type, flags, stream
    settings, ping, goaway = 4, 6, 7
    address = await server.start("127.0.0.1", 0, ())
    reader, writer = await asyncio.open_connection(*address.split(":"))
    another = frame.pack(0, 8, ping, 0, 0) + bytes(8)
    try:
        async with asyncio.timeout(5):
            writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame.pack(0, 0, settings, 0, 0))
            answered = 0
            while answered < 20:
                high, low, kind, flags, _ = frame.unpack(await reader.readexactly(frame.size))
                payload = await reader.readexactly((high << 16) + low)
                assert kind != goaway, payload
                answered += (kind, flags) == (ping, 1)
                if (kind, flags) in ((settings, 1), (ping, 1)):
                    writer.write(another)
    finally:
        writer.close()
        await server.stop(0)
