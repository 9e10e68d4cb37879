"""The Trading service: proto ⇄ domain. Orders go to the account's OMS; reads come from PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol

from engine_server.messages import orders as messages
from engine_server.oms.directory import AccountDirectory, Caller
from engine_server.oms.domain.commands import CancelOrder, OrderRequest
from engine_server.oms.domain.protection import Quote
from engine_server.oms.queries import OrderFilter, OrderQueries, Page, page_key
from engine_server.oms.records import OrderRecord, PositionRecord
from engine_server.oms.registry import AccountElsewhereError
from engine_server.rpc.order_watch import OrderWatch
from engine_server.rpc.peers import Peers
from tradewinds import auth, paging
from tradewinds.errors import InvalidArgumentError, NotFoundError
from tradewinds.idempotency import request_id_of
from tradewinds.v1 import trading_pb2 as pb
from tradewinds.v1 import trading_pb2_grpc


class Orders(Protocol):
    """Where orders go: the registry of accounts."""

    accounts: AccountDirectory

    async def place(self, request: OrderRequest, caller: Caller) -> OrderRecord:
        """The committed order."""
        ...

    async def cancel(self, command: CancelOrder, caller: Caller) -> OrderRecord:
        """The order with its wish to cancel."""
        ...


class QuoteSource(Protocol):
    """Last quotes, in the order asked for."""

    async def quotes(self, instruments: list[str]) -> list[Quote | None]:
        """None where there is none."""
        ...


class TradingServicer(trading_pb2_grpc.TradingServicer):
    """Every rpc of `Trading`. A caller sees own rows unless its role sees everything."""

    def __init__(
        self, orders: Orders, queries: OrderQueries, watch: OrderWatch, quotes: QuoteSource, peers: Peers
    ) -> None:
        self._orders = orders
        self._peers = peers
        self._queries = queries
        self._watch = watch
        self._quotes = quotes

    async def PlaceOrder(self, request: pb.PlaceOrderRequest, context: Any) -> pb.Order:  # noqa: N802 - proto's name
        """Commit an intent; see the contract."""
        caller = _caller()
        _check_scope(caller, request.config_id, request.epoch)
        request_id = request_id_of(request, context)
        try:
            order = await self._orders.place(_order_request(request, caller, request_id), caller)
        except AccountElsewhereError as e:
            request.request_id = request_id  # it may have come as a header, which stays here
            return await self._by_its_owner(e, "PlaceOrder", request, context)
        return messages.order_message(order)

    async def CancelOrder(self, request: pb.CancelOrderRequest, context: Any) -> pb.Order:  # noqa: N802
        """Commit a wish to cancel."""
        caller = _caller()
        _check_scope(caller, request.config_id, request.epoch)
        command = CancelOrder(
            order_id=request.order_id,
            actor=_actor(caller, request.config_id),
            reason=request.reason,
            config_id=request.config_id or None,
            epoch=request.epoch or None,
        )
        try:
            return messages.order_message(await self._orders.cancel(command, caller))
        except AccountElsewhereError as e:
            return await self._by_its_owner(e, "CancelOrder", request, context)

    async def GetOrder(self, request: pb.GetOrderRequest, context: Any) -> pb.Order:  # noqa: N802
        """One order."""
        caller = _caller()
        order = await self._queries.order(request.order_id)
        if order is None or not (caller.sees_everything or order.user_id == caller.subject):
            raise NotFoundError(f"order {request.order_id!r} does not exist")
        return messages.order_message(order)

    async def ListOrders(self, request: pb.ListOrdersRequest, context: Any) -> pb.ListOrdersResponse:  # noqa: N802
        """A page of orders, newest first."""
        size, page = _page(request.page_size, request.page_token)
        wanted = OrderFilter(
            account_ids=await self._visible(request.account_id),
            config_id=request.config_id,
            state=messages.state_name(request.state),
        )
        rows = await self._queries.orders(wanted, page)
        token = paging.encode_token(*page_key(rows[size - 1])) if len(rows) > size else ""
        return pb.ListOrdersResponse(orders=[messages.order_message(row) for row in rows[:size]], next_page_token=token)

    async def ListTrades(self, request: pb.ListTradesRequest, context: Any) -> pb.ListTradesResponse:  # noqa: N802
        """A page of trades, newest first."""
        size, page = _page(request.page_size, request.page_token)
        wanted = OrderFilter(
            account_ids=await self._visible(request.account_id),
            config_id=request.config_id,
            order_id=request.order_id,
        )
        rows = await self._queries.trades(wanted, page)
        token = paging.encode_token(*page_key(rows[size - 1])) if len(rows) > size else ""
        return pb.ListTradesResponse(trades=[messages.trade_message(row) for row in rows[:size]], next_page_token=token)

    async def ListPositions(self, request: pb.ListPositionsRequest, context: Any) -> pb.ListPositionsResponse:  # noqa: N802
        """A strategy's book, or totals of accounts, valued at the last prices."""
        visible = await self._visible(request.account_id)
        if request.config_id:
            rows = await self._queries.strategy_positions(request.config_id)
            rows = [row for row in rows if visible is None or row.account_id in visible]
        else:
            rows = await self._queries.account_positions(
                visible if visible is not None else await self._every_account()
            )
        return pb.ListPositionsResponse(positions=await self._valued(rows))

    async def WatchOrders(  # noqa: N802
        self, request: pb.WatchOrdersRequest, context: Any
    ) -> AsyncIterator[pb.WatchOrdersResponse]:
        """Snapshot, then changes, then the end in-band."""
        account = await self._orders.accounts.of_caller(_caller(), request.account_id)
        async for response in self._watch.follow(account.account_id, request.cursor):
            yield response

    async def _by_its_owner(self, error: AccountElsewhereError, name: str, request: Any, context: Any) -> pb.Order:
        """The answer of the engine that owns the account; `error` where there is none to ask."""
        if not error.owner_address or not self._peers.may_forward(context):
            raise error
        return await self._peers.call(error.owner_address, f"Trading/{name}", request, pb.Order, context)

    async def _visible(self, account_id: str) -> list[str] | None:
        """The accounts that a list may show; None means all."""
        caller = _caller()
        if account_id:
            return [(await self._orders.accounts.of_caller(caller, account_id)).account_id]
        if caller.sees_everything:
            return None
        return [account.account_id for account in await self._orders.accounts.of_user(caller)]

    async def _every_account(self) -> list[str]:
        return [account.account_id for account in await self._orders.accounts.refresh()]

    async def _valued(self, rows: list[PositionRecord]) -> list[pb.Position]:
        quotes = await self._quotes.quotes([row.instrument for row in rows])
        return [messages.position_message(row, quote) for row, quote in zip(rows, quotes, strict=True)]


def _caller() -> Caller:
    principal = auth.principal()
    return Caller(
        subject=principal.subject,
        sees_everything=principal.sees_everything,
        is_runner=principal.has(auth.RUNNER),
    )


def _actor(caller: Caller, config_id: str) -> str:
    return f"config:{config_id}" if caller.is_runner else caller.subject


def _check_scope(caller: Caller, config_id: str, epoch: int) -> None:
    """A strategy's order carries its lease; a person's must not look like one."""
    if caller.is_runner:
        if not config_id:
            raise InvalidArgumentError.field("config_id", "is required from a runner")
        if epoch <= 0:
            raise InvalidArgumentError.field("epoch", "is required from a runner: the epoch of the strategy's lease")
        return
    if config_id:
        raise InvalidArgumentError.field("config_id", "is set by runners only; leave it empty")
    if epoch:
        raise InvalidArgumentError.field("epoch", "is set by runners only; leave it empty")


def _order_request(request: pb.PlaceOrderRequest, caller: Caller, request_id: str) -> OrderRequest:
    return OrderRequest(
        request_id=request_id,
        actor=_actor(caller, request.config_id),
        instrument=request.instrument,
        side=messages.side_name(request.side),
        quantity=request.quantity,
        order_type=messages.order_type_name(request.order_type),
        product=messages.product_name(request.product),
        price=messages.optional_rupees(request.price, "price"),
        trigger_price=messages.optional_rupees(request.trigger_price, "trigger_price"),
        account_id=request.account_id,
        config_id=request.config_id or None,
        epoch=request.epoch or None,
    )


def _page(requested_size: int, token: str) -> tuple[int, Page]:
    """The size to serve, and the page to read: one row more tells whether there is a next one."""
    size = paging.page_size(requested_size)
    return size, Page(size + 1, paging.decode_token(token, 2))
