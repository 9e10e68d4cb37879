"""`OrderCalls` over gRPC: PlaceOrder, ModifyOrder, CancelOrder and CreateGuard with the strategy's id and epoch, on one channel."""

from __future__ import annotations

from typing import Any, Final

import grpc

from strategy_runner.engines import Engines
from strategy_runner.order_calls import RefusedError, UnansweredError
from tradewinds.auth import bearer
from tradewinds.errors import from_rpc_error
from tradewinds.sdk.commands import ModifyOrder, PlaceOrder, ProtectPosition
from tradewinds.v1 import trading_pb2, trading_pb2_grpc

_CALL_SECONDS: Final = 3.0

# Answers of the engine itself that nothing was stored. Everything else may come from half-way: the call may have worked.
_REFUSALS: Final = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)


class EngineCalls:
    """The engine's Trading service, as a runner calls it."""

    def __init__(self, engines: Engines, token: str) -> None:
        self._engines = engines
        self._metadata = bearer(token)

    async def place(self, config_id: str, epoch: int, order: PlaceOrder) -> str:
        """See `OrderCalls`."""
        request = trading_pb2.PlaceOrderRequest(
            request_id=order.request_id,
            config_id=config_id,
            epoch=epoch,
            instrument=order.instrument,
            side=f"SIDE_{order.side}",
            quantity=order.quantity,
            order_type=f"ORDER_TYPE_{order.order_type}",
            product=f"PRODUCT_{order.product}",
            price=order.price,
            trigger_price=order.trigger_price,
            reason=order.reason,
        )
        answer = await self._call("PlaceOrder", request)
        return str(answer.order_id)

    async def modify(self, config_id: str, epoch: int, order_id: str, change: ModifyOrder) -> None:
        """See `OrderCalls`."""
        request = trading_pb2.ModifyOrderRequest(
            order_id=order_id,
            quantity=change.quantity,
            price=change.price,
            trigger_price=change.trigger_price,
            reason="asked by the strategy",
            config_id=config_id,
            epoch=epoch,
        )
        await self._call("ModifyOrder", request)

    async def protect(self, config_id: str, epoch: int, wish: ProtectPosition) -> str:
        """See `OrderCalls`."""
        request = trading_pb2.CreateGuardRequest(
            config_id=config_id,
            epoch=epoch,
            instrument=wish.instrument,
            product=f"PRODUCT_{wish.product}",
            stop_price=wish.stop_price,
            target_price=wish.target_price,
            trail=wish.trail,
            reason="asked by the strategy",
        )
        return str((await self._call("CreateGuard", request)).state)

    async def cancel(self, config_id: str, epoch: int, order_id: str) -> None:
        """See `OrderCalls`."""
        request = trading_pb2.CancelOrderRequest(
            order_id=order_id, reason="asked by the strategy", config_id=config_id, epoch=epoch
        )
        await self._call("CancelOrder", request)

    async def _call(self, method: str, request: Any) -> Any:
        stub = trading_pb2_grpc.TradingStub(self._engines.order_channel)
        try:
            return await getattr(stub, method)(request, timeout=_CALL_SECONDS, metadata=self._metadata)
        except grpc.aio.AioRpcError as e:
            if e.code() in _REFUSALS:
                error = from_rpc_error(e)
                raise RefusedError(error.reason, error.message) from e
            raise UnansweredError(f"{e.code().name}: {e.details()}") from e
