"""What every REST request passes before its route: the truth log, the header checks, the address, the access rate."""

from __future__ import annotations

import json
import time
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from sandbox.broker import Broker
from sandbox.errors import GatewayRefusedError, RefusedError
from sandbox.faults.names import FaultName
from sandbox.http.endpoints import LOGIN, endpoint_of
from sandbox.http.envelope import BODY, BROKER, REFUSED, REQUEST_SEQ, SESSION, TOO_FAST, failure, refused
from sandbox.sessions import Standing, TokenState, TokenUse
from sandbox.truth import redacted

_REST, _SECURE = "/rest/", "/rest/secure/"
_NOT_RECORDED = ("/sandbox/", "/smart-stream", "/smart-order-update")
"""Our own control routes, and the sockets, which write their own records."""


@web.middleware
async def recorded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Write the request down before it is acted upon. Query strings are never kept: they carry tokens."""
    if request.path.startswith(_NOT_RECORDED):
        return await handler(request)
    mono_ns, wall_ns = time.monotonic_ns(), time.time_ns()
    body = request[BODY] = await _json_body(request)
    request[REQUEST_SEQ] = request.app[BROKER].truth.append(
        "request",
        route=request.path,
        method=request.method,
        client_ip=request.remote,
        received_mono_ns=mono_ns,
        received_wall_ns=wall_ns,
        body=redacted(body),
    )
    return await handler(request)


@web.middleware
async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever refuses a request becomes an answer, and a record."""
    try:
        return await handler(request)
    except RefusedError as e:
        _record_refusal(request, e.code, e.message)
        return refused(e)
    except web.HTTPException as e:
        if request.path.startswith(_NOT_RECORDED):
            raise
        return failure("AB2000", f"{request.method} {request.path} is not served here: {e.reason}", status=e.status)


@web.middleware
async def gateway(request: web.Request, handler: Handler) -> web.StreamResponse:
    """API key on every REST route; on the secure ones a living session, and a registered address where orders are taken."""
    if _REST not in request.path:
        return await handler(request)
    broker = request.app[BROKER]
    if not broker.sessions.knows_api_key(request.headers.get("X-PrivateKey", "")):
        raise GatewayRefusedError("AG8004", "Invalid API Key")
    if _SECURE in request.path:
        request[SESSION] = _living_session(request, broker)
    if not broker.rates.admit(_client_code(request, broker), _budgets(request)):
        _record_refusal(request, "403", TOO_FAST)
        return web.Response(status=403, text=TOO_FAST)
    _check_may_trade(request, broker)
    return await handler(request)


def _living_session(request: web.Request, broker: Broker) -> str:
    if broker.faults.take(FaultName.SESSION_EXPIRE, request.path):
        broker.sessions.expire_all()
    token = request.headers.get("Authorization", "")
    if not token.removeprefix("Bearer").strip():
        raise GatewayRefusedError("AG8003", "Token missing")
    standing: Standing = broker.sessions.look_up(token, TokenUse.ACCESS)
    if standing.state is TokenState.EXPIRED:
        raise GatewayRefusedError("AG8002", "Token Expired")
    if not standing.is_valid:
        raise GatewayRefusedError("AG8001", "Invalid Token")
    return standing.session_id


def _check_may_trade(request: web.Request, broker: Broker) -> None:
    """Orders are taken from registered addresses (the TCP connection's, whatever the headers say) and from clients in good standing."""
    endpoint = endpoint_of(request)
    if endpoint is None or not endpoint.from_registered_address:
        return
    registered = broker.settings.static_ips
    unknown = bool(registered) and request.remote not in registered
    if unknown or broker.faults.take(FaultName.IP_REJECT, request.path):
        raise GatewayRefusedError("AG7002", "Access denied: Unregistered IP address. Register your IP before retrying.")
    if broker.faults.take(FaultName.CLIENT_BLOCK, request.path):
        raise RefusedError("AB1006", "Client Is Block For Trading")


def _budgets(request: web.Request) -> Any:
    endpoint = endpoint_of(request)
    return endpoint.budgets if endpoint else ()


def _client_code(request: web.Request, broker: Broker) -> str:
    """Whose rate it is. Everybody this broker does not know shares one."""
    known = broker.settings.credentials.client_code
    return known if endpoint_of(request) is not LOGIN or request[BODY].get("clientcode") == known else ""


def _record_refusal(request: web.Request, code: str, message: str) -> None:
    request[REFUSED] = True
    request.app[BROKER].truth.append("refusal", request_seq=request.get(REQUEST_SEQ, 0), code=code, message=message)


async def _json_body(request: web.Request) -> dict[str, Any]:
    """The body as an object; anything else is an empty one, and the route will miss its fields by name."""
    if not request.can_read_body:
        return {}
    try:
        body = json.loads(await request.read())
    except (ValueError, web.HTTPRequestEntityTooLarge):
        return {}
    return body if isinstance(body, dict) else {}
