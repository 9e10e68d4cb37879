"""The notifier's HTTP side: the SSE stream and the WebSocket behind the gateway, and /healthz.

aiohttp, in the process's own loop. Granian embedded was tried: it does not say which port it bound, a write to a client that has gone
succeeds, and stopping it cancels streams before their last word.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import grpc
from aiohttp import web
from google.protobuf import json_format

from notifier import sse, websocket
from notifier.client_sink import ClientSink
from notifier.delivery import unsubscribe
from notifier.following import Following, Stream
from notifier.realtime.canary import Canary
from notifier.unsubscribing import ONE_CLICK, Unsubscribing
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

_MAXIMUM_FORM_BYTES: Final = 8 * 1024
_PAGE_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}

# How a stream reaches a client until either side is done.
Carry = Callable[[web.Request, Stream], Awaitable[web.StreamResponse]]


class HttpServer:
    """Serves until `stop`; tokens are verified here again, whatever the gateway did."""

    def __init__(
        self,
        following: Following,
        verifier: auth.TokenVerifier,
        canary: Canary,
        unsubscribing: Unsubscribing | None = None,
    ) -> None:
        self._following = following
        self._canary = canary
        self._verifier = verifier
        self._unsubscribing = unsubscribing
        application = web.Application(client_max_size=_MAXIMUM_FORM_BYTES)
        application.router.add_get(STREAM_PATH, self._stream)
        application.router.add_get(WEBSOCKET_PATH, self._websocket)
        application.router.add_get(unsubscribe.PATH, self._unsubscribe)
        application.router.add_post(unsubscribe.PATH, self._unsubscribe)
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

    async def _unsubscribe(self, request: web.Request) -> web.StreamResponse:
        """Without a token of the caller's: the link is one. Only a POST that says so changes something (RFC 8058 §3.2)."""
        if self._unsubscribing is None:
            return web.Response(status=404, text="this installation's mails have no such link\n")
        token = request.query.get("token", "")
        try:
            if request.method != "POST":
                page = self._unsubscribing.question(token)
            elif (await request.post()).get(ONE_CLICK[0]) == ONE_CLICK[1]:
                page = await self._unsubscribing.stop(token)
            else:
                raise InvalidArgumentError.field(ONE_CLICK[0], f"is not {ONE_CLICK[1]}; nothing was changed")
        except TradewindsError as e:
            return _error(e)
        return web.Response(text=page, content_type="text/html", headers=_PAGE_HEADERS)

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
            let_go = partial(_abort, request)
            async with self._following.stream(caller.subject, cursor, authorization, let_go) as stream:
                return await carry(request, stream)
        except TradewindsError as e:
            return _error(e)


async def _write(request: web.Request, stream: Stream) -> web.StreamResponse:
    response = web.StreamResponse(headers=_HEADERS)
    await response.prepare(request)
    try:
        await response.write(sse.opening())
        chunked = response.headers.get("Transfer-Encoding") == "chunked"
        sink = ClientSink(request, sse.chunk if chunked else sse.event_bytes, stream.outbox)
        await stream.pour(sink)
        sink.flush()
        await response.write_eof()
    except ConnectionError:
        pass  # the client went while we wrote
    return response


def _abort(request: web.Request) -> None:
    """Let its connection go, unread as it is."""
    if request.transport is not None:
        request.transport.abort()


def _refuse_unknown(request: web.Request) -> None:
    for name in request.query:
        if name != "last_event_id":
            raise InvalidArgumentError.field(name, "is not a parameter of this stream; it knows last_event_id")


def _error(error: TradewindsError) -> web.Response:
    """The same shape as every REST error behind the gateway."""
    body = json_format.MessageToDict(to_status(error), preserving_proto_field_name=True)
    return web.json_response(body, status=_HTTP_STATUS.get(error.code, 500))
