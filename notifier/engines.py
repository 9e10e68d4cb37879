"""The engines' public rpcs, called with the token of whoever acts: the same roles and rows as everywhere else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc

from tradewinds import auth, errors
from tradewinds.errors import UnavailableError
from tradewinds.grpc_server import open_channel
from tradewinds.v1.market_data_pb2_grpc import MarketDataStub
from tradewinds.v1.operations_pb2_grpc import OperationsStub
from tradewinds.v1.strategy_manager_pb2_grpc import StrategyManagerStub
from tradewinds.v1.trading_pb2_grpc import TradingStub

_CALL_SECONDS: Final = 8.0
_PATIENCE_SECONDS: Final = 20.0
_PAUSE_SECONDS: Final = 0.5


@dataclass(frozen=True)
class Speaker:
    """In whose name, and from where."""

    token: str
    source: str

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The engine's audit log gets the source where it has an address otherwise."""
        return (*auth.bearer(self.token), ("x-forwarded-for", self.source))


class _Engine:
    def __init__(self, address: str) -> None:
        self.channel = open_channel(address)
        self.strategies = StrategyManagerStub(self.channel)
        self.operations = OperationsStub(self.channel)
        self.trading = TradingStub(self.channel)
        self.market_data = MarketDataStub(self.channel)


class Engines:
    """Any of them answers anything."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._engines = [_Engine(address) for address in addresses]

    async def call(self, method: Callable[[Any], Any], request: Any, speaker: Speaker) -> Any:
        """Call `method(engine)`, e.g. `lambda e: e.operations.GetHealth`, at one engine after the other until one answers. What changes
        something carries a request id, so that it is done once. Raises `TradewindsError`.
        """
        deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        while True:
            for engine in self._engines:
                try:
                    return await method(engine)(request, metadata=speaker.metadata, timeout=_CALL_SECONDS)
                except grpc.aio.AioRpcError as e:
                    error = errors.from_rpc_error(e)
                    if e.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                        raise error from e
            if asyncio.get_running_loop().time() >= deadline:
                raise UnavailableError(
                    f"no engine has answered ({error}); whether it was done is not known: look at /status"
                )
            await asyncio.sleep(_PAUSE_SECONDS)

    async def close(self) -> None:
        """Release the channels."""
        for engine in self._engines:
            await engine.channel.close()
