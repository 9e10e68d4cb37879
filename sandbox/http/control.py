"""What a real broker does not have: its clock, its truth log, its state and the hand at its app, for tests and the market clock."""

from __future__ import annotations

import json

from aiohttp import web

from sandbox.errors import RefusedError
from sandbox.http.envelope import BROKER
from sandbox.order_entry import read_new_order
from sandbox.orders import Origin

_PAGE = 10_000

routes = web.RouteTableDef()


@routes.get("/sandbox/clock")
async def clock(request: web.Request) -> web.Response:
    """Market and real time of one instant, rate, and a counter that grows when market time jumps."""
    return web.json_response(request.app[BROKER].clock.reading().published())


@routes.get("/sandbox/truth")
async def truth(request: web.Request) -> web.Response:
    """`?after=SEQ&kind=order,fill&limit=N` -> `{"records": [...], "last_seq": n, "more": bool}`; at most 10,000 a page."""
    try:
        after = max(0, int(request.query.get("after", "0")))
        limit = min(_PAGE, max(1, int(request.query.get("limit", _PAGE))))
    except ValueError:
        return web.json_response({"message": "after and limit are whole numbers"}, status=400)
    kinds = frozenset(kind for given in request.query.getall("kind", []) for kind in given.split(",") if kind)
    page = request.app[BROKER].truth.page(after, kinds, limit)
    return web.json_response({"records": page.records, "last_seq": page.last_seq, "more": page.more})


@routes.post("/sandbox/orders")
async def place_by_hand(request: web.Request) -> web.Response:
    """An order from the broker's own app: the body of placeOrder, no session, no registered address, no access rate."""
    broker = request.app[BROKER]
    try:
        body = json.loads(await request.read())
        if not isinstance(body, dict):
            raise TypeError("the body is no object")
        order = broker.desk.place(read_new_order(body, broker.universe), Origin.APP)
    except (ValueError, TypeError, RefusedError) as e:
        return web.json_response({"message": str(e)}, status=400)
    return web.json_response({"orderid": order.order_id, "uniqueorderid": order.unique_order_id})


@routes.delete("/sandbox/orders/{order_id:[0-9]+}")
async def cancel_by_hand(request: web.Request) -> web.Response:
    """A cancel from the broker's own app; 404 for what is not there or over."""
    broker = request.app[BROKER]
    order = broker.book.get(request.match_info["order_id"])
    if order is None or order.state.is_terminal:
        return web.json_response({"message": "no such order is open"}, status=404)
    broker.desk.request_cancel(order)
    return web.json_response({"orderid": order.order_id})


@routes.get("/sandbox/state")
async def state(request: web.Request) -> web.Response:
    """Clock, today's orders, positions, subscriptions."""
    return web.json_response(request.app[BROKER].summary())
