"""What a real broker does not have: its clock, its truth log and its state, for tests and for the engine's market clock."""

from __future__ import annotations

from aiohttp import web

from sandbox.http.envelope import BROKER

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


@routes.get("/sandbox/state")
async def state(request: web.Request) -> web.Response:
    """Clock, today's orders, positions, subscriptions."""
    return web.json_response(request.app[BROKER].summary())
