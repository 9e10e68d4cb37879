"""The Trading service: proto ⇄ domain. Orders go to the account's OMS; reads come from PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from engine_server.messages import orders as messages
from engine_server.oms.changing import ChangeRequest
from engine_server.oms.decisions import AccountDecisions
from engine_server.oms.directory import Caller
from engine_server.oms.domain.commands import CancelOrder, OrderRequest
from engine_server.oms.domain.protection import Quote
from engine_server.oms.guard_requests import GuardDesk
from engine_server.oms.queries import OrderFilter, OrderQueries, Page, page_key
from engine_server.oms.records import PositionRecord
from engine_server.oms.registry import AccountRegistry
from engine_server.rpc.account_reads import ByToken, funds_answer, holdings_answer
from engine_server.rpc.callers import actor_of, check_scope, current_caller
from engine_server.rpc.forwarding import answered_by_owner
from engine_server.rpc.guards import GuardsServicer
from engine_server.rpc.order_decisions import order_answer
from engine_server.rpc.order_watch import OrderWatch
from engine_server.rpc.peers import Peers
from tradewinds import paging
from tradewinds.errors import InvalidArgumentError
from tradewinds.idempotency import request_id_of
from tradewinds.v1 import trading_pb2 as pb

_LONGEST_REASON = 500


class QuoteSource(Protocol):
    """Last quotes, in the order asked for."""

    async def quotes(self, instruments: list[str]) -> list[Quote | None]:
        """None where there is none."""
        ...


class TradingServicer(GuardsServicer):
    """Every rpc of `Trading`. A caller sees own rows unless its role sees everything."""

    def __init__(
        self,
        orders: AccountRegistry,
        queries: OrderQueries,
        watch: OrderWatch,
        quotes: QuoteSource,
        by_token: ByToken,
        peers: Peers,
    ) -> None:
        super().__init__(AccountDecisions(orders, queries), queries, orders.accounts, peers)
        self._orders = orders
        self.guard_desk = GuardDesk(orders, queries)
        self._watch = watch
        self._quotes = quotes
        self._by_token = by_token

    async def PlaceOrder(self, request: pb.PlaceOrderRequest, context: Any) -> pb.Order:  # noqa: N802 - proto's name
        """Commit an intent; see the contract."""
        caller = current_caller(context)
        check_scope(caller, request.config_id, request.epoch)
        request.request_id = request_id_of(request, context)  # it may have come as a header, which stays here
        placed = self._orders.place(_order_request(request, caller, request.request_id), caller)
        return await answered_by_owner(
            order_answer(placed), self._peers, "Trading/PlaceOrder", request, pb.Order, context
        )

    async def CancelOrder(self, request: pb.CancelOrderRequest, context: Any) -> pb.Order:  # noqa: N802
        """Commit a wish to cancel."""
        caller = current_caller(context)
        check_scope(caller, request.config_id, request.epoch)
        command = CancelOrder(
            order_id=request.order_id,
            actor=actor_of(caller, request.config_id),
            reason=request.reason,
            config_id=request.config_id or None,
            epoch=request.epoch or None,
            external=request.external,
            source=caller.source,
        )
        cancelled = self._orders.cancel(command, caller)
        return await answered_by_owner(
            order_answer(cancelled), self._peers, "Trading/CancelOrder", request, pb.Order, context
        )

    async def ModifyOrder(self, request: pb.ModifyOrderRequest, context: Any) -> pb.Order:  # noqa: N802
        """Commit a wish to change."""
        caller = current_caller(context)
        check_scope(caller, request.config_id, request.epoch)
        change = ChangeRequest(
            order_id=request.order_id,
            actor=actor_of(caller, request.config_id),
            reason=request.reason,
            quantity=request.quantity or None,
            price=messages.optional_rupees(request.price, "price"),
            trigger_price=messages.optional_rupees(request.trigger_price, "trigger_price"),
            config_id=request.config_id or None,
            epoch=request.epoch or None,
            source=caller.source,
        )
        changed = self._orders.modify(change, caller)
        return await answered_by_owner(
            order_answer(changed), self._peers, "Trading/ModifyOrder", request, pb.Order, context
        )

    async def ListHoldings(self, request: pb.ListHoldingsRequest, context: Any) -> pb.ListHoldingsResponse:  # noqa: N802
        """What the account holds, as the broker says."""
        answer = holdings_answer(self._orders, self._by_token, current_caller(), request.account_id)
        return await answered_by_owner(
            answer, self._peers, "Trading/ListHoldings", request, pb.ListHoldingsResponse, context
        )

    async def GetFunds(self, request: pb.GetFundsRequest, context: Any) -> pb.Funds:  # noqa: N802
        """What the account can trade with, as the broker says."""
        answer = funds_answer(self._orders, current_caller(), request.account_id)
        return await answered_by_owner(answer, self._peers, "Trading/GetFunds", request, pb.Funds, context)

    async def GetOrder(self, request: pb.GetOrderRequest, context: Any) -> pb.Order:  # noqa: N802
        """One order."""
        return messages.order_message(await self._queries.visible_order(request.order_id, current_caller()))

    async def ListOrders(self, request: pb.ListOrdersRequest, context: Any) -> pb.ListOrdersResponse:  # noqa: N802
        """A page of orders, newest first."""
        size, page = _page(request.page_size, request.page_token)
        wanted = OrderFilter(
            account_ids=await self._visible(request.account_id),
            config_id=request.config_id,
            state=messages.state_name(request.state),
            start=messages.optional_moment(request, "start"),
            end=messages.optional_moment(request, "end"),
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
            accounts = visible if visible is not None else await self._every_account()
            rows = await self._queries.account_positions(accounts)
            return pb.ListPositionsResponse(positions=await self._with_unowned(accounts, await self._valued(rows)))
        return pb.ListPositionsResponse(positions=await self._valued(rows))

    async def WatchOrders(  # noqa: N802
        self, request: pb.WatchOrdersRequest, context: Any
    ) -> AsyncIterator[pb.WatchOrdersResponse]:
        """Snapshot, then changes, then the end in-band."""
        account = await self._orders.accounts.of_caller(current_caller(), request.account_id)
        async for response in self._watch.follow(account.account_id, request.cursor):
            yield response

    async def _with_unowned(self, accounts: Sequence[str], totals: list[pb.Position]) -> list[pb.Position]:
        owned = await self._queries.owned_quantities(accounts)
        for one in totals:
            line = (one.account_id, one.instrument, messages.product_name(one.product))
            one.unowned_quantity = one.net_quantity - owned.get(line, 0)
        return totals

    async def _valued(self, rows: list[PositionRecord]) -> list[pb.Position]:
        quotes = await self._quotes.quotes([row.instrument for row in rows])
        return [messages.position_message(row, quote) for row, quote in zip(rows, quotes, strict=True)]


def _order_request(request: pb.PlaceOrderRequest, caller: Caller, request_id: str) -> OrderRequest:
    return OrderRequest(
        request_id=request_id,
        actor=actor_of(caller, request.config_id),
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
        reduce_only=request.reduce_only,
        reason=_reason(request.reason),
        source=caller.source,
    )


def _reason(text: str) -> str:
    if len(text) > _LONGEST_REASON:
        raise InvalidArgumentError.field(
            "reason", f"has {len(text)} characters; at most {_LONGEST_REASON} go into the audit"
        )
    return text.strip()


def _page(requested_size: int, token: str) -> tuple[int, Page]:
    """The size to serve, and the page to read: one row more tells whether there is a next one."""
    size = paging.page_size(requested_size)
    return size, Page(size + 1, paging.decode_token(token, 2))
