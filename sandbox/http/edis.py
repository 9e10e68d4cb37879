"""verifyDis, generateTPIN, getTranStatus."""

from __future__ import annotations

from aiohttp import web

from sandbox.body_fields import text_of
from sandbox.http.endpoints import GENERATE_TPIN, GET_TRAN_STATUS, VERIFY_DIS
from sandbox.http.envelope import BODY, BROKER, success

routes = web.RouteTableDef()


@VERIFY_DIS.served_by(routes)
async def verify_dis(request: web.Request) -> web.Response:
    body = request[BODY]
    return success(request.app[BROKER].edis.verify(text_of(body, "isin"), text_of(body, "quantity")))


@GENERATE_TPIN.served_by(routes)
async def generate_tpin(request: web.Request) -> web.Response:
    body = request[BODY]
    request.app[BROKER].edis.generate_tpin(*(text_of(body, name) for name in ("ReqId", "dpId", "boid")))
    return success(None)


@GET_TRAN_STATUS.served_by(routes)
async def get_tran_status(request: web.Request) -> web.Response:
    body = request[BODY]
    return success(request.app[BROKER].edis.status(text_of(body, "ReqId")))
