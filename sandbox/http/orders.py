"""Place, modify, cancel; the order book and one order's details."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from aiohttp import web

from sandbox.broker import Broker
from sandbox.errors import RefusedError
from sandbox.faults.names import FaultName
from sandbox.http.endpoints import CANCEL_ORDER, GET_ORDER_BOOK, MODIFY_ORDER, ORDER_DETAILS, PLACE_ORDER
from sandbox.http.envelope import BODY, BROKER, success
from sandbox.order_entry import check_change_allowed, read_modification, read_new_order
from sandbox.orders import Order

routes = web.RouteTableDef()


class EncodedRows:
    """Order rows as JSON, each encoded once per change: a book of thousands is read every second, and most of it rests."""

    def __init__(self, row: Callable[[Order], dict[str, object]]) -> None:
        self._row_of = row
        self._rows: dict[str, tuple[Order, str]] = {}

    def encoded(self, orders: list[Order]) -> list[str]:
        self._rows = {order.order_id: self._row(order) for order in orders}
        return [text for _, text in self._rows.values()]

    def _row(self, order: Order) -> tuple[Order, str]:
        known = self._rows.get(order.order_id)
        return known if known and known[0] is order else (order, json.dumps(self._row_of(order)))


class LateOrders:
    """Orders that the order book does not show yet (fault `book_lag`); stream and details know them."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._hidden_until: dict[str, float] = {}

    def hide(self, order_id: str, seconds: float) -> None:
        self._hidden_until[order_id] = self._monotonic() + seconds

    def shown(self, orders: list[Order]) -> list[Order]:
        if not self._hidden_until:
            return orders
        now = self._monotonic()
        self._hidden_until = {order_id: until for order_id, until in self._hidden_until.items() if until > now}
        return [order for order in orders if order.order_id not in self._hidden_until]


_ROWS: web.AppKey[EncodedRows] = web.AppKey("order_rows", EncodedRows)
_LATE: web.AppKey[LateOrders] = web.AppKey("late_orders", LateOrders)


def prepare(app: web.Application) -> None:
    """Give the application what these routes keep between requests."""
    app[_ROWS] = EncodedRows(app[BROKER].order_row)
    app[_LATE] = LateOrders()


@PLACE_ORDER.served_by(routes)
async def place_order(request: web.Request) -> web.Response:
    """`status: true` means that the message was taken, no more: the order may still be rejected."""
    broker = request.app[BROKER]
    order = broker.desk.place(read_new_order(request[BODY], broker.universe))
    if lag := broker.faults.take(FaultName.BOOK_LAG, request.path, about=order.order_id):
        request.app[_LATE].hide(order.order_id, lag.delay_seconds)
    return success({"script": order.symbol, "orderid": order.order_id, "uniqueorderid": order.unique_order_id})


@MODIFY_ORDER.served_by(routes)
async def modify_order(request: web.Request) -> web.Response:
    broker = request.app[BROKER]
    order = _known(broker, request)
    broker.desk.request_modify(order, read_modification(request[BODY], order))
    return success({"orderid": order.order_id, "uniqueorderid": order.unique_order_id})


@CANCEL_ORDER.served_by(routes)
async def cancel_order(request: web.Request) -> web.Response:
    broker = request.app[BROKER]
    order = _known(broker, request)
    check_change_allowed(order, str(request[BODY].get("variety")))
    broker.desk.request_cancel(order)
    return success({"orderid": order.order_id, "uniqueorderid": order.unique_order_id})


@GET_ORDER_BOOK.served_by(routes)
async def get_order_book(request: web.Request) -> web.Response:
    """Today's orders; null when there are none."""
    orders = request.app[_LATE].shown(request.app[BROKER].book.todays_orders())
    rows = request.app[_ROWS].encoded(orders)
    data = f"[{','.join(rows)}]" if rows else "null"
    text = f'{{"status":true,"message":"SUCCESS","errorcode":"","data":{data}}}'
    return web.Response(text=text, content_type="application/json")


@ORDER_DETAILS.served_by(routes)
async def order_details(request: web.Request) -> web.Response:
    """One order-book row. An unknown id is AB1007 here (captured), where modify and cancel say AB1013."""
    order = request.app[BROKER].book.by_uuid(request.match_info["unique_order_id"])
    if order is None:
        raise RefusedError("AB1007", "Order not found")
    return success(request.app[BROKER].order_row(order))


def _known(broker: Broker, request: web.Request) -> Order:
    order = broker.book.get(str(request[BODY].get("orderid")))
    if order is None:
        raise RefusedError("AB1013", "Order not found")
    return order
