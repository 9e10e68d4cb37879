"""The part of the Trading service that people use when something is not as it should be: proto ⇄ domain."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from engine_server.messages import orders as messages
from engine_server.oms.directory import AccountDirectory, Caller
from engine_server.oms.domain.commands import Adjustment, Resolution
from engine_server.oms.domain.holds import Hold
from engine_server.oms.domain.story import summary
from engine_server.oms.queries import OrderFilter, OrderQueries, Page
from engine_server.oms.records import ZERO, OrderRecord
from engine_server.rpc.callers import current_caller, required_text
from engine_server.rpc.forwarding import answered_by_owner
from engine_server.rpc.peers import Peers
from tradewinds.errors import InvalidArgumentError
from tradewinds.idempotency import request_id_of
from tradewinds.v1 import trading_pb2 as pb
from tradewinds.v1 import trading_pb2_grpc

_TRADES_OF_ONE_ORDER = 500


class Decisions(Protocol):
    """What people decide (`AccountDecisions`)."""

    async def resolve(self, command: Resolution, caller: Caller) -> OrderRecord:
        """What became of an UNKNOWN order."""
        ...

    async def release_hold(self, caller: Caller, account_id: str, kind: str, subject_id: str, reason: str) -> Hold:
        """Entries may go again."""
        ...

    async def attribute(self, caller: Caller, order_id: str, config_id: str, reason: str) -> OrderRecord:
        """What it fills is that strategy's."""
        ...

    async def adjust(self, command: Adjustment, caller: Caller) -> OrderRecord:
        """A change of the books by hand."""
        ...

    async def convert(self, command: Adjustment, to_product: str, caller: Caller) -> Sequence[OrderRecord]:
        """A part of a position becomes another product's."""
        ...


class OrderDecisionsServicer(trading_pb2_grpc.TradingServicer):
    """Resolving, explaining, holds, and the books by hand."""

    def __init__(self, decisions: Decisions, queries: OrderQueries, accounts: AccountDirectory, peers: Peers) -> None:
        self._decisions = decisions
        self._queries = queries
        self._accounts = accounts
        self._peers = peers

    async def ResolveOrder(self, request: pb.ResolveOrderRequest, context: Any) -> pb.Order:  # noqa: N802 - proto's name
        """A person found out what became of it."""
        caller = current_caller(context)
        command = Resolution(
            order_id=request.order_id,
            actor=caller.subject,
            reason=required_text(request.reason, "reason"),
            broker_order_id=request.placed_as.strip(),
            source=caller.source,
        )
        answer = order_answer(self._decisions.resolve(command, caller))
        return await answered_by_owner(answer, self._peers, "Trading/ResolveOrder", request, pb.Order, context)

    async def ExplainOrder(self, request: pb.ExplainOrderRequest, context: Any) -> pb.ExplainOrderResponse:  # noqa: N802
        """Everything about one order."""
        order = await self._queries.visible_order(request.order_id, current_caller())
        trades = await self._queries.trades(OrderFilter(order_id=order.order_id), Page(_TRADES_OF_ONE_ORDER))
        lines = await self._queries.story(order.order_id)
        return pb.ExplainOrderResponse(
            order=messages.order_message(order),
            summary=summary(order),
            lines=[messages.story_message(line) for line in lines],
            trades=[messages.trade_message(trade) for trade in reversed(trades)],
            attempts=[messages.order_message(one) for one in await self._queries.attempts(order)],
        )

    async def ListHolds(self, request: pb.ListHoldsRequest, context: Any) -> pb.ListHoldsResponse:  # noqa: N802
        """What holds entries now."""
        visible = await self._visible(request.account_id)
        holds = await self._queries.holds(visible if visible is not None else await self._every_account())
        return pb.ListHoldsResponse(holds=[messages.hold_message(hold) for hold in holds])

    async def ReleaseHold(self, request: pb.ReleaseHoldRequest, context: Any) -> pb.Hold:  # noqa: N802
        """A person has settled it."""
        reason = required_text(request.reason, "reason")

        async def released() -> pb.Hold:
            asked = (current_caller(context), request.account_id, request.kind.upper(), request.subject_id, reason)
            return messages.hold_message(await self._decisions.release_hold(*asked))

        return await answered_by_owner(released(), self._peers, "Trading/ReleaseHold", request, pb.Hold, context)

    async def AttributePosition(self, request: pb.AttributePositionRequest, context: Any) -> pb.Order:  # noqa: N802
        """Whose it is."""
        reason = required_text(request.reason, "reason")
        asked = self._decisions.attribute(current_caller(context), request.order_id, request.config_id, reason)
        return await answered_by_owner(
            order_answer(asked), self._peers, "Trading/AttributePosition", request, pb.Order, context
        )

    async def AdjustPosition(self, request: pb.AdjustPositionRequest, context: Any) -> pb.Order:  # noqa: N802
        """Book by hand."""
        caller = current_caller(context)
        price = messages.optional_rupees(request.price, "price")
        if price is None or price < 0:
            raise InvalidArgumentError.field("price", "is required, in rupees; 0 where nothing was paid")
        command = _adjustment(request, caller, messages.product_name(request.product), context)
        command = replace(command, side=messages.side_name(request.side), price=price)
        answer = order_answer(self._decisions.adjust(command, caller))
        return await answered_by_owner(answer, self._peers, "Trading/AdjustPosition", request, pb.Order, context)

    async def ConvertPosition(  # noqa: N802
        self, request: pb.ConvertPositionRequest, context: Any
    ) -> pb.ConvertPositionResponse:
        """Ask the broker, and book it."""
        caller, to_product = current_caller(context), messages.product_name(request.to_product)
        command = _adjustment(request, caller, messages.product_name(request.from_product), context)
        if to_product == command.product:
            raise InvalidArgumentError.field("to_product", f"the position is {to_product} already")

        async def converted() -> pb.ConvertPositionResponse:
            booked = await self._decisions.convert(command, to_product, caller)
            return pb.ConvertPositionResponse(bookings=[messages.order_message(one) for one in booked])

        answer = converted()
        return await answered_by_owner(
            answer, self._peers, "Trading/ConvertPosition", request, pb.ConvertPositionResponse, context
        )

    async def _visible(self, account_id: str) -> Sequence[str] | None:
        """The accounts that a list may show; None means all."""
        caller = current_caller()
        if account_id:
            return [(await self._accounts.of_caller(caller, account_id)).account_id]
        if caller.sees_everything:
            return None
        return [account.account_id for account in await self._accounts.of_user(caller)]

    async def _every_account(self) -> list[str]:
        return [account.account_id for account in await self._accounts.refresh()]


async def order_answer(order: Awaitable[OrderRecord]) -> pb.Order:
    """An order, once it is there, as a message."""
    return messages.order_message(await order)


def _adjustment(
    request: pb.AdjustPositionRequest | pb.ConvertPositionRequest, caller: Caller, product: str, context: Any
) -> Adjustment:
    """What both have in common; side and price are filled in by what they are."""
    if request.quantity <= 0:
        raise InvalidArgumentError.field("quantity", f"must be positive, was {request.quantity}")
    request_id = request.request_id = request_id_of(request, context)
    if not request_id:
        raise InvalidArgumentError.field("request_id", "is required: the same id never books twice")
    return Adjustment(
        request_id=request_id,
        account_id=request.account_id,
        user_id="",
        actor=caller.subject,
        reason=required_text(request.reason, "reason"),
        config_id=request.config_id,
        instrument=request.instrument,
        product=product,
        side="BUY",
        quantity=request.quantity,
        price=ZERO,
        source=caller.source,
    )
