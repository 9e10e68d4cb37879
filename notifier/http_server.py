"""The notifier's HTTP side: the SSE stream and the WebSocket behind the gateway, and /healthz.

aiohttp, in the process's own loop. Granian embedded was tried: it does not say which port it bound, a write to a client that has gone
succeeds, and stopping it cancels streams before their last word.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import grpc
from aiohttp import web
from google.protobuf import json_format

from notifier import sse, websocket
from notifier.following import Following
from notifier.realtime.canary import Canary
from notifier.realtime.subscription import Batch
from tradewinds import auth
from tradewinds.errors import ConfigurationError, InvalidArgumentError, TradewindsError, to_status

STREAM_PATH: Final = "/v1/notifications/stream"
WEBSOCKET_PATH: Final = "/v1/ws"
_METHOD: Final = "/tradewinds.v1.Notifier/WatchNotifications"
_HTTP_STATUS: Final = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.UNAVAILABLE: 503,
}
# no-transform: a proxy that compresses would hold events back.
_HEADERS: Final = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
}

# How batches reach a client until either side is done.
Carry = Callable[[web.Request, AsyncIterator[Batch]], Awaitable[web.StreamResponse]]


class HttpServer:
    """Serves until `stop`; tokens are verified here again, whatever the gateway did."""

    def __init__(self, following: Following, verifier: auth.TokenVerifier, canary: Canary) -> None:
        self._following = following
        self._canary = canary
        self._verifier = verifier
        application = web.Application()
        application.router.add_get(STREAM_PATH, self._stream)
        application.router.add_get(WEBSOCKET_PATH, self._websocket)
        application.router.add_get("/healthz", self._health)
        # A client that goes cancels its handler, which is how its subscription ends.
        self._runner = web.AppRunner(application, handler_cancellation=True, access_log=None, shutdown_timeout=1.0)

    async def start(self, host: str, port: int) -> str:
        """Bind and serve; returns `host:port`. Raises `ConfigurationError` where the port is taken."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        try:
            await site.start()
        except OSError as e:
            await self._runner.cleanup()
            raise ConfigurationError(f"HTTP_PORT: {host}:{port} cannot be bound; is it in use? ({e})") from e
        return f"{host}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Accept no more; wait a second for handlers that run."""
        await self._runner.cleanup()

    async def _health(self, _request: web.Request) -> web.Response:
        """503 where nothing that happens would reach a stream: the gateway then prefers another replica."""
        well = self._canary.is_well
        status = {"status": "SERVING" if well else "LIVE_PATH_BROKEN", "canary_age_seconds": self._canary.age_seconds}
        return web.json_response(status, status=200 if well else 503)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, request.headers.get("Authorization", ""), _write)

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.Response(status=426, headers={"Upgrade": "websocket"}, text="this is a WebSocket\n")
        return await self._serve(request, websocket.authorization_of(request), websocket.serve)

    async def _serve(self, request: web.Request, authorization: str, carry: Carry) -> web.StreamResponse:
        # EventSource sends the header when it reconnects; a page that kept a cursor itself has only the query.
        cursor = request.headers.get("Last-Event-ID") or request.query.get("last_event_id", "")
        try:
            caller = self._verifier.verify_header(authorization)
            auth.authorize(_METHOD, caller)
            _refuse_unknown(request)
            async with self._following.stream(caller.subject, cursor, authorization) as batches:
                return await carry(request, batches)
        except TradewindsError as e:
            return _error(e)


async def _write(request: web.Request, batches: AsyncIterator[Batch]) -> web.StreamResponse:
    response = web.StreamResponse(headers=_HEADERS)
    await response.prepare(request)
    await response.write(sse.opening())
    try:
        async for batch in batches:
            await response.write(sse.event_bytes(batch))
        await response.write_eof()
    except ConnectionError:
        pass  # the client went while we wrote
    return response


def _refuse_unknown(request: web.Request) -> None:
    for name in request.query:
        if name != "last_event_id":
            raise InvalidArgumentError.field(name, "is not a parameter of this stream; it knows last_event_id")


def _error(error: TradewindsError) -> web.Response:
    """The same shape as every REST error behind the gateway."""
    body = json_format.MessageToDict(to_status(error), preserving_proto_field_name=True)
    return web.json_response(body, status=_HTTP_STATUS.get(error.code, 500))
