"""Faults at the HTTP door: before a request is acted upon, and on the way of its answer back.

What loses an answer strikes only requests that were really carried out, so that "accepted, and nobody heard of it" is
certain; `late_reply` lets the order's events overtake the reply.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from sandbox.faults.names import FaultName
from sandbox.faults.register import Fault, Faults
from sandbox.http.endpoints import endpoint_of
from sandbox.http.envelope import BROKER, REFUSED, TOO_FAST

_LONGEST_SILENCE_SECONDS = 120.0
_LOOK_SECONDS = 0.05
_REJECTED_PAGE = (
    "<html><head><title>Request Rejected</title></head><body>The requested URL was rejected. Please consult with your "
    "administrator.<br><br>Your support ID is: 6837423563210091417<br><br><a href='javascript:history.back();'>[Go Back]</a>"
    "</body></html>"
)
"""As the F5 in front of the broker answers, with HTTP 200."""
_GATEWAY_TIMEOUT_PAGE = (
    "<html>\r\n<head><title>504 Gateway Time-out</title></head>\r\n<body>\r\n<center><h1>504 Gateway Time-out</h1>"
    "</center>\r\n</body>\r\n</html>\r\n"
)

_After = Callable[[web.Request, web.Response, Fault], Awaitable[web.Response]]


@web.middleware
async def disturbed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Ask the register, before and after; most of the time there is nothing in it."""
    faults = request.app[BROKER].faults
    if faults.none_stands or endpoint_of(request) is None:
        return await handler(request)
    refusal = await _before(request, faults)
    if refusal is not None:
        return refusal
    response = await handler(request)
    if not isinstance(response, web.Response) or request.get(REFUSED):
        return response
    for name, change in _AFTER.items():
        if fault := faults.take(name, request.path):
            response = await change(request, response, fault)
    return response


async def _before(request: web.Request, faults: Faults) -> web.Response | None:
    """The answer of a request that is not carried out; None when it goes on."""
    if fault := faults.take(FaultName.LATENCY, request.path):
        await asyncio.sleep(fault.delay_seconds)
    if fault := faults.take(FaultName.TIMEOUT_BEFORE_ACCEPT, request.path):
        return await _silence(request, web.Response(), fault)
    if faults.take(FaultName.REFUSE_403, request.path):
        return web.Response(status=403, text=TOO_FAST)
    if faults.take(FaultName.HTML_504, request.path):
        return web.Response(status=504, text=_GATEWAY_TIMEOUT_PAGE, content_type="text/html")
    return None


async def _late(request: web.Request, response: web.Response, fault: Fault) -> web.Response:
    await asyncio.sleep(fault.delay_seconds)
    return response


async def _without_order_id(request: web.Request, response: web.Response, fault: Fault) -> web.Response:
    return _with_data(response, lambda data: {k: v for k, v in data.items() if k not in ("orderid", "uniqueorderid")})


async def _wrong_order_id(request: web.Request, response: web.Response, fault: Fault) -> web.Response:
    """An id of the right form that no order of this broker has."""

    def other(data: Mapping[str, Any]) -> dict[str, Any]:
        order_id = str(data.get("orderid", ""))
        return {**data, "orderid": f"{order_id[:6]}9{order_id[7:]}", "uniqueorderid": str(uuid.uuid4())}

    return _with_data(response, other)


async def _empty(request: web.Request, response: web.Response, fault: Fault) -> web.Response:
    return web.Response(status=502)


async def _page(request: web.Request, response: web.Response, fault: Fault) -> web.Response:
    return web.Response(text=_REJECTED_PAGE, content_type="text/html")


async def _truncated(request: web.Request, response: web.Response, fault: Fault) -> web.Response:
    """Half the body under the length of the whole, then the connection is cut."""
    body = response.body if isinstance(response.body, bytes) else b""
    half = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(body))})
    await half.prepare(request)
    await half.write(body[: len(body) // 2])
    return _cut(request)


async def _reset(request: web.Request, response: web.Response, fault: Fault) -> web.Response:
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        if connection is not None:  # closing with nothing to linger for sends RST instead of FIN
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return _cut(request)


async def _silence(request: web.Request, response: web.Response, fault: Fault) -> web.Response:
    """Say nothing for `delay_seconds`, or, without one, until the client has gone (two minutes at most); then hang up."""
    left = fault.delay_seconds or _LONGEST_SILENCE_SECONDS
    while left > 0 and request.transport is not None and not request.transport.is_closing():
        await asyncio.sleep(min(left, _LOOK_SECONDS))
        left -= _LOOK_SECONDS
    return _cut(request)


_AFTER: Mapping[FaultName, _After] = {
    FaultName.LATE_REPLY: _late,
    FaultName.STATUS_TRUE_NO_ORDERID: _without_order_id,
    FaultName.WRONG_ORDERID: _wrong_order_id,
    FaultName.ACCEPT_THEN_EMPTY_BODY: _empty,
    FaultName.ACCEPT_THEN_HTML: _page,
    FaultName.TRUNCATED_BODY: _truncated,
    FaultName.ACCEPT_THEN_RESET: _reset,
    FaultName.ACCEPT_THEN_TIMEOUT: _silence,
}


def _cut(request: web.Request) -> web.Response:
    """End the connection without an answer. What is returned goes nowhere."""
    if isinstance(request.transport, asyncio.Transport):
        request.transport.abort()
    return web.Response()


def _with_data(response: web.Response, change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> web.Response:
    """The same envelope with other data, where there are data to change."""
    envelope = json.loads(response.text or "{}")
    if not isinstance(envelope.get("data"), dict) or "orderid" not in envelope["data"]:
        return response
    return web.json_response({**envelope, "data": change(envelope["data"])})
