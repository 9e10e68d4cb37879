"""One connection to the gateway: every service's stub, the token on every call, typed errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any

import grpc

from tradewinds import auth, errors
from tradewinds.client.target import Target, find_target
from tradewinds.grpc_server import open_channel
from tradewinds.v1 import (
    market_data_pb2_grpc,
    notifier_pb2_grpc,
    operations_pb2_grpc,
    strategy_manager_pb2_grpc,
    trading_pb2_grpc,
)

CALL_SECONDS = 20.0


class Connection:
    """Use it with `async with`. `call` is for unary rpcs, `watch` for streams; both raise `TradewindsError`."""

    def __init__(self, target: Target | None = None) -> None:
        self.target = target or find_target()
        self._channel = open_channel(self.target.address)
        self._metadata = auth.bearer(self.target.token)
        self.strategies = strategy_manager_pb2_grpc.StrategyManagerStub(self._channel)
        self.trading = trading_pb2_grpc.TradingStub(self._channel)
        self.market_data = market_data_pb2_grpc.MarketDataStub(self._channel)
        self.notifier = notifier_pb2_grpc.NotifierStub(self._channel)
        self.operations = operations_pb2_grpc.OperationsStub(self._channel)

    async def call(self, method: Any, request: Any, *, timeout: float = CALL_SECONDS) -> Any:
        """Call one unary rpc, e.g. `call(connection.trading.ListOrders, ListOrdersRequest())`."""
        try:
            return await method(request, metadata=self._metadata, timeout=timeout)
        except grpc.aio.AioRpcError as e:
            raise errors.from_rpc_error(e) from e

    async def watch(self, method: Any, request: Any) -> AsyncIterator[Any]:
        """Follow one streaming rpc until it ends."""
        try:
            async for response in method(request, metadata=self._metadata):
                yield response
        except grpc.aio.AioRpcError as e:
            raise errors.from_rpc_error(e) from e

    async def close(self) -> None:
        """Release the channel."""
        await self._channel.close()

    async def __aenter__(self) -> Connection:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
