"""The HTTP application: every route of the broker, on one port with both sockets."""

from __future__ import annotations

from aiohttp import web

from sandbox.broker import Broker
from sandbox.http import (
    auth,
    calculators,
    control,
    derivatives,
    edis,
    faults,
    gtt,
    history,
    market_data,
    orders,
    portfolio,
)
from sandbox.http.disturbances import disturbed
from sandbox.http.envelope import BROKER
from sandbox.http.gate import answered, gateway, recorded


def make_app(broker: Broker) -> web.Application:
    """REST, `/smart-stream`, `/smart-order-update`, the scrip master and `/sandbox/*`."""
    app = web.Application(middlewares=[recorded, disturbed, answered, gateway])
    app[BROKER] = broker
    orders.prepare(app)
    for room in (auth, orders, portfolio, calculators, gtt, derivatives, market_data, history, edis, control, faults):
        app.add_routes(room.routes)
    app.router.add_get("/smart-stream", broker.market_stream.serve)
    app.router.add_get("/smart-order-update", broker.order_stream.serve)
    app.on_shutdown.append(_close_sockets)
    return app


async def _close_sockets(app: web.Application) -> None:
    """Clients hear a close (1001, going away), not a cut line."""
    await app[BROKER].market_stream.close()
    await app[BROKER].order_stream.close()
