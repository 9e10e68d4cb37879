"""Good-till-triggered rules: create, modify, cancel, details, list."""

from __future__ import annotations

from aiohttp import web

from sandbox.http.endpoints import CANCEL_RULE, CREATE_RULE, MODIFY_RULE, RULE_DETAILS, RULE_LIST
from sandbox.http.envelope import BODY, BROKER, success

routes = web.RouteTableDef()


@CREATE_RULE.served_by(routes)
async def create_rule(request: web.Request) -> web.Response:
    """The id is a number, as captured; the documentation shows a text."""
    body = request[BODY]
    return success({"id": request.app[BROKER].trading.gtt.create(body).id})


@MODIFY_RULE.served_by(routes)
async def modify_rule(request: web.Request) -> web.Response:
    body = request[BODY]
    return success({"id": request.app[BROKER].trading.gtt.modify(body).id})


@CANCEL_RULE.served_by(routes)
async def cancel_rule(request: web.Request) -> web.Response:
    body = request[BODY]
    return success({"id": request.app[BROKER].trading.gtt.cancel(body).id})


@RULE_DETAILS.served_by(routes)
async def rule_details(request: web.Request) -> web.Response:
    broker, body = request.app[BROKER], request[BODY]
    return success(broker.trading.gtt.details(body).row(broker.settings.credentials.client_code))


@RULE_LIST.served_by(routes)
async def rule_list(request: web.Request) -> web.Response:
    broker, body = request.app[BROKER], request[BODY]
    code = broker.settings.credentials.client_code
    return success([rule.row(code) for rule in broker.trading.gtt.listed(body)])
