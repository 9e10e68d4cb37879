"""What every REST request passes: the truth log, and the gateway's header checks."""

from __future__ import annotations

import json
import time
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from sandbox.errors import GatewayRefusedError, RefusedError
from sandbox.http.envelope import BODY, BROKER, SESSION, failure, refused
from sandbox.sessions import TokenUse
from sandbox.truth import redacted

_REST, _SECURE = "/rest/", "/rest/secure/"
_NOT_RECORDED = ("/sandbox/", "/smart-stream", "/smart-order-update")
"""Our own control routes, and the sockets, which write their own records."""


@web.middleware
async def recorded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Write the request down before it is acted upon, and its refusal after. Query strings are never kept: they carry tokens."""
    if request.path.startswith(_NOT_RECORDED):
        return await handler(request)
    mono_ns, wall_ns = time.monotonic_ns(), time.time_ns()
    body = request[BODY] = await _json_body(request)
    truth = request.app[BROKER].truth
    seq = truth.append(
        "request",
        route=request.path,
        method=request.method,
        client_ip=request.remote,
        received_mono_ns=mono_ns,
        received_wall_ns=wall_ns,
        body=redacted(body),
    )
    try:
        return await handler(request)
    except RefusedError as e:
        truth.append("refusal", request_seq=seq, code=e.code, message=e.message)
        return refused(e)
    except web.HTTPException as e:
        return failure("AB2000", f"{request.method} {request.path} is not served here: {e.reason}", status=e.status)


@web.middleware
async def gateway(request: web.Request, handler: Handler) -> web.StreamResponse:
    """API key on every REST route, a living session on the secure ones."""
    if _REST not in request.path:
        return await handler(request)
    sessions = request.app[BROKER].sessions
    if not sessions.knows_api_key(request.headers.get("X-PrivateKey", "")):
        raise GatewayRefusedError("AG8004", "Invalid API Key")
    if _SECURE in request.path:
        token = request.headers.get("Authorization", "")
        if not token:
            raise GatewayRefusedError("AG8003", "Token missing")
        session_id = sessions.session_of(token, TokenUse.ACCESS)
        if session_id is None:
            raise GatewayRefusedError("AG8001", "Invalid Token")
        request[SESSION] = session_id
    return await handler(request)


async def _json_body(request: web.Request) -> dict[str, Any]:
    """The body as an object; anything else is an empty one, and the route will miss its fields by name."""
    if request.method != "POST":
        return {}
    try:
        body = json.loads(await request.read())
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
