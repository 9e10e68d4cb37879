"""Other engines: what one cannot answer itself it passes on, once, in the caller's name, so that any engine answers anything."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import grpc
from google.protobuf.message import Message

from tradewinds.audit import source_of
from tradewinds.errors import UnavailableError, from_rpc_error
from tradewinds.grpc_server import open_channel
from tradewinds.telemetry import get_logger

MessageT = TypeVar("MessageT", bound=Message)

log = get_logger("peers")

_HOP: Final = "x-forwarded-by"
_SECONDS: Final = 15.0  # the other side's own limits are shorter
_UNANSWERED: Final = frozenset(
    {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}
)


class Peers:
    """Channels to other engines, by address."""

    def __init__(self, engine_id: str) -> None:
        self._engine_id = engine_id
        self._channels: dict[str, Any] = {}

    @staticmethod
    def may_forward(context: Any) -> bool:
        """A call is passed on once: two engines that each take the other for the owner must not play ball."""
        return all(key != _HOP for key, _ in context.invocation_metadata())

    async def call(
        self, address: str, method: str, request: Message, response_class: type[MessageT], context: Any
    ) -> MessageT:
        """The other engine's answer to `/tradewinds.v1.METHOD`. Raises its error, or `UnavailableError` PEER_UNREACHABLE: then the call may
        have taken effect."""
        if address not in self._channels:
            self._channels[address] = open_channel(address)
        stub = self._channels[address].unary_unary(
            f"/tradewinds.v1.{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=response_class.FromString,
        )
        caller = [(key, value) for key, value in context.invocation_metadata() if key == "authorization"]
        caller.append(("x-forwarded-for", source_of(context)))  # the audit wants the caller's address, not ours
        try:
            response: MessageT = await stub(request, metadata=(*caller, (_HOP, self._engine_id)), timeout=_SECONDS)
        except grpc.aio.AioRpcError as e:
            error = from_rpc_error(e)
            if e.code() in _UNANSWERED and error.reason == type(error).reason:  # no engine's own words
                log.warning_throttled("unreachable", address=address, code=e.code().name)
                raise UnavailableError(
                    f"the engine at {address} does not answer; try again with the same request_id",
                    reason="PEER_UNREACHABLE",
                ) from e
            raise error from e
        return response

    async def close(self) -> None:
        """Close the channels."""
        for channel in self._channels.values():
            await channel.close()
