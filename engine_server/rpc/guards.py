"""The part of the Trading service that guards positions: proto ⇄ domain."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from engine_server.messages import orders as messages
from engine_server.oms.guard_requests import GuardDesk, GuardRequest
from engine_server.oms.records import GuardRecord
from engine_server.rpc.callers import actor_of, check_scope, current_caller
from engine_server.rpc.forwarding import answered_by_owner
from engine_server.rpc.order_decisions import OrderDecisionsServicer
from tradewinds.errors import InvalidArgumentError
from tradewinds.v1 import trading_pb2 as pb


class GuardsServicer(OrderDecisionsServicer):
    """Guards of strategies and of people; `guard_desk` is set by the service that this is a part of."""

    guard_desk: GuardDesk

    async def CreateGuard(self, request: pb.CreateGuardRequest, context: Any) -> pb.Guard:  # noqa: N802 - proto's name
        """Guard it, or move the guard that is there."""
        caller = current_caller(context)
        check_scope(caller, request.config_id, request.epoch)
        stop_price = messages.optional_rupees(request.stop_price, "stop_price")
        if stop_price is None:
            raise InvalidArgumentError.field("stop_price", "is required: where shall it get out?")
        wanted = GuardRequest(
            actor=actor_of(caller, request.config_id),
            instrument=request.instrument,
            product=messages.product_name(request.product),
            stop_price=stop_price,
            target_price=messages.optional_rupees(request.target_price, "target_price"),
            trail=messages.optional_rupees(request.trail, "trail"),
            reason=request.reason,
            account_id=request.account_id,
            config_id=request.config_id or None,
            epoch=request.epoch or None,
            source=caller.source,
        )
        answer = _message(self.guard_desk.create(wanted, caller))
        return await answered_by_owner(answer, self._peers, "Trading/CreateGuard", request, pb.Guard, context)

    async def ListGuards(self, request: pb.ListGuardsRequest, context: Any) -> pb.ListGuardsResponse:  # noqa: N802
        """Guards of the caller's accounts."""
        visible = await self._visible(request.account_id)
        accounts = visible if visible is not None else await self._every_account()
        found = await self._queries.guards(accounts, request.config_id, ended=request.ended)
        return pb.ListGuardsResponse(guards=[messages.guard_message(guard) for guard in found])

    async def CancelGuard(self, request: pb.CancelGuardRequest, context: Any) -> pb.Guard:  # noqa: N802
        """Guard it no more."""
        caller = current_caller(context)
        check_scope(caller, request.config_id, request.epoch)
        cancelled = self.guard_desk.cancel(
            request.guard_id,
            request.config_id or None,
            request.epoch or None,
            actor_of(caller, request.config_id),
            request.reason,
            caller,
        )
        return await answered_by_owner(
            _message(cancelled), self._peers, "Trading/CancelGuard", request, pb.Guard, context
        )


async def _message(guard: Awaitable[GuardRecord]) -> pb.Guard:
    return messages.guard_message(await guard)
